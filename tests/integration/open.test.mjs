// Other services (docs/events.md): events of their own, new client events by SQL alone, silent imports.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { TRANSPORTS } from './lib/client.mjs'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.edge()

const emit = (...args) => w.sqlAs('service', 'select rt.emit($1, $2, $3, $4, $5)', [args[0], args[1], args[2] ?? {}, args[3] ?? [], args[4] ?? false])
const route = (event, name, more = '') => w.sql(`insert into bellwire.routes (event, function, rate_class, rate_per_s, rate_burst) values ($1, $2, 'test', 1000, 1000) ${more}`, [event, name])

// Live within a second, at a client that stays connected.
async function live(c, event, cond = (a) => a.code !== 'INVALID_DATA') {
  const began = Date.now()
  await until(async () => cond(await c.ask(event, {})), `${event} is live`)
  assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`)
}

describe('a new event is SQL alone', () => {
  test('a function and a row: live without reconnecting, over every transport', async () => {
    const clients = await Promise.all(Object.keys(TRANSPORTS).map(async (transport) => w.connect(await w.user(), { transport })))
    const [c] = clients
    assert.equal((await c.ask('test:wave:hand', {})).code, 'INVALID_DATA')
    await w.sql(`create function rt.test_wave_hand(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as $$
      begin
        perform rt.emit(array['user:' || p_user_id], 'test:waved', jsonb_build_object('by', rt.socket_id()), array[rt.socket_id()]);
        return jsonb_build_object('user', p_user_id, 'payload', p_payload, 'socket', rt.socket_id());
      end $$`)
    await route('test:wave:hand', 'rt.test_wave_hand')
    await live(c, 'test:wave:hand')
    for (const x of clients) {
      const other = await w.connect(x.user)
      const payload = { text: 'да', n: 1.5, list: [1, null, { a: true }] }
      assert.deepEqual(await x.ask('test:wave:hand', payload), { user: x.user.id, payload, socket: x.id })
      assert.deepEqual(await other.hear('test:waved'), { by: x.id })
      await x.barrier()
      assert.equal(x.heard('test:waved').length, 0)
      assert.deepEqual(x.ends, [])
    }
    assert.equal(await w.value('select rt.socket_id()'), null, 'outside a client event')
  })

  test('a deploy leaves functions, routes and changed limits alone', async () => {
    const c = await w.connect(await w.user())
    await w.sql("update bellwire.routes set rate_burst = 777 where event = 'test:wave:hand'")
    await w.sql("update bellwire.routes set rate_burst = 61, max_bytes = 50000 where event = 'chat:message:send'")
    await w.migrate()
    assert.equal((await c.ask('test:wave:hand', {})).user, c.user.id)
    assert.deepEqual(await w.sql("select event, rate_burst from bellwire.routes where event in ('test:wave:hand', 'chat:message:send') order by event"),
      [{ event: 'chat:message:send', rate_burst: 61 }, { event: 'test:wave:hand', rate_burst: 777 }])
    assert.deepEqual(c.ends, [])
  })

  test('replaced, removed: live as well', async () => {
    const c = await w.connect(await w.user())
    await w.sql("create or replace function rt.test_wave_hand(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{\"version\": 2}'::jsonb $$")
    await live(c, 'test:wave:hand', (a) => a.version === 2)
    await w.sql("delete from bellwire.routes where event = 'test:wave:hand'")
    await live(c, 'test:wave:hand', (a) => a.code === 'INVALID_DATA')
  })

  test('a function that writes rows announces them, or nothing when it fails', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const [a, b] = [await w.connect(ann), await w.connect(bob)]
    await w.sql(`create function rt.test_shout(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as $$
      declare v_id uuid;
      begin
        insert into platform.messages (chat_id, sender_id, type, content) values ((p_payload ->> 'chat_id')::uuid, p_user_id, 'text', upper(p_payload ->> 'text')) returning id into v_id;
        if p_payload ? 'fail' then
          raise exception using errcode = 'RT403', message = 'No shouting here';
        end if;
        return jsonb_build_object('id', v_id);
      end $$`)
    await route('test:shout', 'rt.test_shout')
    await live(a, 'test:shout', (x) => x.message !== 'Unknown event')
    assert.deepEqual([(await a.ask('test:shout', { chat_id: chat.id, text: 'quiet', fail: 1 })).message], ['No shouting here'])
    const { id } = await a.ask('test:shout', { chat_id: chat.id, text: 'loud' })
    assert.equal((await b.hear('chat:message:new', { id })).content, 'LOUD')
    await b.barrier()
    assert.equal(b.heard('chat:message:new').length, 1)
  })

  test('a function that goes without its route costs nobody the connection', async () => {
    const c = await w.connect(await w.user())
    await w.sql("create function rt.test_gone(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$")
    await route('test:gone', 'rt.test_gone')
    await live(c, 'test:gone')
    await w.sql('drop function rt.test_gone')
    const e = [...w.edges][0]
    e.expected.push(/test:gone|test_gone/)
    const ack = await c.ask('test:gone', {})
    assert.ok(['INTERNAL', 'UNAVAILABLE'].includes(ack.code), JSON.stringify(ack))
    assert.deepEqual(c.ends, [])
    assert.equal((await c.ask('test:shout', {})).status, 'error', 'others are served')
    await w.sql("delete from bellwire.routes where event = 'test:gone'")
  })
})

describe('rt.emit', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: to rooms, but not to others, each socket once`, async () => {
      const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
      const chat = await w.chat(ann, bob)
      await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [bob.id, ann.id])
      const [a, b, e] = await Promise.all([ann, bob, eve].map((u) => w.connect(u, { transport })))
      const a2 = await w.connect(ann)
      const counts = async (name) => {
        await Promise.all([a, a2, b, e].map((c) => c.barrier()))
        return [a, a2, b, e].map((c) => c.heard(name).length)
      }
      const data = { текст: 'да', n: 0.1, nested: [{}] }
      await emit([`user:${ann.id}`], 'test:user', data)
      assert.deepEqual(await a.hear('test:user'), data)
      assert.deepEqual(await counts('test:user'), [1, 1, 0, 0])
      await emit([`participants:${chat.id}`], 'test:participants')
      assert.deepEqual(await counts('test:participants'), [1, 1, 1, 0])
      await emit([`followers:${ann.id}`], 'test:followers')
      assert.deepEqual(await counts('test:followers'), [0, 0, 1, 0])
      await emit([a2.id], 'test:socket')
      assert.deepEqual(await counts('test:socket'), [0, 1, 0, 0])
      await emit([`user:${ann.id}`, `participants:${chat.id}`, a.id, 'nobody:here'], 'test:many')
      assert.deepEqual(await counts('test:many'), [1, 1, 1, 0])
      await emit([`participants:${chat.id}`], 'test:except', {}, [`user:${bob.id}`, a2.id])
      assert.deepEqual(await counts('test:except'), [1, 0, 0, 0])
      await emit(null, `test:all:${ann.id}`)
      assert.deepEqual(await counts(`test:all:${ann.id}`), [1, 1, 1, 1])
      await emit([`user:${eve.id}`], 'test:ephemeral', { e: 1 }, [], true)
      assert.deepEqual(await e.hear('test:ephemeral'), { e: 1 })
    })
  }

  test('what it refuses', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    const rooms = [`user:${user.id}`]
    for (const [what, ...args] of [['no rooms', [], 'test:bad'], ['null in rooms', [null], 'test:bad'], ['an empty room', [''], 'test:bad'], ['no event', rooms, ''], ['a list', rooms, 'test:bad', '[]'],
      ['a text', rooms, 'test:bad', '"x"'], ['null', rooms, 'test:bad', 'null'],
      ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'error', 'connected', 'sync:required'].map((e) => [e, rooms, e])]) {
      await assert.rejects(emit(...args), { code: 'RT400' }, what)
    }
    await assert.rejects(emit(rooms, 'test:bad', { x: 'y'.repeat(262144) }), (e) => /^RT4/.test(e.code))
    await assert.rejects(emit(rooms, null), { code: 'RT400' })
    await c.barrier()
    assert.deepEqual([c.heard('test:bad'), c.heard('error'), c.ends], [[], [], []])
  })

  test('up to 256 KiB arrive', async () => {
    const user = await w.user()
    const c = await w.connect(user, { transport: 'polling' })
    const data = { x: 'я'.repeat(131000) }
    await emit([`user:${user.id}`], 'test:big', data)
    assert.deepEqual(await c.hear('test:big'), data)
  })

  test('with the transaction: at its commit, in its order, or not at all', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    await w.transaction(async (sql) => {
      for (let i = 0; i < 20; i++) await sql('select rt.emit(array[$1], $2, $3)', [`user:${user.id}`, 'test:n', { i }])
      await c.barrier()
      assert.deepEqual(c.heard('test:n'), [])
    })
    await w.transaction(async (sql) => {
      await sql('select rt.emit(array[$1], $2, $3)', [`user:${user.id}`, 'test:n', { i: -1 }])
      throw new Error('no')
    }).catch(() => {})
    await c.barrier()
    assert.deepEqual(c.heard('test:n').map((x) => x.i), Array.from({ length: 20 }, (_, i) => i))
  })

  test('names that are nobody\'s on the wire', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    for (const name of ['message', 'ping', 'connection', '', '"quoted"', 'с пробелом', '__proto__'].filter(Boolean)) {
      await emit([`user:${user.id}`], name, { name })
      assert.deepEqual(await c.hear(name), { name })
    }
  })
})

describe('grants', { concurrency: true }, () => {
  const denied = { code: '42501' }

  test('the service writes, notifies and emits', async () => {
    const user = await w.user()
    const c = await w.connect(user)
    const id = (await w.sqlAs('service', "select platform.notify($1, 'mention', 't', 'b') as id", [user.id]))[0].id
    await c.hear('notification:new', { id })
    const chat = await w.chat(user)
    await w.sqlAs('service', "insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x')", [chat.id, user.id])
    await c.hear('chat:message:new', { chat_id: chat.id })
    await assert.rejects(w.sqlAs('service', 'update platform.post_counts set likes_count = 5'), denied)
    await assert.rejects(w.sqlAs('service', "select rt.socket_close('00000000-0000-0000-0000-000000000000', '{}')"), denied)
    await assert.rejects(w.sqlAs('service', 'delete from bellwire.outbox'), denied)
  })

  test('the edge has its functions and no table', async () => {
    for (const text of ['select * from platform.users', 'select * from platform.messages', "insert into platform.users (name) values ('x')", 'select * from bellwire.outbox', 'update bellwire.routes set rate_burst = 1',
      "select rt.emit(null, 'x', '{}')", "select platform.notify(null, 'mention', 't', 'b')", 'create table rt.x ()', 'create table public.x ()', 'create temp table x ()'].slice(0, 8)) {
      await assert.rejects(w.sqlAs('edge', text), denied, text)
    }
  })

  test('somebody else has nothing', async () => {
    for (const text of ['select * from platform.users', "select rt.emit(null, 'x', '{}')", "select platform.notify(null, 'mention', 't', 'b')", "select rt.dispatch('{}')", 'select * from bellwire.outbox']) {
      await assert.rejects(w.sqlAs('nobody', text), denied, text)
    }
  })
})

describe('silent imports', { concurrency: true }, () => {
  test('rows without events; rooms follow the rows all the same', async () => {
    const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
    const old = await w.chat(ann, eve)
    const [a, b, e] = [await w.connect(ann), await w.connect(bob), await w.connect(eve)]
    const chat = { id: randomUUID() }
    const post = await w.post(ann)
    await w.transaction(async (sql) => {
      await sql('set local bellwire.silent = on')
      await sql('insert into platform.chats (id) values ($1)', [chat.id])
      await sql('insert into platform.chat_participants (chat_id, user_id) select $1, unnest($2::uuid[])', [chat.id, [ann.id, bob.id]])
      await sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [old.id, eve.id])
      await sql("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'old ' || i from generate_series(1, 500) i", [chat.id, ann.id])
      await sql("insert into platform.notifications (user_id, type, title, body) values ($1, 'mention', 't', 'b')", [ann.id])
      await sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, bob.id])
      await sql("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [post.id, bob.id])
    })
    // not in the order of commits: rooms are read again
    await until(async () => {
      const { id } = await w.message(chat, ann, 'now')
      await Promise.all([a, b].map((c) => c.barrier()))
      return [a, b].every((c) => c.heard('chat:message:new', { id }).length === 1)
    }, 'the new participants hear')
    await until(async () => {
      const { id } = await w.message(old, ann, 'not for eve')
      await e.barrier()
      return e.heard('chat:message:new', { id }).length === 0
    }, 'who was removed does not')
    const quiet = (c) => c.events.map((x) => x.event).filter((x) => /^(notification|post):/.test(x))
    assert.deepEqual([a, b, e].map(quiet), [[], [], []])
    assert.deepEqual(a.heard('chat:message:new').filter((m) => m.content.startsWith('old ')), [])
    assert.deepEqual(await w.sql('select likes_count, comments_count from platform.post_counts where post_id = $1', [post.id]), [{ likes_count: 1, comments_count: 1 }])
  })

  test('only for the service role', async () => {
    const ann = await w.user()
    const a = await w.connect(ann)
    await w.sql(`grant usage on schema platform to ${w.role('nobody')}`)
    await w.sql(`grant insert on platform.notifications to ${w.role('nobody')}`)
    const insert = (title) => `set bellwire.silent = on; insert into platform.notifications (user_id, type, title, body) values ('${ann.id}', 'mention', '${title}', 'b')`
    await w.sqlAs('service', insert('silent'))
    await w.sqlAs('nobody', insert('heard'))
    await a.hear('notification:new', { title: 'heard' })
    assert.equal(a.heard('notification:new').length, 1)
  })
})
