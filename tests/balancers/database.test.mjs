// docs/deployment: pgbouncer.ini in transaction mode, bellwire.service.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BIN, SECRET, until, world } from '../integration/lib/world.mjs'
import { directory, example, freePort, running, tool } from './lib/programs.mjs'

const w = await world(import.meta.url)
const server = new URL(process.env.BELLWIRE_TEST_PG)
const direct = new URL(w.url('bellwire_edge', 'bellwire-test'))
const dir = directory()

async function pgbouncer() {
  const port = await freePort()
  const file = join(dir, 'pgbouncer.ini')
  writeFileSync(join(dir, 'userlist.txt'), '"bellwire_edge" "bellwire-test"\n')
  writeFileSync(file, example('pgbouncer.ini', ['host=10.0.0.21 port=5432 dbname=app', `host=${server.hostname} port=${server.port} dbname=${w.database}`],
    ['listen_addr = 0.0.0.0', 'listen_addr = 127.0.0.1'], ['listen_port = 6432', `listen_port = ${port}`], ['/etc/pgbouncer/userlist.txt', join(dir, 'userlist.txt')],
    ['default_pool_size = 20', 'default_pool_size = 3']) + 'stats_users = bellwire_edge\nunix_socket_dir =\n')
  // it refuses to be root
  const root = process.getuid() === 0
  if (root) for (const f of [dir, file, join(dir, 'userlist.txt')]) chmodSync(f, 0o755)
  return { port, ...await running(tool('pgbouncer'), [...(root ? ['-u', 'nobody'] : []), file], port) }
}

test('pgbouncer in transaction mode carries the calls of two edges over three connections; the pump goes past it', async () => {
  const pooler = await pgbouncer()
  const pooled = new URL(direct)
  Object.assign(pooled, { host: `127.0.0.1:${pooler.port}`, pathname: '/app' })
  const env = { DATABASE_URL: pooled.href, LISTEN_DATABASE_URL: direct.href }
  const check = (more) => spawnSync(BIN, ['check'], { encoding: 'utf8', env: { PATH: process.env.PATH, JWT_SECRET: SECRET, DATABASE_URL: pooled.href, ...more } })
  const wrong = check({})
  assert.equal(wrong.status, 1, wrong.stderr)
  assert.match(wrong.stderr, /leads through a transaction pooler.*\n {2}remedy: set LISTEN_DATABASE_URL/)
  assert.equal(check(env).status, 0, check(env).stderr)
  const edges = [await w.edge(env), await w.edge(env)]
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const [a, b] = [await w.connect(ann, { edge: edges[0] }), await w.connect(bob, { edge: edges[1] })]
  const acks = await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 ? a : b).ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `${i}` })))
  assert.deepEqual(new Set(acks.map((x) => x.status)), new Set(['sent']))
  for (const c of [a, b]) await c.hear('chat:message:new', undefined, 60)
  await a.hear('chat:message:delivered', undefined, 1)
  await w.message(chat, ann, 'from psql')
  await b.hear('chat:message:new', { content: 'from psql' })
  // both edges asleep, and one bell each: LISTEN works
  await until(async () => (await Promise.all(edges.map((e) => e.metric('bellwire_pump_state')))).every((s) => s === 3), 'asleep')
  const bells = await edges[1].metric('bellwire_pump_bells_total')
  await w.message(chat, ann, 'rung')
  await b.hear('chat:message:new', { content: 'rung' })
  await until(async () => await edges[1].metric('bellwire_pump_bells_total') > bells, 'a bell')
  const backends = await w.sql("select application_name from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge'")
  assert.equal(backends.length, 3 + 2, `three of the pool and two pumps: ${JSON.stringify(backends)}`)
  assert.equal(await edges[0].metric('bellwire_foreign_locks'), 0)
  // the pooler restarts: calls fail and come back, nobody is disconnected
  for (const e of edges) e.expected.push(/ error /)
  await pooler.stop()
  await until(async () => (await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).code === 'UNAVAILABLE')
  const again = await running(tool('pgbouncer'), [...(process.getuid() === 0 ? ['-u', 'nobody'] : []), join(dir, 'pgbouncer.ini')], pooler.port)
  await until(async () => (await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).status === 'sent')
  assert.deepEqual([a.ends, b.ends], [[], []])
  for (const c of [a, b]) c.close()
  for (const e of edges) await e.stop()
  await again.stop()
})

test('five quick failures do not end the unit: systemd gives up only where it is told to', () => {
  const sections = Object.fromEntries(example('bellwire.service').split(/^\[(?=\w+\]$)/m).slice(1).map((s) => {
    const [name, ...lines] = s.split('\n')
    return [name.slice(0, -1), Object.fromEntries(lines.filter((l) => /^\w+=/.test(l)).map((l) => [l.slice(0, l.indexOf('=')), l.slice(l.indexOf('=') + 1)]))]
  }))
  // systemd.unit(5): by default five starts in ten seconds, then the unit stays down; systemd.service(5): 100 ms between two of them
  assert.deepEqual([sections.Unit.StartLimitIntervalSec, sections.Service.Restart, Number(sections.Service.RestartSec) >= 1], ['0', 'always', true])
})

test('systemd takes the unit, and finds it well shut off', { skip: spawnSync('systemd-analyze', ['--version']).status !== 0 && 'no systemd here' }, () => {
  const unit = join(dir, 'bellwire.service')
  writeFileSync(unit, example('bellwire.service', ['/usr/local/bin/bellwire', process.env.BELLWIRE_BIN]))
  const p = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' })
  assert.deepEqual([p.status, p.stderr.split('\n').filter((l) => l.includes('bellwire.service'))], [0, []], p.stderr)
  const s = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=12', unit], { encoding: 'utf8' })
  assert.equal(s.status, 0, s.stdout.split('\n').slice(-4).join('\n') + s.stderr)
})
