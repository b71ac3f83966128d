// docs/push.md: what no socket has taken, by the worker as it stands there, against a stand-in for FCM.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import http from 'node:http'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { files } from '../clients/lib/blocks.mjs'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.edge()
const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
after(() => rmSync(dir, { recursive: true, force: true }))

// Firebase, as far as a sender sees it.
const fcm = { got: [], failures: 0, unknown: new Set() }
const server = http.createServer((request, response) => {
  let body = ''
  request.on('data', (d) => { body += d })
  request.on('end', () => {
    const { message } = JSON.parse(body)
    if (fcm.failures-- > 0) response.statusCode = 503
    else if (fcm.unknown.has(message.token)) response.statusCode = 404
    else fcm.got.push({ ...message, authorization: request.headers.authorization, path: request.url })
    response.end('{}')
  })
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
after(() => server.close())

test('the worker of the page pushes what nobody took, once, and nothing else', async () => {
  writeFileSync(join(dir, 'push.mjs'), files(readFileSync(new URL('../../docs/push.md', import.meta.url), 'utf8')).get('push.mjs'))
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(dir, 'node_modules'))
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob, eve)
  await w.sql(`create schema app; create table app.devices (user_id uuid, token text); grant usage on schema app to bellwire_service;
    grant select, delete on app.devices to bellwire_service`)
  await w.sql("insert into app.devices values ($1, 'ann'), ($2, 'bob'), ($2, 'bob old'), ($3, 'eve')", [ann.id, bob.id, eve.id])
  await w.sqlAs('service', "select rt.undelivered('1 day', 1)") // from here on
  const here = await w.connect(eve)
  fcm.unknown.add('bob old')
  fcm.failures = 1

  const m = await w.message(chat, ann, 'come and see')
  await here.hear('chat:message:new', { id: m.id })
  const taken = await w.notify(eve, 'here')
  await here.hear('notification:new', { id: taken })
  const missed = await w.notify(bob, 'there', { body: 'text' })
  await until(async () => await w.value('select count(*)::int from platform.message_receipts where user_id = $1 and delivered_at is not null', [eve.id]) === 1, 'a receipt')
  await until(async () => await w.value('select count(*)::int from bellwire.notifications_taken where notification_id = $1', [taken]) === 1, 'taken')
  assert.deepEqual((await w.sqlAs('service', 'select * from rt.online($1)', [[ann.id, bob.id, eve.id]])).map((r) => r.online), [eve.id])

  const worker = spawn(process.execPath, ['push.mjs'], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH, PUSH_AFTER: '0 seconds',
    DATABASE_URL: w.url(w.role('service'), 'bellwire-test'), FCM_URL: `http://127.0.0.1:${server.address().port}/send`, FCM_TOKEN: 'secret' } })
  let log = ''
  worker.stderr.on('data', (d) => { log += d })
  const gone = new Promise((resolve) => worker.on('close', resolve))
  await until(() => fcm.got.length >= 2, () => `two pushes; ${JSON.stringify(fcm.got)} ${log}`)
  const later = await w.message(chat, eve, 'later')
  await until(() => fcm.got.length >= 4, () => `four pushes; ${JSON.stringify(fcm.got)} ${log}`)
  worker.kill('SIGTERM')
  assert.equal(await gone, 0, log)
  assert.deepEqual(fcm.got.map(({ token, notification, data }) => [token, notification.title, notification.body, data.event, data.id]).sort(), [
    ['ann', 'Ева', 'later', 'chat:message:new', later.id], ['bob', 'there', 'text', 'notification:new', missed],
    ['bob', 'Анна', 'come and see', 'chat:message:new', m.id], ['bob', 'Ева', 'later', 'chat:message:new', later.id]].sort())
  assert.equal(fcm.got[0].authorization, 'Bearer secret')
  assert.match(log, /FCM: 503/)
  assert.deepEqual(await w.sql("select token from app.devices where token = 'bob old'"), [])
})
