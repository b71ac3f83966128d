// docs/availability.md: calls go to the database that the pump reads, or nowhere. Two primaries that both live: one was promoted.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { ownPostgres } from './lib/own_postgres.mjs'

const { postgres, remove, dir } = ownPostgres('astray-postgres')
const { until, world } = await import('./lib/world.mjs')
const w = await world(import.meta.url)
const second = `${dir}-second`
const { BELLWIRE_DEV_DATABASE_URL: _, ...env } = process.env
const other = (command, ...more) => execFileSync(join(dir, '../../../tests/env/postgres'), [command, second, ...more], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] }).trim()
after(() => { other('stop'); rmSync(second, { recursive: true, force: true }); remove() })

// A name that leads to one server, and then to another: as DNS, a balancer or a pooler's configuration does.
async function way(to) {
  const open = new Set()
  const door = net.createServer((c) => {
    const s = net.connect(door.to, '127.0.0.1')
    open.add(c)
    c.on('error', () => s.destroy()).on('close', () => { open.delete(c); s.destroy() }).pipe(s)
    s.on('error', () => c.destroy()).on('close', () => c.destroy()).pipe(c)
  })
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve))
  door.to = to
  door.url = () => { const u = new URL(w.edgeUrl()); u.port = door.address().port; return u.href }
  door.lead = (port, { cut }) => { door.to = port; if (cut) for (const c of open) c.destroy() }
  after(() => { for (const c of open) c.destroy(); door.close() })
  return door
}

test('calls reach a living old primary, the pump the promoted one: not ready, no call is made, until all links are at one place', async () => {
  other('standby', dir)
  const [old, promoted] = [w.url(), other('url')].map((u) => Number(new URL(u).port))
  const [calls, pump] = [await way(old), await way(old)]
  const edge = await w.edge({ DATABASE_URL: calls.url(), LISTEN_DATABASE_URL: pump.url(), BELLWIRE_DB_TIMEOUT_MS: '2000' })
  edge.expected.push(/ error /)
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann, { edge })
  const b = await w.connect(bob, { edge, transport: 'polling' })
  const send = (content) => a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content })
  assert.equal((await send('before')).status, 'sent')
  const u = new URL(w.url())
  u.port = promoted
  const there = new pg.Pool({ connectionString: u.href, max: 2 })
  after(() => there.end())
  await until(() => there.query('select 1 from platform.messages where chat_id = $1', [chat.id]).then((r) => r.rows.length === 1), 'the standby has it')
  await there.query('select pg_promote(true, 60)')

  pump.lead(promoted, { cut: true })
  await until(async () => !await edge.ready(), 'not ready')
  const why = async () => (await (await edge.admin('/readyz')).text()).trim()
  await until(async () => /calls reach another database .* than the pump/.test(await why()), () => edge.log.slice(-2000))
  const count = () => w.value('select count(*) from platform.messages')
  const at = await count()
  const answers = await Promise.all([1, 2, 3].map(() => send('astray')))
  assert.deepEqual(answers.map((a) => a.code), Array(3).fill('UNAVAILABLE'))
  assert.equal(await count(), at, 'nothing was written where nobody reads')
  assert.equal(await edge.ready(), false)
  // an edge that begins so is not ready either
  const late = w.edge({ DATABASE_URL: calls.url(), LISTEN_DATABASE_URL: pump.url() }).catch(() => {})
  const newcomer = await until(() => [...w.edges].find((e) => e !== edge && e.adminPort), 'another edge')
  newcomer.expected.push(/ error /)
  await until(() => /calls reach another database/.test(newcomer.log), 'it says why')
  assert.equal(await newcomer.ready(), false)

  // the old connections live: nothing but the comparison tells
  calls.lead(promoted, { cut: false })
  await until(() => edge.ready(), () => `ready\n${edge.log.slice(-2000)}`)
  await late
  for (const c of [a, b]) await c.hear('sync:required', undefined, 2)
  assert.equal((await send('after')).status, 'sent')
  await b.hear('chat:message:new', { content: 'after' })
  assert.deepEqual((await there.query('select content from platform.messages where chat_id = $1 order by seq', [chat.id])).rows.map((r) => r.content), ['before', 'after'])
  assert.deepEqual([a.ends, b.ends], [[], []])
  for (const c of [a, b]) c.close()
  await newcomer.stop()
  await edge.stop()
})
