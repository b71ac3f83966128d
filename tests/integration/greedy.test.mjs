// Clients without a token, and clients that take more than their share: nobody else waits for them (docs/limits.md).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { SANITIZED, token, until, world } from './lib/world.mjs'

const PIECE = 20 // handshakes in one write

const w = await world(import.meta.url)

// ---- one TCP connection that asks for sessions and uses each ----

class Flood {
  constructor(edge, headers = '') {
    this.headers = headers
    this.sids = []
    this.text = ''
    this.tcp = net.connect(edge.port, '127.0.0.1')
    this.tcp.setNoDelay(true)
    this.tcp.on('data', (d) => { this.text += d.toString('latin1') })
    this.tcp.on('close', () => { this.closed = true })
  }

  // The answers to the requests, which go out in one write.
  async say(requests) {
    this.text = ''
    this.tcp.write(requests.join(''))
    const all = () => this.text.split('HTTP/1.1 ').length > requests.length && /\r\n\r\n(0\{.*\}|\{.*\}|ok)$/.test(this.text)
    await until(() => all() || this.closed, () => `answers: ${this.text.slice(-300)}`)
    return this.text
  }

  async ask(n) {
    for (; n > 0; n -= PIECE) {
      const opened = await this.say(Array(PIECE).fill(`GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: edge\r\n${this.headers}\r\n`))
      const sids = [...opened.matchAll(/"sid":"([\w-]{20})"/g)].map((m) => m[1])
      assert.equal(sids.length, PIECE, opened.slice(-200))
      await this.post(sids, '3')
      this.sids.push(...sids)
    }
  }

  async post(sids, body) {
    const answer = await this.say(sids.map((sid) => `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: edge\r\nContent-Length: 1\r\n\r\n${body}`))
    assert.equal(answer.split('\r\n\r\nok').length - 1, sids.length, answer.slice(-200))
  }

  async leave() {
    while (this.sids.length) await this.post(this.sids.splice(0, PIECE), '1')
  }

  close() {
    this.tcp.end()
    return until(() => this.closed, 'the end of the connection')
  }
}

test('handshakes without a token, each with one POST: everybody with a token gets in meanwhile', async () => {
  const edge = await w.edge({ BELLWIRE_MAX_CONNECTIONS: '256', BELLWIRE_TRUSTED_PROXIES: '127.0.0.1' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const before = await w.connect(ann, { edge, transport: 'polling' })
  const far = new Flood(edge, 'X-Forwarded-For: 203.0.113.7:50001\r\n')
  await far.ask(600)
  for (const transport of ['websocket', 'polling', 'upgrade']) {
    const flooding = far.ask(300)
    await w.connect(bob, { edge, transport })
    await flooding
  }
  const many = []
  for (let i = 0; i < 10; i++) {
    many.push(new Flood(edge, `X-Forwarded-For: 2001:db8:0:${i}::1\r\n`))
    await many.at(-1).ask(60)
  }
  await w.connect(bob, { edge, transport: 'polling' })
  assert.ok(await edge.metric('bellwire_sessions') <= 512)
  assert.ok(await edge.metric('bellwire_sessions_closed_total', { reason: 'limit' }) > 1000)
  await w.notify(ann)
  await before.hear('notification:new')
  assert.deepEqual(before.ends, [])
  await Promise.all([far, ...many].map((f) => f.close()))
  await edge.stop()
})

test('handshakes with an Authorization of 16 KB, or of 8 KB that could be a token: memory stays, or is given back', async () => {
  const edge = await w.edge()
  const memory = () => edge.metric('process_resident_memory_bytes')
  const before = await memory()
  const large = new Flood(edge, `Authorization: Bearer ${'x'.repeat(15 << 10)}\r\n`)
  await large.ask(600)
  assert.ok(await edge.metric('bellwire_input_bytes') < 1 << 20)
  const token = new Flood(edge, `Authorization: Bearer ${'x'.repeat(8000)}\r\n`)
  await token.ask(2000)
  assert.ok(await edge.metric('bellwire_input_bytes') > 12 << 20)
  await token.leave()
  await large.leave()
  if (!SANITIZED) await until(async () => await memory() - before < 8 << 20, 'memory is given back')
  await Promise.all([large.close(), token.close()])
  await edge.stop()
})

// ---- single handshakes ----

// The status line that raw bytes are answered with.
async function status(edge, lines) {
  const tcp = net.connect(edge.port, '127.0.0.1')
  let text = ''
  tcp.on('data', (d) => { text += d.toString('latin1') })
  tcp.write([...lines, 'Host: edge', '', ''].join('\r\n'))
  await until(() => text.includes('\r\n'), 'an answer')
  tcp.destroy()
  return Number(text.split(' ')[1])
}

const POLL = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1'
const SOCKET = ['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']

test('BELLWIRE_ALLOWED_ORIGINS: the handshake of a foreign Origin is refused, none passes, null by choice', async () => {
  const edge = await w.edge({ BELLWIRE_CORS_ORIGIN: 'https://app.example', BELLWIRE_ALLOWED_ORIGINS: 'https://app.example, https://admin.example' })
  const apps = await w.edge({ BELLWIRE_ALLOWED_ORIGINS: 'https://app.example,null' })
  for (const [e, origin, good] of [[edge, 'https://app.example', true], [edge, 'https://admin.example', true], [edge, 'https://evil.example', false], [edge, 'https://app.example.evil', false],
    [edge, 'null', false], [edge, null, true], [apps, 'null', true], [apps, null, true], [apps, 'https://admin.example', false]]) {
    const header = origin ? [`Origin: ${origin}`] : []
    assert.deepEqual([await status(e, [...SOCKET, ...header]), await status(e, [POLL, ...header])], good ? [101, 200] : [400, 403], origin)
  }
  assert.equal(await edge.metric('bellwire_handshakes_refused_total', { code: '4' }), 6)
  await w.connect(await w.user(), { edge }) // a client without Origin
  await edge.stop()
  await apps.stop()
})

test('an EIO=3 client (Socket.IO 1.x, 2.x): a sampled line says what it is and from where', async () => {
  const edge = await w.edge()
  const old = () => fetch(`${edge.url}/socket.io/?EIO=3&transport=polling`, { headers: { 'User-Agent': 'old app/1.7' } })
  for (const r of await Promise.all(Array.from({ length: 100 }, old))) assert.equal(r.status, 400)
  const lines = () => edge.log.split('\n').filter((l) => l.includes('client too old'))
  await until(() => lines().length, 'a line')
  assert.match(lines()[0], /eio=3 client=127\.0\.0\.1 user_agent="old app\/1\.7"/)
  assert.ok(lines().length < 90, `${lines().length} lines`)
  await edge.stop()
})

// ---- an answer that nobody read ----

test('a message, its polling answer reset unread, the same GET on another connection: never claimed, never lost', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann, { edge })
  const open = await (await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`)).text()
  const path = `/socket.io/?EIO=4&transport=polling&sid=${JSON.parse(open.slice(1)).sid}`
  await fetch(edge.url + path, { method: 'POST', body: `40${JSON.stringify({ token: token(bob) })}` })
  for (let text = ''; !text.includes('sync:required');) text += await (await fetch(edge.url + path)).text()
  const tcp = net.connect(edge.port, '127.0.0.1')
  tcp.write(`GET ${path} HTTP/1.1\r\nHost: edge\r\n\r\n`)
  // bob's own arrival answers it, or the message does; packets behind it wait for the next
  await a.hear('user:online', { user_id: bob.id })
  const message = await w.message(chat, ann)
  await once(tcp, 'readable') // it has arrived, and nobody has read it
  tcp.resetAndDestroy()
  const again = await fetch(edge.url + path)
  assert.deepEqual([again.status, (await again.json()).message], [400, 'Session ID unknown'])
  await a.barrier()
  assert.deepEqual(a.heard('chat:message:delivered'), [])
  assert.equal(await w.value('select count(*) from platform.message_receipts where message_id = $1', [message.id]), 0)
  assert.equal(await edge.metric('bellwire_sessions_closed_total', { reason: 'transport' }), 1)
  await edge.stop()
})

// ---- the end of an edge ----

test('one polling session that nobody fetches, SIGTERM: the edge does not wait for it', async () => {
  const edge = await w.edge({ BELLWIRE_DRAIN_MS: '20000' })
  assert.equal(await status(edge, [POLL]), 200)
  const began = Date.now()
  await edge.stop()
  assert.ok(Date.now() - began < 2500, `${Date.now() - began} ms`)
})

test('a polling client that has gone silent, SIGTERM: 3 s for its last GET', async () => {
  const edge = await w.edge({ BELLWIRE_DRAIN_MS: '20000' })
  const c = await w.connect(await w.user(), { edge, transport: 'polling' })
  const { engine } = c.socket.io
  engine.transport._poll = () => {}
  await w.notify(c.user)
  await until(() => !engine.transport._polling, 'no GET')
  const began = Date.now()
  await edge.stop()
  const took = Date.now() - began
  assert.ok(took > 2000 && took < 6000, `${took} ms`)
})

// ---- events that wait for the database ----

test('users with events of 104 KB waiting for the database: counted in bytes, for each and for all', async () => {
  const edge = await w.edge({ BELLWIRE_MAX_MEMORY_BYTES: String(24 << 20), BELLWIRE_DB_TIMEOUT_MS: '3000' })
  const people = await w.users('Анна', 'Борис')
  const chat = await w.chat(...people)
  const [a, b] = await Promise.all(people.map((u) => w.connect(u, { edge })))
  const event = { chat_id: chat.id, type: 'text', content: 'hello', metadata: { filler: 'x'.repeat(100 << 10) } }
  const send = (c, n) => Promise.all(Array.from({ length: n }, () => c.ask('chat:message:send', event)))
  const codes = (acks) => acks.reduce((all, x) => ({ ...all, [x.code]: (all[x.code] ?? 0) + 1 }), {})
  const most = await w.transaction(async (sql) => {
    await sql('lock table platform.messages')
    const acks = [send(a, 55)]
    await until(async () => await edge.metric('bellwire_errors_total', { code: 'RATE_LIMIT' }) > 0, 'one client has too many')
    acks.push(send(b, 55))
    await until(async () => await edge.metric('bellwire_errors_total', { code: 'UNAVAILABLE' }) > 0, 'all together have')
    const now = await edge.metric('bellwire_waiting_bytes')
    const [mine, other] = [codes((await Promise.all(acks))[0]), codes(await acks[1])]
    assert.ok(mine.RATE_LIMIT > 0 && mine.RATE_LIMIT < 20, JSON.stringify(mine))
    assert.ok(other.UNAVAILABLE > 0, JSON.stringify(other))
    return now
  })
  assert.ok(most <= 6 << 20, `${most} bytes`)
  await until(async () => await edge.metric('bellwire_waiting_bytes') === 0, 'nothing waits')
  assert.deepEqual([a.ends, b.ends], [[], []])
  await edge.stop()
})

// An event that sleeps for as long as the test holds a lock: a wait for the lock itself would be cut short (lock_timeout).
async function slowRoute() {
  await w.sql(`create function rt.test_slow(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as $$ begin
    while not pg_try_advisory_xact_lock(77100, (p_payload ->> 'lock')::int) loop perform pg_sleep(0.02); end loop;
    return '{}'; end $$`)
  // without a lock key, which may share its bucket with one of others (server/db/queue.h)
  await w.sql("insert into bellwire.routes (event, function) values ('test:slow', 'rt.test_slow')")
  return (n) => until(async () => await w.value("select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'") === n, `${n} are out`)
}

test('events that take long in Postgres: everybody else is acked meanwhile, and what their sockets send waits', async () => {
  const out = await slowRoute()
  const edge = await w.edge({ BELLWIRE_DB_TIMEOUT_MS: '30000' })
  const people = await w.users(...Array.from({ length: 10 }, (_, i) => `Анна ${i}`))
  const chats = await Promise.all(people.map((u) => w.chat(u)))
  const clients = await Promise.all(people.map((u) => w.connect(u, { edge })))
  const message = (chat) => ['chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' }]
  const waits = (c, ...args) => new Promise((acked) => { c.emit(...args, acked) }) // as long as it takes: the locks go when all others are acked
  const acked = []
  const [a, b, ...others] = clients
  const slow = await w.transaction(async (sql) => {
    const asked = []
    for (const [lock, c] of [a, b].entries()) {
      await sql('select pg_advisory_xact_lock(77100, $1)', [lock])
      asked.push(waits(c, 'test:slow', { lock }).then(() => acked.push(`slow ${lock}`)))
      await out(lock + 1) // of three lanes, so many
    }
    asked.push(waits(a, ...message(chats[9])).then(() => acked.push('behind it')))
    await Promise.all(others.map((c, i) => waits(c, ...message(chats[i + 2]))))
    assert.deepEqual(acked, [])
    assert.ok(await edge.ready())
    return asked
  })
  await Promise.all(slow)
  assert.ok(acked.indexOf('behind it') > acked.indexOf('slow 0'), acked.join())
  assert.deepEqual(clients.flatMap((c) => c.ends), [])
  await edge.stop()
})

// ---- clients that are refused, and ask at once again ----

test("socket.on('disconnect', () => socket.connect()), with a bad token, a sub without a row, a disabled user: held back", async () => {
  const edge = await w.edge()
  const [disabled, good] = await w.users('Анна', 'Борис')
  await w.sql('update platform.users set disabled_at = now() where id = $1', [disabled.id])
  const loops = ['no token', token('11111111-2222-4333-8444-555555555555'), token(disabled)].map((t) => {
    const c = w.client(null, { edge, auth: { token: t } })
    c.socket.on('disconnect', () => c.socket.connect())
    return c
  })
  const calls = () => w.value("select coalesce(sum(xact_commit), 0) from pg_stat_database where datname = current_database()")
  const [began, before] = [Date.now(), await calls()]
  await Promise.all(loops.map((c) => until(() => c.ends.length >= 3, 'three refusals')))
  const seconds = (Date.now() - began) / 1000
  for (const c of loops) {
    assert.ok(c.ends.length <= seconds + 2, `${c.ends.length} refusals in ${seconds} s`)
    assert.deepEqual([...new Set(c.events.map((e) => `${e.event} ${e.args[0].code}`))], ['error UNAUTHORIZED'])
  }
  assert.ok(await calls() - before < 100 * seconds + 100)
  await w.connect(good, { edge }) // from the same address
  for (const c of loops) c.socket.off('disconnect').disconnect()
  await edge.stop()
})
