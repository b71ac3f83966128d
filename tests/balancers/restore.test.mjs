// docs/deployment.md, Backup and restore: its command, its roles, and what it says comes of it.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { pgDump } from '../env/programs.mjs'
import { until, world, World } from '../integration/lib/world.mjs'
import { directory, path } from './lib/programs.mjs'

const w = await world(import.meta.url)
const dir = directory()

test('a dump as documented, restored in another cluster: rows are there, old events are not sent again, new ones are', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  for (let i = 0; i < 5; i++) await w.message(chat, ann, `before ${i}`)
  await until(() => w.value('select count(*) from bellwire.ticks').then((n) => n > 0), 'a tick')
  await w.sql("update bellwire.outbox_state set dropped = pg_current_snapshot() where dropped is null")
  const text = readFileSync(path('docs/deployment.md'), 'utf8')
  const command = /^ *(pg_dump .*?[^\\])$/ms.exec(text)[1].replaceAll('\\\n', ' ').split(/\s+/).map((x) => x.replaceAll("'", ''))
  const dump = execFileSync(pgDump(w.url()), [...command.slice(1, -1), w.url()], { encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.match(dump, /CREATE TABLE bellwire\.outbox_0/)
  assert.doesNotMatch(dump, /COPY bellwire\.(outbox_\d|outbox_ephemeral|sockets)/, 'events and sockets stay behind')
  await edge.stop()

  const other = join(dir, 'other')
  const postgres = (c) => execFileSync(path('tests/env/postgres'), [c, other], { encoding: 'utf8', env: { ...process.env, BELLWIRE_DEV_DATABASE_URL: '' }, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  after(() => { postgres('stop'); rmSync(other, { recursive: true, force: true }) })
  chmodSync(dir, 0o755)
  postgres('start')
  const url = postgres('url')
  const psql = (u, args, input) => { const p = spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', u, ...args], { input, encoding: 'utf8', maxBuffer: 1 << 26 }); assert.equal(p.status, 0, p.stderr); return p.stdout.trim() }
  // roles belong to the cluster and are made first
  const roles = [...text.matchAll(/^((?:create role|grant) bellwire_.*;)$/gm)].map((m) => m[1]).join('\n')
  psql(url, [], `create role admin;\n${roles}\nalter role bellwire_edge password 'bellwire-test';\ncreate database ${w.database};`)
  const restored = url.replace(/\/postgres$/, `/${w.database}`)
  psql(restored, [], dump)
  assert.equal(psql(restored, ['-c', `select count(*) from platform.messages where chat_id = '${chat.id}'`]), '5')

  const x = new World('restored')
  const at = new URL(restored)
  x.url = (user, password) => { const u = new URL(at); if (user) Object.assign(u, { username: user, password }); return u.href }
  x.database = w.database
  x.pool = new pg.Pool({ connectionString: restored, max: 4 })
  await x.migrate() // nothing to do, and no complaint
  const there = await x.edge()
  const b = await x.connect(bob, { edge: there })
  for (let i = 0; i < 3; i++) await x.message(chat, ann, `after ${i}`)
  await b.hear('chat:message:new', undefined, 3)
  assert.deepEqual(b.heard('chat:message:new').map((m) => [m.content, m.seq]), [['after 0', 6], ['after 1', 7], ['after 2', 8]])
  assert.equal(b.heard('sync:required').length, 1)
  assert.equal(await there.metric('bellwire_pump_gaps_total'), 0)
  b.close()
  await there.stop()
  await x.pool.end()
})
