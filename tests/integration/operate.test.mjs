// Operation: TLS, keys, reload, readiness, draining, logs.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createSign, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import tls from 'node:tls'
import { TRANSPORTS } from './lib/client.mjs'
import { Dart } from './lib/dart.mjs'
import { BIN, SECRET, seconds, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
const dir = mkdtempSync(join(tmpdir(), 'bellwire-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const path = (name) => join(dir, name)

const readyz = async (edge) => {
  const r = await edge.admin('/readyz')
  return [r.status, (await r.text()).trim()]
}

// ---- keys ----

const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url')
const SIGN = {
  RS256: (body, key) => createSign('sha256').update(body).sign(key, 'base64url'),
  ES256: (body, key) => createSign('sha256').update(body).sign({ key, dsaEncoding: 'ieee-p1363' }, 'base64url'),
  EdDSA: (body, key) => signWith(null, Buffer.from(body), key).toString('base64url'),
}
const MAKE = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] }
const pem = (k) => k.export({ type: 'spki', format: 'pem' })
function signed(alg, key, user) {
  const body = `${b64({ alg, typ: 'JWT' })}.${b64({ sub: user.id, exp: seconds() + 600 })}`
  return `${body}.${SIGN[alg](body, key)}`
}

describe('tokens by public key', { concurrency: true }, () => {
  for (const alg of Object.keys(SIGN)) {
    test(`${alg}: its own key only; SIGHUP takes another, or keeps this one when the file is bad`, async () => {
      const keys = [1, 2].map(() => generateKeyPairSync(...MAKE[alg]))
      const file = path(`${alg}.pem`)
      writeFileSync(file, pem(keys[0].publicKey))
      const edge = await w.edge({ JWT_SECRET: '', JWT_ALGORITHM: alg, JWT_PUBLIC_KEY_FILE: file })
      edge.expected.push(/reload refused/)
      const user = await w.user(alg)
      const [good, other] = keys.map((k) => signed(alg, k.privateKey, user))
      const stays = await w.connect(user, { edge, token: good })
      const refused = async (t) => {
        const c = w.client(user, { edge, token: t })
        assert.equal(await c.down(), 'io server disconnect')
        assert.equal(c.heard('error')[0].code, 'UNAUTHORIZED')
      }
      await refused(other)
      await refused(token(user)) // a MAC under the public key's text has been tried elsewhere
      writeFileSync(file, 'no key')
      edge.signal('SIGHUP')
      await until(() => /reload refused/.test(edge.log), 'refused')
      ;(await w.connect(user, { edge, token: good })).close()
      writeFileSync(file, pem(keys[1].publicKey))
      edge.signal('SIGHUP')
      await until(() => / reloaded/.test(edge.log), 'reloaded')
      ;(await w.connect(user, { edge, token: other })).close()
      await refused(good)
      assert.deepEqual(stays.ends, [], 'who is there stays')
      stays.close()
    })
  }
})

// ---- TLS ----

function certificate(name, days = 2) {
  const [cert, key] = [path('chain.pem'), path('key.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days), '-subj', `/CN=${name}`,
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { cert, key, ca: readFileSync(cert) }
}

test('TLS: stock clients over every transport; SIGHUP serves the new certificate to new connections', async () => {
  const { cert, key, ca } = certificate('first')
  const edge = await w.edge({ BELLWIRE_TLS_CERT_FILE: cert, BELLWIRE_TLS_KEY_FILE: key })
  edge.url = edge.url.replace('http:', 'https:')
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const clients = []
  for (const transport of Object.keys(TRANSPORTS)) clients.push(await w.connect(bob, { edge, transport, ca }))
  const text = 'ж'.repeat(8000)
  const { id } = await w.message(chat, ann, text)
  for (const c of clients) assert.equal((await c.hear('chat:message:new', { id })).content, text)
  assert.equal((await clients[1].ask('chat:message:send', { chat_id: chat.id, type: 'text', content: text })).status, 'sent')
  const read = await new Promise((resolve, reject) => import('node:https').then((https) => https.get(`${edge.url}/api/v2/chats`, { ca, headers: { authorization: `Bearer ${token(ann)}` } }, resolve).on('error', reject)))
  assert.equal(read.statusCode, 200)
  read.resume()
  // bytes that are no TLS get no answer in the clear
  const plain = net.connect(edge.port, '127.0.0.1')
  let answer = ''
  plain.on('error', () => {})
  plain.on('data', (d) => { answer += d.toString('latin1') })
  plain.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => plain.destroyed || plain.readableEnded || answer.length > 0, 'the end of plain HTTP')
  assert.doesNotMatch(answer, /HTTP\/1\.1 200|"sid"/)
  plain.destroy()

  const subject = () => new Promise((resolve, reject) => {
    const s = tls.connect({ port: edge.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const { subject, valid_to: end } = s.getPeerCertificate()
      resolve([subject.CN, s.getProtocol(), Date.parse(end) / 1000])
      s.destroy()
    }).on('error', reject)
  })
  const ends = async () => Number(/^bellwire_certificate_end_time_seconds (\d+)$/m.exec(await (await edge.admin('/metrics')).text())[1])
  assert.deepEqual(await subject(), ['first', 'TLSv1.3', await ends()])
  await assert.rejects(new Promise((resolve, reject) => tls.connect({ port: edge.port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }, resolve).on('error', reject)))
  certificate('second', 30)
  edge.signal('SIGHUP')
  await until(async () => (await subject())[0] === 'second', 'the new certificate')
  assert.equal(await ends(), (await subject())[2])
  assert.ok(await ends() > Date.now() / 1000 + 20 * 86400, 'that of the new one')
  assert.deepEqual(clients.map((c) => c.ends), [[], [], []])
  for (const c of clients) c.close()
})

// ---- readiness ----

test('/livez and /readyz: schema too old, database away, starting', async () => {
  const edge = await w.edge()
  assert.deepEqual(await readyz(edge), [200, 'ok'])
  assert.equal((await edge.admin('/livez')).status, 200)
  assert.equal((await edge.admin('/nothing')).status, 404)
  const rows = await w.sql("delete from bellwire.migrations where version <> '0001' returning *")
  const starting = w.edge()
  const second = [...w.edges].at(-1)
  try {
    await until(async () => second.port && (await readyz(second))[1] === 'schema too old: run bellwire migrate', 'too old')
    assert.equal((await readyz(second))[0], 503)
  } finally {
    for (const r of rows) await w.sql('insert into bellwire.migrations select * from jsonb_populate_record(null::bellwire.migrations, $1)', [JSON.stringify(r)])
  }
  await starting
  assert.deepEqual(await readyz(second), [200, 'ok'], 'migrated meanwhile, without a restart')
  await edge.stop()
  await second.stop()
})

test('a Postgres that cannot be reached: the log says why, once for all connections', async () => {
  const target = new URL(w.url())
  const door = net.createServer((c) => {
    const pg = net.connect(target.port, target.hostname)
    c.on('error', () => pg.destroy()).on('close', () => pg.destroy()).pipe(pg)
    pg.on('error', () => c.destroy()).pipe(c)
  })
  const open = (port) => new Promise((resolve, reject) => door.on('error', reject).listen(port, '127.0.0.1', resolve))
  await open(0)
  const { port } = door.address()
  await new Promise((resolve) => door.close(resolve))

  const url = new URL(w.edgeUrl())
  Object.assign(url, { hostname: '127.0.0.1', port })
  const starting = w.edge({ DATABASE_URL: url.href })
  const edge = [...w.edges].at(-1)
  const lines = () => edge.log.split('\n').filter((l) => / warn /.test(l))
  await until(() => lines().length > 0 && edge.port, 'a warning')
  assert.match(lines()[0], / db_unreachable why=".*Connection refused"$/)
  await until(async () => (await readyz(edge))[1].includes('Connection refused'), 'not ready for that reason')
  assert.equal(lines().length, 1, edge.log)
  await open(port)
  await starting
  await edge.stop()
  door.close()
})

// ---- the end ----

test('SIGTERM: not ready, no newcomers, everybody sent away within the time, no 41 and no Close', async () => {
  const edge = await w.edge({ BELLWIRE_DRAIN_MS: '3000' })
  const other = await w.edge()
  const users = await w.users(...Array.from({ length: 20 }, (_, i) => `user ${i}`))
  const clients = await Promise.all(users.map((u, i) => w.connect(u, { edge, transport: i % 2 ? 'polling' : 'websocket' })))
  const dart = await Dart.up(edge, await w.user('Dart'))
  const began = Date.now()
  edge.signal('SIGTERM')
  await until(async () => (await readyz(edge).catch(() => [0]))[0] !== 200, 'not ready')
  // new sessions are refused, but not new connections: polling clients still need them
  assert.deepEqual(await (await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`)).json().then((x) => x.code), 4, 'nobody is let in')
  const gone = []
  await until(() => {
    clients.forEach((c, i) => { if (c.ends.length) gone[i] ??= Date.now() - began })
    return Object.keys(gone).length === clients.length
  }, 'all are sent away')
  for (const c of clients) assert.match(c.ends[0], /^transport (close|error)$/)
  await dart.down()
  assert.ok(!dart.frames.includes('41') && !dart.closeFrame, 'FIN alone')
  assert.ok(Math.max(...gone) - Math.min(...gone) > 500, `spread over the time: ${gone}`)
  assert.equal(await edge.process.gone, 0)
  assert.ok(Date.now() - began < 3000 + 3000, 'within the time, and what the database must be told')
  assert.match(edge.log, / stopped/)
  assert.equal(await w.value('select count(*) from bellwire.edges where edge_id = $1', [edge.id]), 0, `it has signed off\n${edge.log.slice(-3000)}`)
  // they come back elsewhere, and nobody was offline
  const again = await w.connect(users[0], { edge: other })
  assert.equal(again.heard('sync:required')[0].reason, 'reconnection')
  w.edges.delete(edge)
  again.close()
  await other.stop()
})

test('who drains keeps no connection behind an answer: nobody sends a request into the end', async () => {
  const edge = await w.edge({ BELLWIRE_DRAIN_MS: '600000' })
  const get = (query) => fetch(`${edge.url}/socket.io/?EIO=4&transport=polling${query}`)
  const kept = (r) => [r.status, r.headers.get('connection')]
  const open = await get('')
  assert.deepEqual(kept(open), [200, null])
  const sid = `&sid=${JSON.parse((await open.text()).slice(1)).sid}`
  const parked = get(sid)
  const stay = await w.connect(await w.user(), { edge })
  edge.signal('SIGTERM')
  await until(() => / draining/.test(edge.log), 'draining')
  assert.deepEqual(kept(await get('')), [403, 'close'])
  assert.deepEqual(kept(await parked), [200, 'close'])
  edge.signal('SIGTERM')
  await edge.process.gone
  await stay.down()
  w.edges.delete(edge)
})

test('a second SIGTERM ends at once', async () => {
  const edge = await w.edge({ BELLWIRE_DRAIN_MS: '600000' })
  const c = await w.connect(await w.user(), { edge })
  edge.signal('SIGTERM')
  await until(() => / draining/.test(edge.log), 'draining')
  edge.signal('SIGTERM')
  assert.equal(await edge.process.gone, 0)
  await c.down()
  w.edges.delete(edge)
})

// ---- logs ----

test('logs: one event a line, key=value, levels; never a token or a message body', async () => {
  const edge = await w.edge({ BELLWIRE_LOG_LEVEL: 'trace' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const t = token(ann)
  const a = await w.connect(ann, { edge, token: t })
  const bad = token(bob, { exp: 1 })
  await w.client(bob, { edge, token: bad }).down()
  await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'nobody may read this', client_id: 'secret-client-id' })
  await a.ask('auth:refresh', { token: bad })
  await a.ask('chat:message:send', { chat_id: chat.id, type: 'nobody may read this' })
  await fetch(`${edge.url}/api/v2/chats`, { headers: { authorization: `Bearer ${bad}` } })
  a.close()
  await until(() => /disconnected sid=/.test(edge.log), 'the end')
  for (const secret of [t, bad, t.split('.')[2], 'nobody may read this', 'secret-client-id']) assert.ok(!edge.log.includes(secret), `the log holds ${secret}`)
  for (const line of edge.log.trim().split('\n')) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn|info|debug|trace) [a-z][^=]*( [a-z_]+=("([^"\\]|\\.)*"|[^\s"]*))*$/, line)
  await edge.stop()
  const [, user, reason, transport, ms, bytesIn, bytesOut] = / disconnected .* user=(\S+) reason=(\S+) transport=(\S+) ms=(\d+) bytes_in=(\d+) bytes_out=(\d+)\n/.exec(edge.log)
  assert.deepEqual([user, reason, transport], [ann.id, 'client_left', 'websocket'])
  assert.ok(Number(ms) < 600000 && Number(bytesIn) > t.length && Number(bytesOut) > 100, `${ms} ms, ${bytesIn} in, ${bytesOut} out`)
  const quiet = await w.edge({ BELLWIRE_LOG_LEVEL: 'info' })
  assert.doesNotMatch(quiet.log, / (debug|trace) /)
  await quiet.stop()
})

test('logs as JSON: each line an object, with time, level and msg', async () => {
  const edge = await w.edge({ BELLWIRE_LOG_LEVEL: 'trace', BELLWIRE_LOG_FORMAT: 'json' })
  const ann = await w.user()
  const a = await w.connect(ann, { edge, transport: 'polling' })
  await a.ask('chat:typing', { odd: '"\n' })
  a.close()
  await until(() => /"msg":"disconnected"/.test(edge.log), 'the end')
  await edge.stop()
  const lines = edge.log.trim().split('\n').map((line) => JSON.parse(line))
  for (const { time, level, msg } of lines) assert.ok(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time) && /^(error|warn|info|debug|trace)$/.test(level) && msg, `${time} ${level} ${msg}`)
  const end = lines.find((l) => l.msg === 'disconnected')
  assert.deepEqual([end.user, end.reason, end.transport, typeof end.ms, end.bytes_in > 100, end.bytes_out > 100], [ann.id, 'client_left', 'polling', 'number', true, true])
})

test('behind a proxy: the address of X-Forwarded-For, only from whom it is believed', async () => {
  const hear = async (trusted) => {
    const edge = await w.edge(trusted ? { BELLWIRE_TRUSTED_PROXIES: '127.0.0.0/8' } : {})
    const c = await w.connect(await w.user(), { edge, extraHeaders: { 'X-Forwarded-For': '203.0.113.9, 198.51.100.7' } })
    c.close()
    const peer = / connected .*peer=(\S+)/.exec(edge.log)[1]
    await edge.stop()
    return peer
  }
  assert.equal(await hear(true), '198.51.100.7')
  assert.equal(await hear(false), '127.0.0.1')
})

test('BELLWIRE_DB_CONNECTIONS: as many as were asked for', async () => {
  const edge = await w.edge({ BELLWIRE_DB_CONNECTIONS: '9', BELLWIRE_NAME: 'nine' })
  await until(async () => await w.value("select count(*) from pg_stat_activity where application_name = 'nine dispatch'") === 9, 'nine of them')
  await edge.stop()
})

test('BELLWIRE_COOKIE: on the polling handshake, for balancers', async () => {
  const edge = await w.edge({ BELLWIRE_COOKIE: 'edge' })
  const r = await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`)
  assert.match(r.headers.get('set-cookie'), /^edge=[\w-]{20}; Path=\/; HttpOnly; SameSite=Lax$/)
  await edge.stop()
})

test('started with input, output and errors closed: no connection gets their numbers, and no log line a client', async () => {
  const port = () => new Promise((resolve) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => { const { port: free } = s.address(); s.close(() => resolve(free)) })
  })
  const ports = [await port(), await port()]
  const child = spawn('/bin/sh', ['-c', 'exec "$0" serve <&- >&- 2>&-', BIN], { env: { ...process.env, DATABASE_URL: w.edgeUrl(), JWT_SECRET: SECRET,
    BELLWIRE_LOG_LEVEL: 'trace', BELLWIRE_DRAIN_MS: '200', BELLWIRE_LISTEN: `127.0.0.1:${ports[0]}`, BELLWIRE_ADMIN_LISTEN: `127.0.0.1:${ports[1]}` } })
  const gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)))
  try {
    await until(() => fetch(`http://127.0.0.1:${ports[1]}/readyz`).then((r) => r.status === 200, () => false), 'ready')
    for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${child.pid}/fd/${fd}`), '/dev/null')
    const c = net.connect(ports[0], '127.0.0.1')
    let heard = ''
    c.on('data', (d) => { heard += d })
    c.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n')
    await new Promise((resolve) => c.on('close', resolve))
    assert.match(heard, /^HTTP\/1\.1 200 [^]*\r\n\r\n0\{"sid":"[\w-]+"[^{}]*\}$/)
  } finally {
    child.kill('SIGTERM')
    assert.equal(await gone, 0)
  }
})

test('the internal listener: who asks nothing keeps nobody out, and soon goes', async () => {
  const edge = await w.edge()
  const ends = []
  const idle = async (i) => {
    const c = net.connect(edge.adminPort, '127.0.0.1')
    c.on('error', () => {}).on('close', () => ends.push(i))
    await new Promise((resolve) => c.once('connect', resolve))
    return c
  }
  const crowd = []
  const began = Date.now()
  for (let i = 0; i < 64; i++) crowd.push(await idle(i))
  // one of them is of use: it stays
  const answered = new Promise((resolve) => crowd[0].once('data', (d) => resolve(String(d))))
  crowd[0].write('GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n')
  assert.match(await answered, /^HTTP\/1\.1 200 /)
  assert.deepEqual(ends, [])
  for (const path of ['/livez', '/readyz', '/metrics']) { // each on a connection of its own
    assert.equal(await new Promise((resolve, reject) => http.get({ port: edge.adminPort, host: '127.0.0.1', path, agent: false }, (r) => { r.resume(); resolve(r.statusCode) }).on('error', reject)), 200)
  }
  assert.ok(ends.length >= 1 && ends.length <= 3, `${ends} ended`)
  assert.equal(ends[0], 1) // the oldest, but for the one that asked
  assert.ok(!ends.includes(0))
  await until(() => ends.length === 64, () => `all are gone: ${ends.length}`, 15000)
  assert.ok(Date.now() - began < 14000)
  await edge.stop()
})
