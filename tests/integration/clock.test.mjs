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

let step = 0
const now = () => w.value('select extract(epoch from clock_timestamp())')
async function steps(by) {
  const before = await now()
  set(step += by)
  assert.ok(Math.abs(await now() - before - by) < 5, 'Postgres has the clock')
}
// Time that passes, too little at once to be a step.
async function pass(seconds) {
  for (let left = seconds; left > 0; left -= 8) {
    const seen = await w.value('select min(clock_ms) from bellwire.edges where name = $1', ['one'])
    await steps(Math.min(left, 8))
    await until(async () => await w.value('select min(clock_ms) from bellwire.edges where name = $1', ['one']) > seen, 'a sign of life')
  }
}
const tick = () => w.value('select max(snapshot::text) from bellwire.ticks where at = (select max(at) from bellwire.ticks)')
const renewed = (edge) => until(() => w.value('select abs(extract(epoch from clock_timestamp() - seen_at)) < 4 from bellwire.edges where edge_id = $1', [edge.id]), 'its lease is renewed')

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
    const last = await tick()
    await steps(by)
    await until(async () => await tick() !== last, 'a tick within a period', 9000)
    await renewed(one)
    await renewed(two)
    assert.deepEqual((await w.sql('select name from bellwire.edges order by 1')).map((r) => r.name), ['one', 'three', 'two'], 'no lease has lapsed with the step')
    assert.deepEqual(a.heard('user:offline'), [])
    assert.equal(await w.value('select dropped::text from bellwire.outbox_state'), dropped, 'nothing was emptied before its time')
  }
  // thirty seconds later the dead edge is swept, and the others are not
  await pass(32)
  await a.hear('user:offline', { user_id: eve.id })
  assert.deepEqual(a.heard('user:offline', { user_id: bob.id }), [])
  assert.deepEqual([a.ends, b.ends], [[], []])
  for (const c of [a, b, e]) c.close()
  await one.stop()
  await two.stop()
})
