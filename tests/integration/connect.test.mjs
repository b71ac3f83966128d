// docs/connecting.md: tokens, what a socket hears when it opens, refresh, expiry, users who go.
import assert from 'node:assert/strict'
import { generateKeyPairSync, createSign } from 'node:crypto'
import { describe, test } from 'node:test'
import { keys, TIME, TRANSPORTS } from './lib/client.mjs'
import { seconds, sign, SECRET, sleep, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()
const other = await w.user('другой')

const near = (time, ms = 5000) => assert.ok(Math.abs(Date.parse(time) - Date.now()) < ms, `${time} is now`)

async function refused(c) {
  assert.equal(await c.down(), 'io server disconnect')
  assert.deepEqual(c.events.map((e) => e.event), ['error'])
  const [e] = c.heard('error')
  keys(e, 'code', 'message', 'timestamp')
  assert.deepEqual([e.code, e.message], ['UNAUTHORIZED', 'Invalid token'])
  assert.match(e.timestamp, TIME)
}

describe('a good token', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: connected, then sync:required`, async () => {
      const user = await w.user()
      const c = await w.connect(user, { transport })
      assert.deepEqual(c.events.map((e) => e.event).filter((e) => !e.startsWith('user:')), ['connected', 'sync:required'])
      const [connected] = c.heard('connected')
      keys(connected, 'socket_id', 'user_id', 'timestamp')
      assert.equal(connected.socket_id, c.id)
      assert.equal(connected.user_id, user.id)
      assert.match(connected.timestamp, TIME)
      near(connected.timestamp)
      const [sync] = c.heard('sync:required')
      keys(sync, 'user_id', 'reason', 'timestamp')
      assert.deepEqual([sync.user_id, sync.reason], [user.id, 'connection_established'])
      assert.match(sync.timestamp, TIME)
    })

    test(`${transport}: in the Authorization header`, async () => {
      const user = await w.user()
      const c = await w.connect(user, { transport, auth: undefined, extraHeaders: { Authorization: `Bearer ${token(user)}` } })
      assert.equal(c.heard('connected')[0].user_id, user.id)
    })
  }

  test('the payload wins over the header', async () => {
    const [one, two] = await w.users('one', 'two')
    const c = await w.connect(one, { extraHeaders: { Authorization: `Bearer ${token(two)}` } })
    assert.equal(c.heard('connected')[0].user_id, one.id)
  })

  test('auth as a function', async () => {
    const user = await w.user()
    const c = await w.connect(user, { auth: (cb) => cb({ token: token(user) }) })
    assert.equal(c.heard('connected')[0].user_id, user.id)
  })

  test('nbf in the past, iss and aud that nobody asked for, a fractional exp', async () => {
    const user = await w.user()
    await w.connect(user, { token: token(user, { nbf: seconds() - 5, iss: 'x', aud: ['y'], exp: seconds() + 100.5, roles: { deep: [1] } }) })
  })

  test('sub in upper case is the same user, and is shown as the row has it', async () => {
    const user = await w.user()
    const c = await w.connect(user, { token: token(user.id.toUpperCase()) })
    assert.equal(c.heard('connected')[0].user_id, user.id)
    await w.notify(user)
    await c.hear('notification:new')
  })

  test('rooms are complete before connected', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [ann.id, bob.id])
    const post = await w.post(bob)
    for (let i = 0; i < 5; i++) {
      const c = w.client(ann)
      await c.hear('connected')
      const m = await w.message(chat, bob)
      await w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, (await w.user()).id])
      await c.hear('chat:message:new', { id: m.id })
      await c.hear('post:liked')
      c.close()
    }
  })
})

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rs256 = (claims) => {
  const body = ['{"alg":"RS256","typ":"JWT"}', JSON.stringify(claims)].map((x) => Buffer.from(x).toString('base64url')).join('.')
  return `${body}.${createSign('sha256').update(body).sign(privateKey, 'base64url')}`
}

const HS = { alg: 'HS256', typ: 'JWT' }
const exp = seconds() + 3600
const BAD = {
  'absent': () => undefined,
  'empty': () => '',
  'no JWT': () => 'x.y.z',
  'a number': () => 5,
  'an object': () => ({ a: 1 }),
  'null': () => null,
  'very long': () => 'a'.repeat(20000),
  'another secret': (u) => sign(HS, { sub: u.id, exp }, 'another secret, as long as a secret has to be'),
  'a changed signature': (u) => `${token(u).slice(0, -4)}AAAA`,
  'no signature': (u) => `${token(u).split('.').slice(0, 2).join('.')}.`,
  'expired': (u) => token(u, { exp: seconds() - 1 }),
  'exp missing': (u) => token(u, { exp: undefined }),
  'exp a text': (u) => token(u, { exp: String(exp) }),
  'exp null': (u) => token(u, { exp: null }),
  'exp true': (u) => token(u, { exp: true }),
  'nbf in the future': (u) => token(u, { nbf: seconds() + 600 }),
  'nbf a text': (u) => token(u, { nbf: 'soon' }),
  'alg none': (u) => sign({ alg: 'none', typ: 'JWT' }, { sub: u.id, exp }),
  'alg None': (u) => `${sign({ alg: 'None', typ: 'JWT' }, { sub: u.id, exp }).split('.').slice(0, 2).join('.')}.`,
  'alg none with a signature': (u) => `${sign({ alg: 'none' }, { sub: u.id, exp })}${token(u).split('.')[2]}`,
  'alg HS512': (u) => sign({ alg: 'HS512', typ: 'JWT' }, { sub: u.id, exp }),
  'alg RS256': (u) => rs256({ sub: u.id, exp }),
  'alg RS256 with a MAC': (u) => sign({ alg: 'RS256' }, { sub: u.id, exp }),
  'no alg': (u) => sign({ typ: 'JWT' }, { sub: u.id, exp }),
  'sub missing': () => sign(HS, { exp }),
  'sub no uuid': () => token('admin'),
  'sub a number': () => sign(HS, { sub: 7, exp }),
  'sub with SQL': () => token("'; drop table platform.users; --"),
  'sub of nobody': () => token('00000000-0000-4000-8000-000000000000'),
  'a disabled user': async (u) => { await w.sql('update platform.users set disabled_at = now() where id = $1', [u.id]); return token(u) },
}

describe('a bad token', { concurrency: true }, () => {
  for (const [name, make] of Object.entries(BAD)) {
    test(name, async () => {
      const user = await w.user()
      await refused(w.client(user, { auth: { token: await make(user) } }))
      assert.equal(await w.value('select last_seen_at from platform.users where id = $1', [user.id]), null)
    })
  }

  for (const transport of ['polling', 'upgrade']) test(`${transport}: expired`, async () => refused(w.client(null, { transport, auth: { token: token('x') } })))

  test('the header, too', async () => {
    const user = await w.user()
    for (const v of [`Bearer ${token(user, { exp: 1 })}`, `Basic ${token(user)}`, token(user), 'Bearer', 'Bearer ']) {
      await refused(w.client(user, { auth: undefined, extraHeaders: { Authorization: v } }))
    }
  })

  test('never from the URL', async () => {
    const user = await w.user()
    await refused(w.client(user, { auth: undefined, query: { token: token(user), access_token: token(user) } }))
  })

  test('auth that is no object is refused as a token or as a packet, and never lets in', async () => {
    for (const auth of [{}, { token: { token: token(await w.user()) } }, { token: [token(await w.user())] }]) await refused(w.client(null, { auth }))
  })

  test('what a refused client has in flight does nothing', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const watcher = await w.connect(bob)
    const c = w.client(ann, { token: token(ann, { exp: seconds() - 1 }) })
    c.socket.on('connect', () => {
      for (let i = 0; i < 5; i++) c.emit('chat:message:send', { chat_id: chat.id, type: 'text', content: 'no' })
      c.emit('chat:typing', { chat_id: chat.id, is_typing: true })
    })
    await refused(c)
    await watcher.barrier()
    assert.deepEqual(watcher.heard('chat:message:new'), [])
    assert.deepEqual(watcher.heard('user:online', { user_id: ann.id }), [])
    assert.equal(await w.value('select count(*) from platform.messages where chat_id = $1', [chat.id]), 0)
  })
})

describe('reason', { concurrency: true }, () => {
  const reason = async (user) => {
    const c = await w.connect(user)
    return [c.heard('sync:required')[0].reason, c]
  }

  test('a clean end is forgotten: 41 by websocket, 1 by polling', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    c.close()
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [user.id]) === 0, 'the socket ended')
    assert.equal((await reason(user))[0], 'connection_established')
  })

  for (const transport of ['websocket', 'upgrade']) {
    test(`${transport}: a lost connection makes it reconnection`, async () => {
      const user = await w.user()
      const c = await w.connect(user, { transport })
      c.drop()
      await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [user.id]) === 0, 'the socket ended')
      assert.equal((await reason(user))[0], 'reconnection')
    })
  }

  test('a recovery id that nobody knows makes it reconnection', async () => {
    const user = await w.user()
    const c = w.client(user, { auth: { token: token(user), pid: 'cGlkcGlkcGlkcGlkcGlk', offset: 'nothing' } })
    assert.equal((await c.hear('sync:required')).reason, 'reconnection')
  })

  test('an expired token that was refused makes it token_refresh, once more than reconnection', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    c.drop()
    await refused(w.client(user, { token: token(user, { exp: seconds() - 1 }) }))
    assert.equal((await reason(user))[0], 'token_refresh')
  })

  test('an expired token of another key leaves no trace', async () => {
    const user = await w.user()
    await refused(w.client(user, { auth: { token: sign(HS, { sub: user.id, exp: 1 }, 'another secret, as long as a secret has to be') } }))
    assert.equal((await reason(user))[0], 'connection_established')
  })

  test('it is noted before the client hears of the refusal', async () => {
    const user = await w.user()
    await w.connect(user)
    let told = false, refusal
    await w.transaction(async (sql) => {
      await sql('select from bellwire.presence where user_id = $1 for update', [user.id])
      refusal = refused(w.client(user, { token: token(user, { exp: seconds() - 1 }) })).then(() => { told = true })
      await until(async () => await w.value("select count(*)::int from pg_stat_activity where datname = current_database() and query like '%token_expired%' and wait_event_type = 'Lock'") === 1, 'the note waits')
      await w.connect(await w.user())
      assert.equal(told, false)
    })
    await refusal
  })

  test('it is noted before the client is back, whatever else waits for the database', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const b = await w.connect(bob)
    const waits = (n) => until(async () => await w.value("select count(*)::int from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge' and wait_event_type = 'Lock'") >= n, `${n} calls wait`)
    await w.transaction(async (sql) => {
      // the links for what no client waits for: one has a read that waits for a table, one the end of a socket that waits for a row
      await sql('lock table platform.notifications in access exclusive mode')
      await sql('select from bellwire.presence where user_id = $1 for update', [bob.id])
      const read = fetch(`${edge.url}/api/v2/notifications`, { headers: { authorization: `Bearer ${token(bob)}` } })
      read.catch(() => {})
      await waits(1)
      b.close()
      await waits(2)
      await refused(w.client(ann, { token: token(ann, { exp: seconds() - 1 }) }))
      assert.equal((await reason(ann))[0], 'token_refresh')
    })
  })

  test('expiry on a live socket: error and 41, then token_refresh', async () => {
    const user = await w.user()
    const c = await w.connect(user, { token: token(user, { exp: seconds() + 2 }) })
    assert.equal(await c.down(), 'io server disconnect')
    const e = c.heard('error')
    assert.equal(e.length, 1)
    keys(e[0], 'code', 'message', 'timestamp')
    assert.deepEqual([e[0].code, e[0].message], ['UNAUTHORIZED', 'Invalid token'])
    // as a client of the specification does: a new token, then connect() on the same socket object
    c.socket.auth = { token: token(user) }
    c.socket.connect()
    assert.equal((await c.hear('sync:required', undefined, 2)).reason, 'token_refresh')
  })

  test('who comes back at once is let in when the end is known', async () => {
    // an end that the database takes long to note, and behind it the one that counts
    const [slow, user] = await w.users('slow', 'back at once')
    const own = await w.edge()
    const c = await w.connect(user, { edge: own, token: token(user, { exp: seconds() + 3 }) })
    const other = await w.connect(slow, { edge: own })
    await w.transaction(async (sql) => {
      await sql('select from bellwire.presence where user_id = $1 for update', [slow.id])
      other.close()
      await c.down()
      c.socket.auth = { token: token(user) }
      c.socket.connect()
      await until(() => c.socket.io.engine.readyState === 'open', 'the session')
      await sleep(300)
    })
    assert.equal((await c.hear('sync:required', undefined, 2)).reason, 'token_refresh')
    c.close()
    await own.stop()
  })
})

describe('auth:refresh', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: accepted`, async () => {
      const user = await w.user()
      const first = seconds() + 5 // time enough to connect on a busy machine
      const c = await w.connect(user, { transport, token: token(user, { exp: first }) })
      const exp = seconds() + 1000
      assert.deepEqual(await c.ask('auth:refresh', { token: token(user, { exp }) }), { status: 'refreshed', expires_at: new Date(exp * 1000).toISOString() })
      const sync = await c.hear('sync:required', undefined, 2)
      keys(sync, 'user_id', 'reason', 'timestamp')
      assert.equal(sync.reason, 'token_refresh')
      // and lives on past the end of the first token
      await until(() => Date.now() > first * 1000 + 600, 'time passes')
      await c.barrier()
      assert.deepEqual(c.ends, [])
    })
  }

  test('an earlier exp is taken, and ends the socket', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    const exp = seconds() + 2
    assert.equal((await c.ask('auth:refresh', { token: token(user, { exp }) })).status, 'refreshed')
    assert.equal(await c.down(), 'io server disconnect')
    assert.ok(Date.now() >= exp * 1000 - 50, 'not before its time')
    assert.equal(c.heard('error').at(-1).message, 'Invalid token')
  })

  test('without an ack it works as well', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    c.emit('auth:refresh', { token: token(user) })
    await c.hear('sync:required', { reason: 'token_refresh' })
  })

  const REFUSED = {
    'an expired one': (u) => ({ token: token(u, { exp: seconds() - 1 }) }),
    'of another user': () => ({ token: token(other) }),
    'another secret': (u) => ({ token: sign(HS, { sub: u.id, exp }, 'another secret, as long as a secret has to be') }),
    'alg none': (u) => ({ token: sign({ alg: 'none' }, { sub: u.id, exp }) }),
  }
  for (const [name, payload] of Object.entries(REFUSED)) {
    test(`refused: ${name}`, async () => {
      const user = await w.user()
      const c = await w.connect(user)
      const ack = await c.ask('auth:refresh', payload(user))
      keys(ack, 'code', 'message', 'status', 'timestamp')
      assert.deepEqual([ack.status, ack.code, ack.message], ['error', 'UNAUTHORIZED', 'Token not accepted'])
      const e = await c.hear('error')
      assert.deepEqual([e.code, e.message, e.event], ['UNAUTHORIZED', 'Token not accepted', 'auth:refresh'])
      await c.barrier()
      assert.deepEqual([c.ends, c.heard('sync:required').length], [[], 1])
    })
  }

  for (const [name, args] of Object.entries({ 'no argument': [], 'a text': [SECRET], 'no token': [{}], 'a number': [{ token: 1 }], 'a list': [[1]] })) {
    test(`bad payload: ${name}`, async () => {
      const c = await w.connect(await w.user())
      const ack = await c.ask('auth:refresh', ...args)
      assert.ok(['INVALID_DATA', 'UNAUTHORIZED'].includes(ack.code), JSON.stringify(ack))
      await c.barrier()
      assert.deepEqual(c.ends, [])
    })
  }
})

describe('a user who goes', { concurrency: true }, () => {
  for (const [name, text] of Object.entries({
    disabled: 'update platform.users set disabled_at = now() where id = $1',
    deleted: 'delete from platform.users where id = $1',
  })) {
    test(`${name}: all sockets end within a second, as with an expired token`, async () => {
      const user = await w.user()
      const clients = await Promise.all(Object.keys(TRANSPORTS).map((transport) => w.connect(user, { transport })))
      const began = Date.now()
      await w.sql(text, [user.id])
      for (const c of clients) {
        assert.equal(await c.down(), 'io server disconnect')
        const [e] = c.heard('error')
        keys(e, 'code', 'message', 'timestamp')
        assert.deepEqual([e.code, e.message], ['UNAUTHORIZED', 'Invalid token'])
      }
      assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`)
      await refused(w.client(user))
    })
  }

  test('enabled again: welcome', async () => {
    const user = await w.user()
    await w.sql('update platform.users set disabled_at = now() where id = $1', [user.id])
    await refused(w.client(user))
    await w.sql('update platform.users set disabled_at = null where id = $1', [user.id])
    await w.connect(user)
  })
})

test('iss, aud and leeway when configured', async () => {
  const strict = await w.edge({ JWT_ISSUER: 'auth.example', JWT_AUDIENCE: 'app', JWT_LEEWAY_S: '30' })
  const user = await w.user()
  const good = { iss: 'auth.example', aud: 'app' }
  for (const claims of [good, { ...good, aud: ['other', 'app'] }, { ...good, exp: seconds() - 5 }, { ...good, nbf: seconds() + 5 }]) {
    (await w.connect(user, { edge: strict, token: token(user, claims) })).close()
  }
  for (const claims of [{}, { ...good, iss: 'x' }, { ...good, iss: undefined }, { ...good, aud: 'x' }, { ...good, aud: undefined }, { ...good, aud: [] }, { ...good, exp: seconds() - 60 }]) {
    await refused(w.client(user, { edge: strict, token: token(user, claims) }))
  }
  await strict.stop()
})

describe('rows that somebody holds', () => {
  test('a user whose row is locked for long comes and goes, and so does everybody else', async () => {
    const [held, other] = await w.users('held', 'other')
    await w.transaction(async (sql) => {
      await sql('select from platform.users where id = $1 for update', [held.id])
      const began = Date.now()
      const clients = await Promise.all([w.connect(held), w.connect(other)])
      assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`)
      for (const c of clients) c.close()
      await until(async () => await w.value('select count(*)::int from bellwire.sockets where user_id = any($1)', [[held.id, other.id]]) === 0, 'both are gone')
    })
  })

  test('a call that failed while the database is there is repeated', async () => {
    const user = await w.user()
    let c
    await w.transaction(async (sql) => {
      await sql('lock table bellwire.sockets in share mode')
      c = w.client(user)
      assert.equal((await c.hear('error')).code, 'UNAVAILABLE')
    })
    await c.up()
    assert.deepEqual(c.ends, [])
  })
})

test('one edge under all of it', () => assert.equal(edge.ended, null))

test('a user has so many sockets and no more; the others have theirs', async () => {
  const edge = await w.edge({ BELLWIRE_MAX_SOCKETS_PER_USER: '2', BELLWIRE_PING_INTERVAL_MS: '2000', BELLWIRE_PING_TIMEOUT_MS: '1000' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const first = await w.connect(ann, { edge })
  await w.connect(ann, { edge, transport: 'polling' })
  const refused = w.client(ann, { edge })
  assert.equal(await refused.down(), 'io server disconnect')
  assert.deepEqual(refused.events.map((e) => e.event), ['error'])
  const { code, message, retry_after_ms: after } = refused.heard('error')[0]
  assert.deepEqual([code, message, after], ['RATE_LIMIT', 'Too many sockets', 3000])
  assert.equal(await w.value('select count(*) from bellwire.sockets where user_id = $1', [ann.id]), 2)
  assert.equal(await edge.metric('bellwire_sockets_refused_total'), 1)
  assert.equal(await edge.metric('bellwire_errors_total', { code: 'RATE_LIMIT' }), 1)
  await w.connect(bob, { edge })
  first.close()
  await until(async () => await edge.metric('bellwire_sockets') === 2, 'there is room again')
  const next = await w.connect(ann, { edge })
  await w.notify(ann)
  await next.hear('notification:new')
  await edge.stop()
})
