// docs/architecture.md "Presence": first socket of a user opens, last one ends, over all edges; grace for who comes back.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keys, TIME, TRANSPORTS } from './lib/client.mjs'
import { seconds, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
const [one, two] = [await w.edge(), await w.edge()]
const watchers = [await w.connect(await w.user('watcher 1'), { edge: one }), await w.connect(await w.user('watcher 2'), { edge: two, transport: 'polling' })]

const heard = (c, u) => c.events.filter((e) => /^user:o/.test(e.event) && e.args[0].user_id === u.id).map((e) => e.event)
const row = (u) => w.value('select last_seen_at from platform.users where id = $1', [u.id])
const sockets = (u) => w.value('select count(*) from bellwire.sockets where user_id = $1', [u.id])
const ended = (u, n = 0) => until(async () => await sockets(u) === n, `${u.name} has ${n} sockets`)

// Presence is coalesced in order: changes from before a newcomer are heard before the newcomer.
async function settle() {
  const newcomer = await w.user('newcomer')
  const c = await w.connect(newcomer)
  await Promise.all(watchers.map((x) => x.hear('user:online', { user_id: newcomer.id })))
  c.close()
}

async function all(u, ...events) {
  await settle()
  for (const x of watchers) assert.deepEqual(heard(x, u), events, `${u.name} to ${x.user.name}`)
}

describe('online and offline', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: first socket, last socket, over both edges; a clean end is told at once`, async () => {
      const u = await w.user(transport)
      const first = await w.connect(u, { edge: one, transport })
      for (const x of watchers) {
        const p = await x.hear('user:online', { user_id: u.id })
        keys(p, 'user_id', 'online', 'last_seen')
        assert.equal(p.online, true)
        assert.match(p.last_seen, TIME)
      }
      const second = await w.connect(u, { edge: two, transport })
      const third = await w.connect(u, { edge: two })
      first.close()
      await ended(u, 2)
      third.close()
      await ended(u, 1)
      await all(u, 'user:online')
      const began = Date.now()
      second.close()
      for (const x of watchers) {
        const p = await x.hear('user:offline', { user_id: u.id })
        keys(p, 'user_id', 'online', 'last_seen')
        assert.deepEqual([p.online, p.last_seen], [false, (await row(u)).toISOString()])
      }
      assert.ok(Date.now() - began < 1500, `${Date.now() - began} ms`)
      await all(u, 'user:online', 'user:offline')
    })
  }

  test('a refused socket is not presence', async () => {
    const u = await w.user('refused')
    await w.client(u, { token: token(u, { exp: 1 }) }).down()
    await all(u)
    assert.equal(await row(u), null)
  })

  // a state that changes faster than it is sent is sent once, as the last state
  test('coming and going many times ends with the last word', async () => {
    const u = await w.user('flapping')
    for (let i = 0; i < 15; i++) {
      const c = await w.connect(u, { edge: i % 2 ? one : two })
      if (i % 3 === 0) await w.connect(u, { edge: one }).then((d) => d.close())
      c.close()
    }
    await ended(u)
    await settle()
    for (const x of watchers) assert.equal(heard(x, u).at(-1), 'user:offline')
  })

  test('a storm ends with the state of the rows', async () => {
    const people = await w.users(...Array.from({ length: 30 }, (_, i) => `storm ${i}`))
    const clients = await Promise.all(people.map((u, i) => w.connect(u, { edge: i % 2 ? one : two })))
    clients.slice(0, 15).forEach((c) => c.close())
    await Promise.all(people.slice(0, 15).map((u) => ended(u)))
    await settle()
    const online = await w.sql('select user_id from bellwire.presence where online and user_id = any ($1)', [people.map((u) => u.id)])
    assert.deepEqual(online.map((r) => r.user_id).sort(), people.slice(15).map((u) => u.id).sort())
    for (const x of watchers) assert.deepEqual(people.map((u) => heard(x, u).at(-1)), people.map((_, i) => (i < 15 ? 'user:offline' : 'user:online')))
  })
})

describe('grace after a lost connection', { concurrency: true }, () => {
  test('who comes back was never offline', async () => {
    const u = await w.user('back')
    const c = await w.connect(u, { edge: one })
    await Promise.all(watchers.map((x) => x.hear('user:online', { user_id: u.id })))
    c.drop()
    await ended(u)
    const again = await w.connect(u, { edge: two })
    assert.equal(again.heard('sync:required')[0].reason, 'reconnection')
    await all(u, 'user:online')
    again.close()
    await watchers[0].hear('user:offline', { user_id: u.id })
  })

  for (const transport of ['websocket', 'upgrade']) {
    test(`${transport}: who does not is told after presence_grace (3 s), not before`, async () => {
      const u = await w.user('gone')
      const c = await w.connect(u, { transport })
      c.drop()
      await ended(u)
      const began = Date.now()
      await Promise.all(watchers.map((x) => x.hear('user:offline', { user_id: u.id })))
      const took = Date.now() - began
      assert.ok(took > 2500 && took < 6000, `${took} ms`)
      await all(u, 'user:online', 'user:offline')
    })
  }

  test('a clean end of one socket, the other lost: the grace holds', async () => {
    const u = await w.user('both')
    const [c, d] = [await w.connect(u, { edge: one }), await w.connect(u, { edge: two })]
    await Promise.all(watchers.map((x) => x.hear('user:online', { user_id: u.id })))
    d.drop()
    await ended(u, 1)
    c.close()
    await ended(u)
    await watchers[0].hear('user:offline', { user_id: u.id })
    await all(u, 'user:online', 'user:offline')
  })

  test('an expired token, a disabled user: offline in the end', async () => {
    const [u, v] = await w.users('expired', 'disabled')
    await w.connect(u, { token: token(u, { exp: seconds() + 2 }) })
    const d = await w.connect(v)
    await w.sql('update platform.users set disabled_at = now() where id = $1', [v.id])
    await d.down()
    for (const x of watchers) for (const p of [u, v]) await x.hear('user:offline', { user_id: p.id })
  })
})

test('an edge that dies: who comes back elsewhere was never offline, who does not is told', async () => {
  await w.setting('presence_grace_restart', 1)
  const victim = await w.edge()
  const [u, v] = await w.users('survivor', 'lost')
  await w.connect(u, { edge: victim })
  await w.connect(v, { edge: victim })
  await Promise.all(watchers.map((x) => x.hear('user:online', { user_id: v.id })))
  await victim.kill()
  // its pump's backend has to notice that nobody is there
  await until(() => w.value('select not rt_private.edge_alive($1)', [victim.id]), 'the edge is known to be dead')
  const again = await w.connect(u, { edge: two })
  assert.equal(again.heard('sync:required')[0].reason, 'reconnection', 'held by an edge that is dead')
  await all(v, 'user:online')
  // instead of 30 s of waiting for its lease
  await w.sql("update bellwire.edges set seen_at = seen_at - interval '31 s' where edge_id = $1", [victim.id])
  await Promise.all(watchers.map((x) => x.hear('user:offline', { user_id: v.id })))
  assert.deepEqual(await w.sql('select from bellwire.edges where edge_id = $1', [victim.id]), [])
  await all(u, 'user:online')
  again.close()
  await Promise.all(watchers.map((x) => x.hear('user:offline', { user_id: u.id })))
})

test('an edge that is stopped: its users have the grace of a restart', async () => {
  const grace = await w.value("select value from bellwire.settings where name = 'presence_grace'")
  await w.setting('presence_grace', 0) // that of a connection that is lost
  await w.setting('presence_grace_restart', 3)
  const leaving = await w.edge()
  const [u, v] = await w.users('moves', 'leaves')
  const clients = [await w.connect(u, { edge: leaving }), await w.connect(v, { edge: leaving, transport: 'polling' })]
  await leaving.stop()
  for (const c of clients) assert.match(await c.down(), /^transport (close|error)$/, 'comes back by itself')
  const again = await w.connect(u, { edge: one })
  assert.equal(again.heard('sync:required')[0].reason, 'reconnection')
  await Promise.all(watchers.map((x) => x.hear('user:offline', { user_id: v.id })))
  await all(u, 'user:online')
  await all(v, 'user:online', 'user:offline')
  await w.setting('presence_grace', grace)
})

test('contacts: who shares a chat or follows, either way', async () => {
  await w.setting('presence_audience', 'contacts')
  const people = await w.users('u', 'chat', 'follower', 'followed', 'stranger')
  const [u, chat, follower, followed] = people
  await w.chat(u, chat)
  await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2), ($2, $3)', [follower.id, u.id, followed.id])
  const clients = await Promise.all(people.slice(1).map((p, i) => w.connect(p, { edge: i % 2 ? one : two })))
  const c = await w.connect(u, { edge: one })
  for (const x of clients.slice(0, 3)) await x.hear('user:online', { user_id: u.id })
  c.close()
  for (const x of clients.slice(0, 3)) {
    await x.hear('user:offline', { user_id: u.id })
    assert.equal(heard(x, u).length, 2)
  }
  // the stranger would have heard by what everyone hears next
  await w.setting('presence_audience', 'everyone')
  await settle()
  const newcomer = await w.user()
  await w.connect(newcomer)
  for (const x of clients) await x.hear('user:online', { user_id: newcomer.id })
  assert.deepEqual([heard(clients[3], u), heard(watchers[0], u)], [[], []])
})
