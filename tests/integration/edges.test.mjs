// Two edges on one database: events of one are heard at the other.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TRANSPORTS } from './lib/client.mjs'
import { token, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
const [one, two] = [await w.edge(), await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })] // the second one trusts its bell alone

// Ann at the first edge, Bob at the second, in a chat; each with a second device at the other edge.
async function scene(transport = 'websocket') {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const [a, b, a2, b2] = await Promise.all([w.connect(ann, { edge: one, transport }), w.connect(bob, { edge: two, transport }), w.connect(ann, { edge: two }), w.connect(bob, { edge: one })])
  return { ann, bob, chat, a, b, a2, b2 }
}

describe('across', { concurrency: 2 }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: a message, its delivery, its reading, typing, notifications, likes, comments`, async () => {
      const { ann, bob, chat, a, b, a2, b2 } = await scene(transport)
      const { message_id: id } = await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })
      for (const c of [a, b, a2, b2]) await c.hear('chat:message:new', { id })
      for (const c of [a, a2]) await c.hear('chat:message:delivered', { message_id: id, delivered_to: bob.id })
      await b.ask('chat:message:read', { chat_id: chat.id, message_id: id })
      for (const c of [a, a2]) await c.hear('chat:message:read', { message_id: id, read_by: bob.id })
      for (const c of [a, b, a2]) await c.ask('chat:join', { chat_id: chat.id })
      await a.ask('chat:typing', { chat_id: chat.id, is_typing: true })
      for (const c of [b, a2]) await c.hear('chat:typing', { user_id: ann.id })
      const n = await w.notify(ann)
      for (const c of [a, a2]) await c.hear('notification:new', { id: n })
      await a2.ask('notification:read', { notification_id: n })
      await a.hear('notification:read', { notification_id: n })
      const post = await w.post(bob)
      await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [ann.id, bob.id])
      await w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, ann.id])
      for (const c of [a, b, a2, b2]) await c.hear('post:liked', { post_id: post.id })
      await w.sql('delete from platform.post_likes where post_id = $1', [post.id])
      for (const c of [a, b, a2, b2]) await c.hear('post:unliked', { post_id: post.id })
      await w.sql("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [post.id, ann.id])
      for (const c of [b, b2]) await c.hear('post:commented', { post_id: post.id })
      await Promise.all([a, b, a2, b2].map((c) => c.barrier({ ephemeral: true })))
      const once = ['chat:message:new', 'chat:message:delivered', 'chat:message:read', 'chat:typing', 'notification:new', 'notification:read', 'post:liked', 'post:unliked', 'post:commented']
      assert.deepEqual([a, a2, b, b2].map((c) => once.map((e) => c.heard(e).length)), [[1, 1, 1, 0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 2, 0, 1, 1, 1],
        [1, 0, 0, 0, 2, 0, 1, 1, 1]])
    })
  }

  test('membership, a disabled user and a refreshed token hold on every edge', async () => {
    const { ann, bob, chat, a, b, a2, b2 } = await scene()
    await w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
    await w.message(chat, ann)
    for (const c of [a, a2]) await c.hear('chat:message:new')
    for (const c of [b, b2]) assert.deepEqual((await c.barrier()).heard('chat:message:new'), [])
    await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, bob.id])
    await w.message(chat, ann, 'again')
    for (const c of [b, b2]) await c.hear('chat:message:new', { content: 'again' })
    await w.sql('update platform.users set disabled_at = now() where id = $1', [bob.id])
    for (const c of [b, b2]) assert.equal(await c.down(), 'io server disconnect')
    assert.deepEqual([a.ends, a2.ends], [[], []])
    assert.equal((await a.ask('auth:refresh', { token: token(ann) })).status, 'refreshed')
    await a2.barrier()
    assert.equal(a2.heard('sync:required').length, 1, 'a refresh is one socket\'s')
  })

  test('many writers at both: the same order for everyone', async () => {
    const { chat, a, b, a2, b2 } = await scene()
    const acks = await Promise.all([a, b, a2, b2].flatMap((c) => Array.from({ length: 12 }, (_, i) => c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `${i}` }))))
    // On a busy machine some wait too long for the chat's lock, and are refused.
    assert.ok(acks.every((x) => x.status === 'sent' || x.code === 'UNAVAILABLE'), JSON.stringify(acks))
    const stored = (await w.sql('select id from platform.messages where chat_id = $1 order by seq', [chat.id])).map((r) => r.id)
    assert.deepEqual(acks.filter((x) => x.status === 'sent').map((x) => x.message_id).sort(), [...stored].sort())
    for (const c of [a, b, a2, b2]) {
      await c.hear('chat:message:new', undefined, stored.length)
      assert.deepEqual(c.heard('chat:message:new').map((m) => m.id), stored)
    }
  })

  // A client's events are relayed and dispatched in turn: everywhere they come as they were said.
  test('typing, a message, typing: in this order at both', async () => {
    const { chat, a, b, b2 } = await scene()
    for (const c of [a, b, b2]) await c.ask('chat:join', { chat_id: chat.id })
    const rounds = 6
    for (let i = 0; i < rounds; i++) {
      await a.barrier() // the edge has read what its own events wrote
      // the second one waits for the row of the first one
      for (let n = 0; n < 2; n++) a.emit('chat:typing', { chat_id: chat.id, is_typing: true })
      a.emit('chat:message:send', { chat_id: chat.id, type: 'text', content: `${i}` })
      await a.ask('chat:typing', { chat_id: chat.id, is_typing: false })
    }
    const wanted = Array.from({ length: rounds }, (_, i) => [true, true, `${i}`, false]).flat()
    assert.ok(await w.value("select count(*) from bellwire.outbox_ephemeral where control = 'relayed' and data::text like $1", [`%${chat.id}%`]) >= rounds / 2) // the others it dispatches, where it is not sure
    for (const c of [b, b2]) {
      await c.hear('chat:typing', { is_typing: false }, rounds)
      await c.hear('chat:message:new', undefined, rounds)
      assert.deepEqual(c.events.filter((x) => /typing|message:new/.test(x.event)).map((x) => x.args[0].is_typing ?? x.args[0].content), wanted)
    }
  })

  test('typing of many at once: others are told by few rows', async () => {
    const { chat, b, b2 } = await scene()
    for (const c of [b, b2]) await c.ask('chat:join', { chat_id: chat.id })
    const people = await w.users(...Array.from({ length: 10 }, (_, i) => `U${i}`))
    await w.sql('insert into platform.chat_participants (chat_id, user_id) select $1, unnest($2::uuid[])', [chat.id, people.map((u) => u.id)])
    const all = await Promise.all(people.map((u) => w.connect(u, { edge: one })))
    for (const c of all) await c.ask('chat:join', { chat_id: chat.id }) // and so their names are known
    const say = () => Promise.all(all.map((c) => c.ask('chat:typing', { chat_id: chat.id, is_typing: true })))
    assert.ok((await say()).every((x) => x.status === 'ok'))
    const relayed = () => w.value("select count(*) from bellwire.outbox_ephemeral where control = 'relayed' and data::text like $1", [`%${chat.id}%`])
    const before = await relayed()
    for (let i = 0; i < 5; i++) assert.ok((await say()).every((x) => x.status === 'ok'))
    const n = await relayed() - before
    assert.ok(n > 0 && n <= 25, `${n} rows for 50 events`)
    for (const c of [b, b2]) {
      await c.hear('chat:typing', undefined, 60)
      await c.barrier({ ephemeral: true })
      assert.equal(c.heard('chat:typing').length, 60)
    }
  })

  test('client_id at both edges at the same moment: one row', async () => {
    const { chat, a, a2 } = await scene()
    for (let i = 0; i < 10; i++) {
      const acks = await Promise.all([a, a2].map((c) => c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x', client_id: `c${i}` })))
      assert.equal(acks[0].message_id, acks[1].message_id, JSON.stringify(acks))
    }
  })
})

test('an edge that sleeps is rung: bells alone carry single events, one after the other', async () => {
  const { ann, chat, a, b } = await scene()
  for (let i = 0; i < 10; i++) {
    const began = Date.now()
    const { id } = await w.message(chat, ann, `bell ${i}`)
    await Promise.all([a, b].map((c) => c.hear('chat:message:new', { id })))
    assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`)
  }
})

test('an edge that comes later serves what was committed before and after', async () => {
  const { ann, bob, chat } = await scene()
  const third = await w.edge()
  const c = await w.connect(bob, { edge: third })
  const { id } = await w.message(chat, ann)
  await c.hear('chat:message:new', { id })
  await third.kill()
  const fourth = await w.edge()
  const d = await w.connect(bob, { edge: fourth })
  assert.equal(d.heard('sync:required')[0].reason, 'reconnection')
  const { id: next } = await w.message(chat, ann)
  await d.hear('chat:message:new', { id: next })
  assert.equal(d.heard('chat:message:new').length, 1)
})

test('a login of their own, a member of bellwire_edge: all sessions are its, with what migrate gives to it', async () => {
  const edge = await w.edge()
  const sessions = await w.sql("select distinct usename::text from pg_stat_activity where datname = current_database() and application_name <> 'test' and backend_type = 'client backend'")
  assert.deepEqual(sessions.map((s) => s.usename), [w.login])
  assert.notEqual(w.login, 'bellwire_edge')
  // a role's settings do not come with membership
  await w.sql(`alter database ${w.database} set default_transaction_isolation = 'serializable'`)
  const shown = await w.sqlAs('edge', "select name, setting from pg_settings where name in ('default_transaction_isolation', 'statement_timeout', 'lock_timeout') order by 1")
  assert.deepEqual(shown.map((s) => s.setting), ['read committed', '5000', '20000'])
  await w.endPumps()
  const ann = await w.user('Анна')
  const chat = await w.chat(ann)
  const a = await w.connect(ann, { edge })
  assert.equal((await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).status, 'sent')
  await a.hear('chat:message:new')
  assert.equal(await w.value("select pg_has_role('bellwire_owner', $1, 'member')", [w.login]), true)
  a.close()
  await w.sql(`alter database ${w.database} reset default_transaction_isolation`)
  await edge.stop()
})
