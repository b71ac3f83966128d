// Connection state recovery: the rooms a socket was in, and is in again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recovery } from './lib/recovery.mjs'
import { token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const [one, two] = [await w.edge(), await w.edge()]
const { connected, offset, cut, cutAtOffset, back, recovered, write, exactlyOnce } = recovery(w)

test('membership that changed while away: nothing from before a join, nothing from after a leave', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const [left, joined, both, again] = [await w.chat(ann, bob), await w.chat(ann), await w.chat(ann), await w.chat(ann, bob)]
  const c = await connected(bob)
  await cut(c)
  const add = (chat) => w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, bob.id])
  const remove = (chat) => w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
  const say = (chat, content) => w.message(chat, ann, content)
  await say(left, 'left: in')
  await say(joined, 'joined: out')
  await say(both, 'both: out')
  await say(again, 'again: in')
  await remove(left)
  await add(joined)
  await add(both)
  await remove(again)
  await say(left, 'left: out')
  await say(joined, 'joined: in')
  await say(both, 'both: in')
  await say(again, 'again: out')
  await remove(both)
  await add(again)
  await say(both, 'both: out again')
  await say(again, 'again: in again')
  const followed = await w.user('Вера')
  const post = await w.post(followed)
  const like = (by) => w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, by.id])
  await like(ann)
  await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [bob.id, followed.id])
  await like(followed)
  await back(c, { edge: two })
  recovered(c)
  assert.deepEqual(c.heard('chat:message:new').map((m) => m.content), ['left: in', 'again: in', 'joined: in', 'both: in', 'again: in again'])
  assert.deepEqual(c.heard('post:liked').map((p) => p.user_id), [followed.id])
  // and the rooms are those of today
  for (const chat of [left, joined, both, again]) await say(chat, `live ${chat.id}`)
  await c.barrier()
  assert.deepEqual(c.heard('chat:message:new').slice(5).map((m) => m.chat_id).sort(), [joined.id, again.id].sort())
})

const typing = (sender, chat) => sender.ask('chat:typing', { chat_id: chat.id, is_typing: true })

test('joined chats are joined again, where the user still takes part', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const [kept, left, gone, returned, never] = await Promise.all(Array.from({ length: 5 }, () => w.chat(ann, bob)))
  const a = await w.connect(ann, { edge: two })
  const c = await connected(bob)
  for (const chat of [kept, left, gone, returned]) assert.equal((await c.ask('chat:join', { chat_id: chat.id })).status, 'joined')
  await c.ask('chat:leave', { chat_id: left.id })
  await c.barrier()
  const lost = cutAtOffset(c)
  await w.notify(bob)
  await lost
  const remove = (chat) => w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
  await remove(gone)
  await remove(returned)
  await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [returned.id, bob.id])
  await typing(a, kept) // typing of a while ago is of no use
  for (const edge of [two, one]) {
    await back(c, { edge })
    recovered(c)
    const n = c.heard('chat:typing').length
    for (const chat of [left, gone, returned, never, kept]) await typing(a, chat)
    await c.barrier({ ephemeral: true })
    assert.deepEqual(c.heard('chat:typing').slice(n).map((t) => t.chat_id), [kept.id])
    await cut(c)
  }
  assert.equal(c.heard('chat:typing').length, 2)
})

test('a join whose answer was lost holds', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const [chat, other] = [await w.chat(ann, bob), await w.chat(ann, bob)]
  const a = await w.connect(ann, { edge: one })
  const c = await connected(bob)
  await c.ask('chat:join', { chat_id: other.id })
  await c.barrier()
  const auth = { token: token(bob), recovery: true, pid: c.socket._pid, offset: await offset(c) } // older than the joins below
  await c.ask('chat:join', { chat_id: chat.id })
  await c.ask('chat:leave', { chat_id: other.id })
  await c.barrier()
  await cut(c)
  await back(c, { edge: two, auth })
  recovered(c)
  await typing(a, other)
  await typing(a, chat)
  await c.barrier({ ephemeral: true })
  assert.deepEqual(c.heard('chat:typing').map((t) => t.chat_id), [chat.id])
})

test('joins and leaves that the offset does not know, messages to those on screen only, writers running', async () => {
  await w.setting('message_audience', 'joined')
  const [ann, bob] = await w.users('Анна', 'Борис')
  for (let round = 0; round < 4; round++) {
    const [chat, other] = [await w.chat(ann, bob), await w.chat(ann, bob)]
    const c = await connected(bob)
    await c.ask('chat:join', { chat_id: other.id })
    await c.barrier()
    const auth = { token: token(bob), recovery: true, pid: c.socket._pid, offset: await offset(c) }
    await c.ask('chat:join', { chat_id: chat.id })
    await c.ask('chat:leave', { chat_id: other.id })
    await c.barrier()
    await cut(c)
    const committed = []
    const writers = Promise.all([...Array(6).keys()].map((i) => write(i % 2 ? other : chat, ann, 40, i % 2 ? [] : committed)))
    await until(() => committed.length > 5)
    await back(c, { edge: two, auth })
    recovered(c)
    await writers
    await exactlyOnce(c, committed)
    c.close()
  }
  await w.setting('message_audience', 'participants')
})

test('"not this socket" is meant for the one that comes after it, too', async () => {
  const bob = await w.user('Борис')
  const [c, other] = [await connected(bob), await w.connect(bob, { edge: one })]
  await c.barrier()
  await cut(c)
  const emit = (rooms, n, except = []) => w.sql('select rt.emit($1, $2, $3, $4)', [rooms, 'test:n', { n }, except])
  const mine = `user:${bob.id}`
  const old = c.heard('connected')[0].socket_id
  await emit([mine], 1, [old])
  await emit([mine], 2)
  await emit([old], 3)
  await emit(null, 4)
  await emit(null, 5, [mine])
  await back(c, { edge: two })
  recovered(c)
  await emit([mine], 6, [old])
  await emit([mine], 7, [c.id])
  await emit([mine], 8)
  await c.barrier()
  await other.hear('test:n', { n: 8 })
  assert.deepEqual(c.heard('test:n').map((x) => x.n), [2, 3, 4, 8])
  assert.deepEqual(other.heard('test:n').map((x) => x.n), [1, 2, 4, 6, 7, 8])
})

test('presence: the last word about everyone', async () => {
  const [bob, eve, dan] = await w.users('Борис', 'Ева', 'Дан')
  const c = await connected(bob)
  await c.barrier()
  await cut(c)
  const d = await w.connect(dan, { edge: two })
  for (let i = 0; i < 3; i++) {
    const e = await w.connect(eve, { edge: two })
    e.close()
    await e.down()
    await until(async () => !await w.value('select online from bellwire.presence where user_id = $1', [eve.id]), 'offline')
  }
  await d.barrier()
  const n = c.events.length
  await back(c)
  recovered(c)
  const about = (id) => c.events.slice(n).filter((e) => /^user:o/.test(e.event) && e.args[0].user_id === id).map((e) => e.event)
  // presence that still waits when the client comes back is sent again
  assert.deepEqual([about(eve.id), about(dan.id)].map((l) => [...new Set(l)]), [['user:offline'], ['user:online']])
})
