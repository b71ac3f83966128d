// docs/availability.md: the clock of Postgres is set. A step of any size costs at most one period of what is measured by it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ownPostgres } from './lib/own_postgres.mjs'

const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
execFileSync('chmod', ['755', dir])
execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', join(dir, 'clock.so'), fileURLToPath(new URL('lib/clock.c', import.meta.url))])
const set = (seconds) => writeFileSync(join(dir, 'clock'), Buffer.from(new BigInt64Array([BigInt(seconds)]).buffer), { flag: 'r+' })
writeFileSync(join(dir, 'clock'), Buffer.alloc(8))
Object.assign(process.env, { LD_PRELOAD: join(dir, 'clock.so'), CLOCK_FILE: join(dir, 'clock') })
const { remove } = ownPostgres('clock-postgres')
for (const name of ['LD_PRELOAD', 'CLOCK_FILE']) delete process.env[name]
const { until, world } = await import('./lib/world.mjs')
const w = await world(import.meta.url)
after(() => { remove(); rmSync(dir, { recursive: true, force: true }) })

// A period of what is measured by the clock, and the way of a call.
const PERIOD_S = 5
let step = 0
const now = () => w.value('select extract(epoch from clock_timestamp())')
async function steps(by) {
  const before = await now()
  set(step += by)
  assert.ok(Math.abs(await now() - before - by) < 5, 'Postgres has the clock')
}
// Time that passes, too little at once to be a step for any edge: each has said since that it is there.
const signs = () => w.value("select array_agg(clock_ms order by name) from bellwire.edges where name in ('one', 'two')")
async function pass(seconds) {
  for (let left = seconds; left > 0; left -= 8) {
    const before = await signs()
    await steps(Math.min(left, 8))
    await until(async () => (await signs()).every((ms, i) => Number(ms) > Number(before[i])), 'signs of life', 15000)
  }
}
const tick = () => w.value('select max(snapshot::text) from bellwire.ticks where at = (select max(at) from bellwire.ticks)')
const renewed = (edge) => until(() => w.value('select abs(extract(epoch from clock_timestamp() - seen_at)) < 4 from bellwire.edges where edge_id = $1', [edge.id]), 'its lease is renewed')
// What a dead edge has: its last sign of life was so many seconds ago. Null: it was swept.
const diedAgo = (edge, seconds) => w.sql('update bellwire.edges set seen_at = clock_timestamp() - make_interval(secs => $2) where edge_id = $1', [edge.id, seconds])
const age = (edge) => w.value('select extract(epoch from clock_timestamp() - seen_at)::float8 from bellwire.edges where edge_id = $1', [edge.id])

test('the clock is set an hour back, and on again: ticks go on, leases hold and lapse as before', async () => {
  const one = await w.edge({ BELLWIRE_NAME: 'one' })
  const two = await w.edge({ BELLWIRE_NAME: 'two' })
  const three = await w.edge({ BELLWIRE_NAME: 'three' })
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  await w.sql("update bellwire.settings set value = '1' where name = 'presence_grace_restart'")
  const a = await w.connect(ann, { edge: one })
  const b = await w.connect(bob, { edge: two })
  const e = await w.connect(eve, { edge: three })
  await a.hear('user:online', { user_id: eve.id })
  await until(async () => await tick() && await w.value('select bool_and(clock_ms is not null) from bellwire.edges'), 'edges are at work')
  const dropped = await w.value('select dropped::text from bellwire.outbox_state')
  await three.kill()
  for (const by of [-3600, 3600]) {
    await diedAgo(three, 0)
    const began = performance.now()
    await steps(by)
    await renewed(one)
    await renewed(two)
    const old = await age(three)
    const took = (performance.now() - began) / 1000
    assert.ok(old !== undefined && Math.abs(old - took) < PERIOD_S, `a lease is neither longer nor shorter: ${old} s old after ${took} s`)
    assert.deepEqual(a.heard('user:offline'), [])
    assert.equal(await w.value('select dropped::text from bellwire.outbox_state'), dropped, 'nothing was emptied before its time')
    const last = await tick()
    await pass(6)
    await until(async () => await tick() !== last, 'ticks go on')
  }
  // when its thirty seconds are over the dead edge is swept, and the others are not
  await diedAgo(three, 20)
  await pass(12)
  await until(async () => await age(three) === undefined, 'the dead edge is swept', 15000)
  await pass(2)
  await a.hear('user:offline', { user_id: eve.id })
  assert.deepEqual(a.heard('user:offline', { user_id: bob.id }), [])
  assert.deepEqual([a.ends, b.ends], [[], []])
  for (const c of [a, b, e]) c.close()
  await one.stop()
  await two.stop()
})
