// Connection state recovery: a recovery that cannot be shown to be complete ends as a new socket that is told to synchronise.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recovery } from './lib/recovery.mjs'
import { token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const [one, two] = [await w.edge(), await w.edge()]
const { asking, connected, offsets, offset, away, back, recovered, refused } = recovery(w)

test('forged, cut, foreign and mixed-up offsets', async () => {
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob)
  const victim = await away(bob)
  const [pid, good] = [victim.socket._pid, await offset(victim)]
  const elder = await away(bob)
  const flip = (s, i) => s.slice(0, i) + (s[i] === 'A' ? 'B' : 'A') + s.slice(i + 1)
  await w.message(chat, ann, 'secret')
  const tries = [
    [eve, { pid, offset: good }], // another user who got hold of both
    [bob, { pid: elder.socket._pid, offset: good }], // of another connection of the same user
    ...[0, 5, 12, 30, good.length - 3].map((i) => [bob, { pid, offset: flip(good, i) }]),
    [bob, { pid, offset: good.slice(0, -4) }], [bob, { pid, offset: good.slice(0, 8) }], [bob, { pid, offset: `${good}AAAA` }],
    [bob, { pid, offset: '' }], [bob, { pid, offset: 'A'.repeat(5000) }], [bob, { pid, offset: 7 }], [bob, { pid, offset: ` ${good}` }],
    [bob, { pid: 'x'.repeat(24), offset: good }], [bob, { pid: "' or 1=1 --", offset: good }], [bob, { pid: ['a'], offset: good }], [bob, { pid: `${pid}x`, offset: good }],
  ]
  for (const [user, auth] of tries) {
    const c = await asking(user, { edge: two, auth }).up()
    assert.equal(c.heard('connected')[0].recovered, undefined, JSON.stringify(auth))
    assert.notEqual(c.socket._pid, auth.pid)
    assert.equal(c.heard('sync:required')[0].reason, typeof auth.pid === 'string' ? 'reconnection' : 'reconnection')
    assert.deepEqual(c.heard('chat:message:new'), [])
    c.close()
  }
  // none of this has cost the owner anything
  await back(victim, { edge: two })
  recovered(victim)
  assert.equal(victim.heard('chat:message:new').length, 1)
})

test('ended for good: 41, a token that ran out, a user who was disabled', async () => {
  const bob = await w.user('Борис')
  const c = await connected(bob)
  c.close()
  await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'closed')
  await back(c)
  refused(c)

  const d = await connected(bob, { auth: { token: token(bob, { exp: Math.floor(Date.now() / 1000) + 2 }) } })
  const [pid, last] = [d.socket._pid, await offset(d)]
  assert.equal(await d.down(), 'io server disconnect')
  await until(async () => await w.value('select count(*) from bellwire.recoveries where socket_id = $1', [d.heard('connected')[0].socket_id]) === 0, 'forgotten')
  await back(d, { auth: { token: token(bob), recovery: true, pid, offset: last } })
  refused(d, 'token_refresh')

  const e = await away(bob)
  await w.sql('update platform.users set disabled_at = now() where id = $1', [bob.id])
  await w.sql('update platform.users set disabled_at = null where id = $1', [bob.id])
  await back(e)
  assert.equal(e.socket.recovered, false)
})

test('rows that were written in silence: rooms cannot be undone', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const c = await away(bob)
  await w.transaction(async (sql) => {
    await sql('insert into platform.chats (id) values (gen_random_uuid())')
    await sql('insert into platform.chat_participants (chat_id, user_id) select id, $1 from platform.chats order by created_at desc limit 1', [ann.id])
  }, ['set local role bellwire_owner', "select rt_private.rooms_stale(null)"])
  await back(c)
  refused(c)
})

test('too much to send again', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const c = await away(bob)
  await w.sql("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'x' from generate_series(1, 501)", [chat.id, ann.id])
  await back(c)
  refused(c)
  await away(bob)
  const d = await away(bob)
  await w.sql("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', repeat('x', 16000) from generate_series(1, 70)", [chat.id, ann.id])
  await back(d)
  refused(d)
})

test('too old', async () => {
  const bob = await w.user('Борис')
  const c = await away(bob)
  await w.setting('recovery_window', 0)
  await back(c)
  refused(c)
  await w.setting('recovery_window', 240)
})

test('the outbox no longer has it', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const here = await Promise.all([one, two].map((edge) => w.client(ann, { edge }).up()))
  const c = await away(bob)
  await w.message(chat, ann)
  const dropped = await w.value('select pg_current_snapshot()::text')
  await Promise.all(here.map((h) => h.barrier())) // the edges' own cursors are past it
  await w.sql('update bellwire.outbox_state set dropped = $1', [dropped])
  await back(c, { edge: two })
  refused(c)
})

test('a gap of the pump: no offset before sync:required', async () => {
  const bob = await w.user('Борис')
  const lone = await w.edge({ BELLWIRE_NAME: 'lone' })
  const c = await connected(bob, { edge: lone })
  await c.barrier()
  await until(() => c.events.at(-1).event === '$o', 'the offset of that')
  lone.expected.push(/ error /)
  const n = c.events.length
  const rows = await lone.metric('bellwire_pump_rows_total')
  const since = () => c.events.slice(n).map((e) => e.event)
  // its rooms cannot be read for a while, and so nobody is told to synchronise
  await w.transaction(async (sql) => {
    await sql('lock table platform.follows in access exclusive mode')
    // an epoch that the database does not know: the cursor proves nothing
    await w.sql('with gone as (delete from bellwire.epoch) delete from bellwire.epochs')
    await w.endPumps()
    await until(async () => await lone.metric('bellwire_pump_gaps_total') === 1, 'the gap')
    await w.sql("select rt.emit(array[$1], 'test:since', '{}') from generate_series(1, 3)", [c.id])
    await until(async () => await lone.metric('bellwire_pump_rows_total') - rows >= 3, 'the pump has read them')
    assert.deepEqual(since(), [])
  })
  await c.hear('sync:required', undefined, 2)
  await until(() => since().includes('$o'), 'the next offset')
  assert.deepEqual(since(), ['sync:required', '$o'])
  c.close()
  await c.down()
  await lone.stop()
})

test('a quiet socket, and one with more chats than an offset holds', async () => {
  const bob = await w.user('Борис')
  const chats = await Promise.all(Array.from({ length: 48 }, () => w.chat(bob)))
  const c = await connected(bob)
  for (const chat of chats) assert.equal((await c.ask('chat:join', { chat_id: chat.id })).status, 'joined')
  await c.barrier()
  await until(() => offsets(c).at(-1).args[1] === '', 'the offset is taken back')
  const n = offsets(c).length
  await c.barrier()
  assert.equal(offsets(c).length, n, 'once')
  await c.ask('chat:leave', { chat_id: chats[0].id })
  await c.ask('chat:leave', { chat_id: chats[1].id })
  await c.ask('chat:leave', { chat_id: chats[2].id })
  await c.ask('chat:leave', { chat_id: chats[3].id })
  await until(() => offsets(c).at(-1).args[1] !== '', 'and given again')
})
