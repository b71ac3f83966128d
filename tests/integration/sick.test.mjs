// Postgres that does not answer, or only reads (docs/decisions/0011-classes.md): backends that hang are stopped processes of a cluster of
// this file's own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { after, test } from 'node:test'
import { fails } from './lib/client.mjs'
import { ownPostgres } from './lib/own_postgres.mjs'

const { remove } = ownPostgres('sick-postgres')
const { token, until, world } = await import('./lib/world.mjs')

const w = await world(import.meta.url)
after(remove)
// How much longer than promised a busy machine may take. Each of these took 15 s and more.
const SLACK_MS = 3000

const backends = async (name) => (await w.sql("select pid from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge' and application_name ~ $1", [name])).map((r) => r.pid)

const parent = (pid) => Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])

// Stops backends of the edges; answers what lets them go on, which the end of the test t does in any case. With all of them goes who would
// make new ones: a link that is given up meanwhile must not come back.
async function hang(t, name = '') {
  const pids = await backends(name)
  assert.ok(pids.length, `backends of ${name}`)
  if (!name) pids.unshift(parent(pids[0]))
  const signal = (s) => pids.forEach((pid) => { try { process.kill(pid, s) } catch (e) { if (e.code !== 'ESRCH') throw e } })
  signal('SIGSTOP')
  const goOn = () => signal('SIGCONT')
  t.after(goOn)
  return goOn
}

async function took(promise) {
  const began = Date.now()
  const value = await promise
  return [Date.now() - began, value]
}

async function scene(edge) {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  return { ann, bob, chat, a: await w.connect(ann, { edge }), good: { chat_id: chat.id, type: 'text', content: 'x' } }
}

test('every backend of the edge hangs: an event hears it within 4 s, a newcomer within one, and readiness says so', async (t) => {
  const edge = await w.edge()
  edge.expected.push(/ error /)
  const { ann, bob, a, good } = await scene(edge)
  const goOn = await hang(t)
  const b = w.client(bob, { edge, reconnection: true }) // who waits for longer than 5 to 10 s is sent off, and comes back
  // one is out, 128 wait, and one more comes again later: at once, not after them
  const read = () => fetch(`${edge.url}/api/v2/notifications`, { headers: { authorization: `Bearer ${token(ann)}` } }).then(async (r) => [Date.now(), r.status, Number(r.headers.get('retry-after')), await r.json()])
  const reads = Array.from({ length: 150 }, read)
  const page = ['why?event=1&user=', 'user?id='].map((path) => took(edge.admin(`/page/${path}${ann.id}`).then(async (r) => [r.status, await r.json()])))
  const [[event], [newcomer, e]] = await Promise.all([took(fails(a, 'chat:message:send', [good], 'UNAVAILABLE')), took(b.hear('error'))])
  assert.equal(e.code, 'UNAVAILABLE')
  const refused = await Promise.all(reads)
  for (const [, status, after, { code, retry_after_ms: ms }] of refused) {
    assert.deepEqual([status, after >= 1 && after <= 10, code, after], [503, true, 'UNAVAILABLE', Math.ceil(ms / 1000)])
  }
  // those of the start and those of the end may have been told the same pause
  assert.ok(new Set(refused.map(([, , , body]) => body.retry_after_ms)).size > 75, 'each is told a moment of its own')
  const times = refused.map(([at]) => at).sort((x, y) => x - y)
  assert.ok(times[19] + 1000 < times.at(-1), 'what is too much is refused long before what waits')
  assert.ok(event < 4000 + SLACK_MS, `the event: ${event} ms`)
  assert.ok(newcomer < 1000 + SLACK_MS, `the newcomer: ${newcomer} ms`)
  await until(async () => !await edge.ready(), 'not ready')
  for (const [ms, answer] of await Promise.all(page)) {
    assert.deepEqual(answer, [503, { problem: 'the database has not answered' }])
    assert.ok(ms < 4000 + SLACK_MS, `the page: ${ms} ms`)
  }
  goOn()
  // whoever was refused, and links whose attempts failed, wait for some seconds
  await until(() => edge.ready(), 'ready', 30000)
  await until(() => b.heard('sync:required').length, 'the newcomer is in', 30000)
  await until(async () => (await a.ask('chat:message:send', good)).status === 'sent', 'sent')
  assert.deepEqual(a.ends, [])
  await edge.stop()
})

test("only the pump's backend hangs: acks do not wait for it", async (t) => {
  const edge = await w.edge()
  edge.expected.push(/ error /)
  const { chat, a, good } = await scene(edge)
  const goOn = await hang(t, ' pump$')
  const [send, sent] = await took(a.ask('chat:message:send', good))
  const [join, joined] = await took(a.ask('chat:join', { chat_id: chat.id })) // rooms move: it waits, for a second
  goOn()
  assert.deepEqual([sent.status, joined.status], ['sent', 'joined'])
  assert.ok(send < SLACK_MS, `a message: ${send} ms`)
  assert.ok(join < 1000 + SLACK_MS, `rooms: ${join} ms`)
  await a.hear('chat:message:new')
  await edge.stop()
})

test('a user disabled and enabled again while the pump lags, then a socket opens: what the rows say at the end decides', async (t) => {
  const edge = await w.edge()
  const { ann, a } = await scene(edge)
  const goOn = await hang(t, ' pump$')
  await w.sql('update platform.users set disabled_at = now() where id = $1', [ann.id])
  await w.sql('update platform.users set disabled_at = null where id = $1', [ann.id])
  const again = await w.connect(ann, { edge })
  goOn()
  assert.equal(await a.down(), 'io server disconnect') // it was there when the user was not to be
  await again.barrier()
  assert.deepEqual(again.ends, [])
  await w.sql('update platform.users set disabled_at = now() where id = $1', [ann.id])
  assert.equal(await again.down(), 'io server disconnect')
  await edge.stop()
})

test('@dead,alive, where the first accepts and says nothing: it is passed over, and the one that worked comes first', async (t) => {
  const held = []
  const dead = net.createServer((c) => held.push(c.resume().on('error', () => {})))
  t.after(() => {
    for (const c of held) c.destroy()
    dead.close()
  })
  await new Promise((resolve) => { dead.listen(0, '127.0.0.1', resolve) })
  const alive = new URL(w.edgeUrl())
  const url = w.edgeUrl().replace(alive.host, `127.0.0.1:${dead.address().port},${alive.host}`)
  const edge = await w.edge({ DATABASE_URL: url })
  edge.expected.push(/ error /)
  assert.ok(held.length > 0, 'the dead one was asked')
  await until(() => held.every((c) => c.destroyed), 'each link has given it up')
  const asked = held.length
  await w.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bellwire_edge' and datname = current_database()")
  await until(async () => !await edge.ready(), 'away').catch(() => {}) // or back already
  await until(() => edge.ready(), 'back')
  // a link that was cut before it had got anywhere knows no host that works, and asks again
  assert.ok(held.length - asked < asked, `the one that worked comes first: ${asked} and then ${held.length - asked} asked the dead one`)
  await edge.stop()
})

test('default_transaction_read_only on the database, sessions cut, unset again: not ready meanwhile, and well afterwards', async () => {
  const edge = await w.edge()
  edge.expected.push(/ error /)
  const { a, good } = await scene(edge)
  await w.sql(`alter database ${w.database} set default_transaction_read_only = on`)
  try {
    await w.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bellwire_edge' and datname = current_database()")
    await until(async () => !await edge.ready(), 'not ready')
    await fails(a, 'chat:message:send', [good], 'UNAVAILABLE')
  } finally {
    // of the test's own session: new ones of its pool only read, too
    await w.transaction((sql) => sql(`alter database ${w.database} reset default_transaction_read_only`), ['set transaction read write'])
  }
  await until(() => edge.ready(), 'ready')
  await until(async () => (await a.ask('chat:message:send', good)).status === 'sent', 'sent')
  await edge.stop()
})

test('two edges, one stopped for longer than its lease, its login a member of bellwire_edge: it registers again, with its sockets', async () => {
  const login = w.role('member')
  await w.sql(`drop role if exists ${login}`)
  await w.sql(`create role ${login} login password 'bellwire-test' in role bellwire_edge`)
  const [stopped, other] = [await w.edge({ DATABASE_URL: w.url(login, 'bellwire-test') }), await w.edge()]
  stopped.expected.push(/ error /)
  const { ann, a, good } = await scene(stopped)
  const there = () => w.value('select count(*) from bellwire.sockets where edge_id = $1', [stopped.id])
  stopped.signal('SIGSTOP')
  await w.sql("update bellwire.edges set seen_at = now() - interval '38 s' where edge_id = $1", [stopped.id])
  await until(async () => await there() === 0, 'swept by the other one')
  stopped.signal('SIGCONT')
  await until(async () => await there() === 1, 'its sockets are entered again')
  assert.equal(await w.value("select seen_at > now() - interval '10 s' from bellwire.edges where edge_id = $1", [stopped.id]), true)
  const b = await w.connect(ann, { edge: stopped })
  await until(async () => (await a.ask('chat:message:send', good)).status === 'sent', 'sent')
  await b.hear('chat:message:new')
  assert.equal(await w.value("select offline_due is null and online from bellwire.presence where user_id = $1", [ann.id]), true)
  assert.deepEqual(a.ends, [])
  await Promise.all([stopped.stop(), other.stop()])
  await w.sql(`drop role ${login}`)
})
