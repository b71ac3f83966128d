// docs/events.md "Errors": every code from a real cause, by ack and by event; bad input does nothing and costs nobody the connection.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { fails, keys } from './lib/client.mjs'
import { Dart } from './lib/dart.mjs'
import { seconds, sleep, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()

const EVENTS = ['chat:join', 'chat:leave', 'chat:message:send', 'chat:typing', 'chat:message:read', 'notification:read']

// Ann and Bob in a chat with a message and a notification for Ann; Ann has joined only for chat:leave.
async function scene(event) {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const foreign = await w.chat(bob)
  const { id: message } = await w.message(chat, bob)
  const { id: foreignMessage } = await w.message(foreign, bob)
  const notification = await w.notify(ann)
  const foreignNotification = await w.notify(bob)
  // Bob first: what Ann confirms, when the message was still on its way to her, is told to him
  const b = await w.connect(bob)
  const a = await w.connect(ann)
  await a.hear('connected')
  await b.ask('chat:join', { chat_id: chat.id })
  if (event === 'chat:leave') await a.ask('chat:join', { chat_id: chat.id })
  const good = {
    'chat:join': { chat_id: chat.id },
    'chat:leave': { chat_id: chat.id },
    'chat:message:send': { chat_id: chat.id, type: 'text', content: 'x', metadata: {} },
    'chat:typing': { chat_id: chat.id, is_typing: true },
    'chat:message:read': { chat_id: chat.id, message_id: message },
    'notification:read': { notification_id: notification },
  }[event]

  // rows from before they connected may still have been on their way
  await Promise.all([a, b].map((c) => c.barrier()))
  if (a.heard('chat:message:new').length) await b.hear('chat:message:delivered', { message_id: message })
  const heard = () => b.events.filter((e) => /^chat:(message|typing)|^notification:read/.test(e.event)).length
  const before = heard()

  // Nothing has happened: no row, no event to others, no room changed, the connection lives.
  async function untouched() {
    await w.sql('select rt.emit(array[$1], $2, $3)', [`chat:${chat.id}`, 'test:room', {}])
    await Promise.all([a, b].map((c) => c.barrier()))
    await b.barrier({ ephemeral: true })
    assert.deepEqual({
      ends: a.ends.length + b.ends.length,
      messages: await w.value('select count(*) from platform.messages where chat_id = any ($1)', [[chat.id, foreign.id]]),
      read: await w.value('select count(*) from platform.message_receipts r join platform.messages m on m.id = r.message_id where m.chat_id = any ($1) and r.read_at is not null',
        [[chat.id, foreign.id]]),
      notifications: await w.value('select count(*) from platform.notifications where user_id = any ($1) and read_at is not null', [[ann.id, bob.id]]),
      heard: heard() - before,
      joined: a.heard('test:room').length,
    }, { ends: 0, messages: 2, read: 0, notifications: 0, heard: 0, joined: event === 'chat:leave' ? 1 : 0 })
  }
  return { ann, bob, chat, foreign, message, foreignMessage, notification, foreignNotification, a, b, good, untouched }
}

const deep = (n) => JSON.parse(`${'['.repeat(n)}${']'.repeat(n)}`)
const WRONG_VALUES = [undefined, null, 5, true, [], {}, '', ' ', 'not-a-uuid', "'; drop table platform.messages; --", "' or '1'='1", '\ud800', 'a\udc00b', 'x\u0000y', 'a'.repeat(36),
  `${randomUUID()}\n`, `${randomUUID()}0`, `../${randomUUID()}`]

test('hints: with BELLWIRE_DEV alone', async () => {
  await w.sql(`create function rt.hint_fails(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as 'begin perform 1 / 0; return null; end'`)
  await w.sql(`create function rt.hint_bug(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as 'begin perform no_such_function(1); return null; end'`)
  await w.sql(`insert into bellwire.routes (event, function, max_bytes) values ('hint:fails', 'rt.hint_fails', 100), ('hint:bug', 'rt.hint_bug', 100)`)
  const ann = await w.user()
  const hints = async (edge) => {
    const first = await w.connect(await w.user(), { edge }) // whose limits this may use up
    await until(async () => (await first.ask('hint:bug', {})).code === 'INTERNAL', 'the routes are known')
    first.close()
    const a = await w.connect(ann, { edge })
    const read = await fetch(`${edge.url}/api/v2/chats`, { headers: { authorization: `Bearer ${token(ann, { exp: 1 })}` } }).then((r) => r.json())
    const bad = w.client(ann, { edge, token: token(ann, { exp: 1 }) })
    await bad.down()
    const acks = []
    for (const [event, payload] of [['nope', {}], ['hint:fails', {}], ['hint:bug', {}], ['hint:bug', { x: 'x'.repeat(100) }]]) acks.push(await a.ask(event, payload))
    acks.push(await a.ask('auth:refresh', { token: token(ann, { exp: 1 }) }), await a.ask('chat:join', { chat_id: randomUUID() }))
    a.close()
    return [...acks, ...bad.heard('error'), a.heard('error').find((e) => e.event === 'nope'), read].map((e) => e.hint)
  }
  const dev = await w.edge({ BELLWIRE_DEV: 'on' })
  dev.expected.push(/event function failed/)
  const [nope, fails, bug, large, refresh, join, connect, event, read] = await hints(dev)
  assert.equal(nope, 'bellwire.routes has no row for it')
  assert.match(fails, /division by zero/)
  assert.match(bug, /no_such_function.* does not exist/)
  assert.match(large, /max_bytes/)
  for (const why of [refresh, connect, read]) assert.match(why, /exp has passed/)
  assert.equal(join, undefined) // the message says it
  assert.equal(event, nope)
  await dev.stop()
  const plain = await w.edge()
  plain.expected.push(/event function failed/)
  assert.deepEqual(await hints(plain), Array(9).fill(undefined))
  await plain.stop()
})

describe('bad input', { concurrency: 3 }, () => {
  test('no limits for this group', async () => {
    await w.sql('update bellwire.routes set rate_per_s = 10000, rate_burst = 100000')
    const c = await w.connect(await w.user())
    await until(async () => (await Promise.all(Array.from({ length: 80 }, () => c.ask('chat:typing', {})))).every((a) => a.code === 'INVALID_DATA'), 'the limits are gone')
  })

  for (const event of EVENTS) {
    test(`${event}: the wrong arguments`, async () => {
      const { a, good, untouched } = await scene(event)
      for (const args of [[], [null], [5], ['text'], [JSON.stringify(good)], [true], [[]], [[good]], [good, good], [good, 1], [good, null], [{}], [{ nothing: 1 }],
        [Buffer.from('x')], [{ ...good, extra: Buffer.from('x') }], [good, Buffer.from('x')]]) {
        await fails(a, event, args, 'INVALID_DATA')
      }
      await untouched()
    })

    test(`${event}: wrong values in every field`, async () => {
      const { a, good, untouched } = await scene(event)
      for (const field of Object.keys(good).filter((f) => f !== 'metadata' && f !== 'content')) {
        for (const value of WRONG_VALUES) {
          if (field === 'is_typing' && value === true) continue
          await fails(a, event, [{ ...good, [field]: value }], 'INVALID_DATA')
        }
      }
      await untouched()
    })

    test(`${event}: valid JSON that is not taken`, async () => {
      const { a, good, untouched } = await scene(event)
      for (const extra of ['\ud800', '\u0000', { 'a\u0000b': 1 }, { '\udfff': 1 }, { _placeholder: true, num: 0 }, [[{ _placeholder: 'x' }]], deep(70)]) {
        await fails(a, event, [{ ...good, extra }], 'INVALID_DATA')
      }
      await untouched()
    })

    test(`${event}: raw JSON that no stock client writes`, async () => {
      const { ann, good, untouched } = await scene(event)
      const d = await Dart.up(edge, ann)
      const open = JSON.stringify(good).slice(0, -1)
      const first = Object.keys(good)[0]
      const cases = [`${open},"${first}":${JSON.stringify(good[first])}}`, `${open},"x":1,"x":2}`, `${open},"x":{"y":1,"y":1}}`, `${open},"x":1e999}`, `${open},"x":-1e400}`, `${open},"x":0e-16383}`,
        `${open},"x":"\\ud800\\u0041"}`, `${open},"x":"\\u0000"}`, `${open},"x":${'['.repeat(100)}${']'.repeat(100)}}`, `${open},"\\u0078":1,"x":2}`]
      let ackId = 100
      for (const raw of cases) {
        const id = ackId++
        let ack
        d.acks.set(id, (value) => { ack = value })
        d.sendText(`42${id}["${event}",${raw}]`)
        await until(() => ack, `an ack for ${raw.slice(0, 200)}`)
        assert.deepEqual([ack.status, ack.code], ['error', 'INVALID_DATA'], raw.slice(0, 200))
        assert.equal(d.heard('error').at(-1).event, event)
      }
      d.onlyMaps()
      await untouched()
      d.close()
    })

    test(`${event}: what is missing, or somebody else's`, async () => {
      const { a, good, foreign, foreignMessage, foreignNotification, untouched } = await scene(event)
      if (good.chat_id && event !== 'chat:leave') {
        await fails(a, event, [{ ...good, chat_id: foreign.id }], 'FORBIDDEN')
        await fails(a, event, [{ ...good, chat_id: randomUUID() }], 'CHAT_NOT_FOUND')
        await fails(a, event, [{ ...good, chat_id: '00000000-0000-0000-0000-000000000000' }], 'CHAT_NOT_FOUND')
      }
      for (const message_id of good.message_id ? [randomUUID(), foreignMessage] : []) await fails(a, event, [{ ...good, message_id }], 'FORBIDDEN')
      for (const notification_id of good.notification_id ? [randomUUID(), foreignNotification] : []) await fails(a, event, [{ notification_id }], 'FORBIDDEN')
      await untouched()
    })

    test(`${event}: larger than the event may be; the connection lives`, async () => {
      const { a, good, untouched } = await scene(event)
      await fails(a, event, [{ ...good, extra: 'x'.repeat(200000) }], 'MESSAGE_TOO_LARGE')
      await untouched()
    })

    test(`${event}: larger than a message may be: the connection is closed`, async () => {
      const { a, good, b, message, foreignMessage } = await scene(event)
      a.emit(event, { ...good, extra: 'x'.repeat(1100000) })
      assert.match(await a.down(), /^transport (close|error)$/)
      await b.barrier()
      assert.deepEqual(b.heard('chat:message:new').filter((m) => ![message, foreignMessage].includes(m.id)), [])
    })
  }

  test('chat:message:send: content and metadata of wrong types', async () => {
    const { a, good, untouched } = await scene('chat:message:send')
    for (const value of [undefined, null, 5, true, [], {}, '', ' ', '\ud800', 'x\u0000y']) await fails(a, 'chat:message:send', [{ ...good, content: value }], 'INVALID_DATA')
    for (const value of [5, true, [], 'x', [{}], { a: '\u0000' }]) await fails(a, 'chat:message:send', [{ ...good, metadata: value }], 'INVALID_DATA')
    await fails(a, 'chat:message:send', [{ ...good, content: 'x'.repeat(16385) }], 'MESSAGE_TOO_LARGE')
    await untouched()
  })

  test('SQL in a text is a text', async () => {
    const { a, b, chat } = await scene('chat:message:send')
    const evil = ["'); delete from platform.messages; --", '$$; drop schema platform cascade; $$', "\\'; select 1; --", '{"a":1}', '${process.exit()}', "E'\\x00'", 'a\u00001'.replace('\u0000', '\\0')]
    for (const content of evil) {
      const ack = await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content, client_id: content.slice(0, 64), metadata: { [content]: content } })
      assert.equal(ack.status, 'sent', JSON.stringify(ack))
      const m = await b.hear('chat:message:new', { id: ack.message_id })
      assert.deepEqual([m.content, m.metadata], [content, { [content]: content }])
    }
  })

  test('unknown events', async () => {
    const { a, untouched } = await scene('chat:join')
    for (const event of ['nope', 'chat:delete', 'chat', 'connected', 'sync:required', 'error', '__proto__', 'chat:join ', 'CHAT:JOIN', 'rt.chat_join', 'событие', 'x'.repeat(300), 'constructor',
      'chat:message:new', 'user:online', 'a\nb', '"', '\\']) {
      await fails(a, event, [{ chat_id: randomUUID() }], 'INVALID_DATA')
    }
    const before = a.heard('error').length
    a.emit('nope')
    a.emit('nope', 1, 2, 3)
    a.emit('')
    a.emit(5) // a number is a name, on the wire
    await a.hear('error', { code: 'INVALID_DATA' }, before + 4)
    await untouched()
  })

  test('without an ack: the error event alone, and client_id in it', async () => {
    const { a, good, untouched } = await scene('chat:message:send')
    a.emit('chat:message:send', { ...good, type: 'nope', client_id: 'c-1' })
    const e = await a.hear('error')
    keys(e, 'code', 'message', 'timestamp', 'event', 'client_id')
    assert.deepEqual([e.code, e.event, e.client_id], ['INVALID_DATA', 'chat:message:send', 'c-1'])
    await untouched()
  })

  test('broken JSON and wrong shapes close the connection', async () => {
    for (const raw of ['42{"a":1}', '42["chat:join",{]', '42[', '42', '42["disconnect",{}]', '49', '4', '42["chat:join",{}']) {
      const user = await w.user()
      const d = await Dart.up(edge, user)
      d.sendText(raw)
      await until(() => d.ended, raw)
      d.onlyMaps()
    }
    await w.connect(await w.user())
  })
})

describe('codes from what the database says', { concurrency: true }, () => {
  test('SQLSTATEs become codes; only RT messages are shown', async () => {
    edge.expected.push(/event function failed/)
    await w.sql(`create function rt.test_raise(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as $$
      begin raise exception using errcode = p_payload ->> 'state', message = 'relation "secret" violates ' || (p_payload ->> 'state'); end $$`)
    await w.sql("insert into bellwire.routes (event, function, rate_class, rate_per_s, rate_burst) values ('test:raise', 'rt.test_raise', 'test', 1000, 1000)")
    const c = await w.connect(await w.user())
    await until(async () => (await c.ask('test:raise', { state: 'RT400' })).message?.includes('RT400'), 'the route is live')
    const ask = (state) => c.ask('test:raise', { state })
    for (const [state, code] of Object.entries({ RT400: 'INVALID_DATA', RT401: 'UNAUTHORIZED', RT403: 'FORBIDDEN', RT404: 'CHAT_NOT_FOUND', RT413: 'MESSAGE_TOO_LARGE', RT429: 'RATE_LIMIT', RT503: 'UNAVAILABLE' })) {
      const ack = await ask(state)
      assert.deepEqual([ack.code, ack.message], [code, `relation "secret" violates ${state}`])
    }
    for (const [state, code] of Object.entries({ 22012: 'INVALID_DATA', '22P02': 'INVALID_DATA', 23505: 'INVALID_DATA', 23503: 'INVALID_DATA', 53200: 'UNAVAILABLE', 55000: 'UNAVAILABLE', '57014': 'UNAVAILABLE',
      '08006': 'UNAVAILABLE', '42P01': 'INTERNAL', XX000: 'INTERNAL', P0001: 'INTERNAL', '0A000': 'INTERNAL' })) {
      const ack = await fails(c, 'test:raise', [{ state }], code)
      if (code !== 'INTERNAL') continue
      // the id in the message finds the line in the log
      const id = ack.message.match(/[0-9a-f-]{6,}/i)?.[0]
      assert.ok(id, ack.message)
      await until(() => edge.log.includes(id), `the log names ${id}`)
    }
    assert.deepEqual(c.ends, [])
  })

  test('a chat whose row is locked for long: UNAVAILABLE in bounded time, and nothing of it later', async () => {
    const { a, b, chat, good } = await scene('chat:message:send')
    await w.transaction(async (sql) => {
      await sql('select from platform.chats where id = $1 for update', [chat.id])
      const began = Date.now()
      await fails(a, 'chat:message:send', [good], 'UNAVAILABLE')
      assert.ok(Date.now() - began < 6000, `${Date.now() - began} ms`)
    })
    assert.equal((await a.ask('chat:message:send', { ...good, content: 'after' })).status, 'sent')
    await b.hear('chat:message:new', { content: 'after' })
    assert.equal(b.heard('chat:message:new').length, 1)
  })

  test('UNAUTHORIZED: a refresh that is refused', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    assert.equal((await fails(c, 'auth:refresh', [{ token: token(user, { exp: seconds() - 9 }) }], 'UNAUTHORIZED')).message, 'Token not accepted')
    for (const args of [[], [1], [{ token: token(user) }, 1], [{ token: Buffer.from(token(user)) }]]) await fails(c, 'auth:refresh', args, 'INVALID_DATA')
  })
})

describe('rate limits', () => {
  const LIMITS = { 'chat:message:send': [10, 60], 'chat:typing': [5, 20], 'chat:message:read': [50, 200], 'chat:join': [20, 60] }

  test('as they come: bursts and codes', async () => {
    for (const [event, [rate, burst]] of Object.entries(LIMITS)) await w.sql('update bellwire.routes set rate_per_s = $2, rate_burst = $3 where rate_class = (select rate_class from bellwire.routes where event = $1)', [event, rate, burst])
    const { a: probe, good: g } = await scene('chat:typing')
    await until(async () => (await Promise.all(Array.from({ length: 60 }, () => probe.ask('chat:typing', g)))).some((x) => x.code === 'RATE_LIMIT'), 'limits are back')
    for (const [event, [rate, burst]] of Object.entries(LIMITS)) {
      const { a, good, ann } = await scene(event)
      const other = await w.connect(ann, { transport: 'polling' }) // limits are the user's, not the socket's
      const n = burst + 40
      const acks = await Promise.all(Array.from({ length: n }, (_, i) => (i % 2 ? a : other).ask(event, { ...good, content: `m${i}` })))
      const limited = acks.filter((x) => x.code === 'RATE_LIMIT')
      const passed = acks.filter((x) => x.status !== 'error')
      assert.equal(limited.length + passed.length, n, JSON.stringify(acks.find((x) => x.status === 'error' && x.code !== 'RATE_LIMIT')))
      assert.ok(passed.length >= burst && passed.length <= burst + rate * 2, `${event}: ${passed.length} of ${n} passed`)
      for (const x of limited) {
        keys(x, 'status', 'code', 'message', 'timestamp', 'retry_after_ms')
        assert.ok(Number.isInteger(x.retry_after_ms) && x.retry_after_ms > 0 && x.retry_after_ms <= 1000 / rate + 1, `${x.retry_after_ms}`)
      }
      const e = await until(() => [a, other].flatMap((c) => c.heard('error', { code: 'RATE_LIMIT' }))[0], 'the error event')
      keys(e, 'code', 'message', 'timestamp', 'event', 'retry_after_ms')
      assert.equal(a.ends.length, 0)
      if (event === 'chat:message:send') assert.equal(await w.value('select count(*) from platform.messages where chat_id = $1 and sender_id = $2', [good.chat_id, ann.id]), passed.length)
      // after the time it names, it works
      await sleep(limited.at(-1).retry_after_ms)
      const again = await a.ask(event, good)
      assert.ok(again.code !== 'RATE_LIMIT' || again.retry_after_ms <= 1000 / rate, JSON.stringify(again))
      await until(async () => (await a.ask(event, good)).status !== 'error', 'it works again')
    }
  })

  test('a changed limit is live within a second, in both directions', async () => {
    const { a, good } = await scene('chat:typing')
    const limited = async () => (await Promise.all(Array.from({ length: 10 }, () => a.ask('chat:typing', good)))).filter((x) => x.code === 'RATE_LIMIT').length
    assert.equal(await limited(), 0)
    await w.sql("update bellwire.routes set rate_per_s = 0.1, rate_burst = 2 where event = 'chat:typing'")
    // the limit of before is reached, too, by one who asks so often
    const ack = await until(async () => {
      const last = (await Promise.all(Array.from({ length: 5 }, () => a.ask('chat:typing', good)))).at(-1)
      return last.retry_after_ms > 5000 && last
    }, 'the lower limit', 1000)
    assert.ok(ack.retry_after_ms <= 10000, JSON.stringify(ack))
    // faster than the test can ask: the burst is filled at this rate
    await w.sql("update bellwire.routes set rate_per_s = 100000, rate_burst = 1000 where event = 'chat:typing'")
    await until(async () => await limited() === 0, 'the higher limit', 1000)
  })

  test('rate_per_s null: no limit', async () => {
    await w.sql("update bellwire.routes set rate_per_s = 0.01, rate_burst = 1 where event = 'chat:typing'")
    const { a, good } = await scene('chat:typing')
    const limited = async (n) => (await Promise.all(Array.from({ length: n }, () => a.ask('chat:typing', good)))).filter((x) => x.code === 'RATE_LIMIT').length
    await until(() => limited(2), 'the limit')
    await w.sql("update bellwire.routes set rate_per_s = null where event = 'chat:typing'")
    await until(async () => await limited(2) === 0, 'no limit', 1000)
    assert.equal(await limited(300), 0)
  })

  test('reconnecting refills nothing', async () => {
    await w.sql("update bellwire.routes set rate_per_s = 0.01, rate_burst = 3 where event = 'chat:message:send'")
    const { a, ann, good } = await scene('chat:message:send')
    await until(async () => (await a.ask('chat:message:send', good)).code === 'RATE_LIMIT', 'the limit')
    a.close()
    const again = await w.connect(ann)
    assert.equal((await again.ask('chat:message:send', good)).code, 'RATE_LIMIT')
  })

  test('auth:refresh', async () => {
    const { a, ann } = await scene('chat:typing')
    const acks = await Promise.all(Array.from({ length: 30 }, () => a.ask('auth:refresh', { token: token(ann) })))
    const limited = acks.filter((x) => x.code === 'RATE_LIMIT')
    assert.ok(limited.length > 0 && acks.length - limited.length >= 10, `${limited.length} of 30 limited`)
    assert.equal(acks[0].status, 'refreshed')
  })

  test('refusals count: unknown events are of class other, malformed ones of their own', async () => {
    const { a, b } = await scene('chat:typing')
    const codes = async (n, event, payload) => (await Promise.all(Array.from({ length: n }, (_, i) => a.ask(typeof event === 'function' ? event(i) : event, payload)))).map((x) => x.code)
    const unknown = await codes(90, (i) => `test:nobody:${i}`, {})
    const limited = unknown.filter((c) => c === 'RATE_LIMIT').length
    assert.ok(limited >= 20 && limited <= 40, `${limited} of 90 limited`)
    assert.equal(unknown.filter((c) => c === 'INVALID_DATA').length, 90 - limited)
    assert.deepEqual(unknown.slice(0, 50), Array(50).fill('INVALID_DATA'))
    assert.equal((await b.ask('test:nobody', {})).code, 'INVALID_DATA') // somebody else's bucket
    await w.sql("update bellwire.routes set rate_per_s = 0.01, rate_burst = 5 where event = 'chat:leave'")
    await until(async () => (await codes(1, 'chat:leave', 'no object'))[0] === 'RATE_LIMIT', 'malformed ones are limited')
    assert.equal((await a.ask('chat:leave', { chat_id: randomUUID() })).code, 'RATE_LIMIT')
  })

  test('one user\'s limit is no other user\'s', async () => {
    await w.sql("update bellwire.routes set rate_per_s = 0.1, rate_burst = 1 where event = 'notification:read'")
    const one = await scene('notification:read')
    await until(async () => (await one.a.ask('notification:read', one.good)).code === 'RATE_LIMIT', 'the limit')
    const id = await w.notify(one.bob)
    assert.equal((await one.b.ask('notification:read', { notification_id: id })).is_read, true)
  })
})
