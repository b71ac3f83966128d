// docs/deployment/pgbouncer.ini: Postgres restarts behind the pooler.
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ownPostgres } from '../integration/lib/own_postgres.mjs'
import { directory, example, freePort, running, tool } from './lib/programs.mjs'

const { postgres, remove } = ownPostgres('pooled-postgres')
const { sleep, until, world } = await import('../integration/lib/world.mjs')
const w = await world(import.meta.url)
after(remove)

test('a restart of a second and a half costs calls through pgbouncer little more than that', async () => {
  const server = new URL(w.url())
  const dir = directory()
  const port = await freePort()
  const file = join(dir, 'pgbouncer.ini')
  writeFileSync(join(dir, 'userlist.txt'), '"bellwire_edge" "bellwire-test"\n')
  writeFileSync(file, example('pgbouncer.ini', ['host=10.0.0.21 port=5432 dbname=app', `host=${server.hostname} port=${server.port} dbname=${w.database}`],
    ['listen_addr = 0.0.0.0', 'listen_addr = 127.0.0.1'], ['listen_port = 6432', `listen_port = ${port}`],
    ['/etc/pgbouncer/userlist.txt', join(dir, 'userlist.txt')]) + 'unix_socket_dir =\n')
  const root = process.getuid() === 0
  if (root) for (const f of [dir, file, join(dir, 'userlist.txt')]) chmodSync(f, 0o755)
  const pooler = await running(tool('pgbouncer'), [...(root ? ['-u', 'nobody'] : []), file], port)
  const pooled = new URL(w.edgeUrl())
  Object.assign(pooled, { host: `127.0.0.1:${port}`, pathname: '/app' })
  const edge = await w.edge({ DATABASE_URL: pooled.href, LISTEN_DATABASE_URL: w.edgeUrl() })
  edge.expected.push(/ error /)
  const ann = await w.user('Анна')
  const chat = await w.chat(ann)
  const a = await w.connect(ann, { edge })
  const send = () => a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })
  assert.equal((await send()).status, 'sent')
  postgres('stop')
  const asked = send() // this makes pgbouncer find out
  await sleep(1500)
  postgres('start')
  const back = Date.now()
  await asked
  await until(async () => (await send()).status === 'sent', () => edge.log, 20000)
  assert.ok(Date.now() - back < 6000, `${Date.now() - back} ms after it was back`)
  a.close()
  await edge.stop()
  await pooler.stop()
})
