// One connection to Postgres dies with a call on it while the others live: the database was never away, and nobody is told so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()

const neverAway = () => assert.doesNotMatch(edge.log, / database away edge=/)

// fn's call waits for what hold locked, and dies waiting.
async function killed(call, hold, fn) {
  await w.transaction(async (sql) => {
    await hold(sql)
    await fn()
    const pid = await until(() => w.value(`select pid from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge'
      and query like '%' || $1 || '%' and wait_event_type = 'Lock'`, [call]), `${call} waits`)
    await w.sql('select pg_terminate_backend($1)', [pid])
    await until(async () => !await w.value('select pid from pg_stat_activity where pid = $1', [pid]), `${call} is gone`)
  })
  assert.ok(await edge.ready(), edge.log)
}

const presence = (user) => (sql) => sql('select from bellwire.presence where user_id = $1 for update', [user.id])

test('who was about to be let in is let in', async () => {
  const ann = await w.user()
  const first = await w.connect(ann)
  let c
  await killed('rt.socket_open', presence(ann), async () => { c = w.client(ann) })
  await c.hear('connected')
  assert.deepEqual(c.ends, [])
  assert.deepEqual(first.ends, [])
  neverAway()
})

test('who left is offline', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const [a, b] = [await w.connect(ann), await w.connect(bob)]
  await killed('rt.socket_close', presence(ann), () => a.close())
  await b.hear('user:offline', { user_id: ann.id })
  neverAway()
})

test('rooms that were to be read again are', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const a = await w.connect(ann)
  const follow = async (sql) => {
    await sql('lock table platform.follows')
    await sql('set local session_replication_role = replica') // as a restore does: no trigger tells
    await sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [ann.id, bob.id])
  }
  await killed('rt.rooms', follow, () => w.sql('select rt_private.rooms_stale($1)', [[ann.id]]))
  await until(async () => {
    await w.sql(`select rt.emit($1, 'test:follower', '{}')`, [[`followers:${bob.id}`]])
    return a.heard('test:follower').length
  }, 'the room is entered')
  neverAway()
})

test('sockets that were to be entered again after an outage are', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const [a, b] = [await w.connect(ann), await w.connect(bob)]
  const sockets = (user) => w.value('select count(*) from bellwire.sockets where user_id = $1', [user.id])
  await killed('rt.socket_register', presence(ann), async () => {
    await w.sql('delete from bellwire.sockets') // as a crash does
    await w.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge'")
    await until(() => / database away edge=/.test(edge.log), 'away')
    const { id } = b
    b.close() // a client that leaves meanwhile is not entered
    await until(() => edge.log.includes(`disconnected sid=${id}`), `bob's end`)
  })
  await until(() => sockets(ann), 'ann is entered')
  assert.deepEqual([await sockets(bob), a.ends], [0, []])
})

test('the end does not wait for who was about to be let in', async () => {
  const ann = await w.user()
  const own = await w.edge()
  const first = await w.connect(ann, { edge: own }) // makes the row that is locked
  first.close()
  await until(async () => !await w.value('select count(*) from bellwire.sockets where user_id = $1', [ann.id]), 'ann left')
  await w.transaction(async (sql) => {
    await presence(ann)(sql)
    const c = w.client(ann, { edge: own })
    await until(() => w.value(`select pid from pg_stat_activity where datname = current_database() and query like '%rt.socket_open%'
      and usename = 'bellwire_edge' and wait_event_type = 'Lock'`), 'rt.socket_open waits')
    own.signal('SIGTERM') // the second one, in stop, ends at once
    await own.stop()
    c.close()
  })
})
