// docs/emitter.md, docs/wire.md G: @socket.io/postgres-emitter from npm, unchanged.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Emitter } from '@socket.io/postgres-emitter'
import pg from 'pg'
import { Dart } from './lib/dart.mjs'
import { token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge({ BELLWIRE_EMITTER: 'on' })
const other = await w.edge({ BELLWIRE_EMITTER: 'on' })

// The emitter's pool as its users have it: int8 is a string. One connection, so that calls stay in order.
const types = { getTypeParser: (oid, format) => (oid === 20 ? String : pg.types.getTypeParser(oid, format)) }
const url = w.url(w.role('service'), 'bellwire-test')
const pool = new pg.Pool({ connectionString: url, max: 1, types })
pool.on('error', () => {})
after(() => pool.end())
const io = new Emitter(pool)

const page = readFileSync(new URL('../../docs/emitter.md', import.meta.url), 'utf8')
const snippet = (mark) => new RegExp(`<!-- ${mark} -->\n\`\`\`\\w+\n([^]*?)\`\`\``).exec(page)[1]

await w.sql(snippet('table').replaceAll('my_service', w.role('service')))

const [ann, bob] = await w.users('Анна', 'Борис')
const [a, b] = [await w.connect(ann), await w.connect(bob, { edge: other })]

const notify = (payload) => pool.query('select pg_notify($1, $2)', ['socket.io#/', typeof payload === 'string' ? payload : JSON.stringify(payload)])
const emission = (data, opts = {}) => ({ type: 3, data: { packet: { type: 2, data, nsp: '/' }, opts: { rooms: [], flags: {}, except: [], ...opts } }, uid: 'emitter' })
const outcome = (name, e = edge) => e.metric('bellwire_emitter_messages_total', { outcome: name })

let marks = 0
// Afterwards these clients have heard all that was sent through the pool before this, or never will. Large messages have an order of their own.
async function settled(...clients) {
  const n = ++marks
  io.to(clients.map((c) => c.id)).emit('test:mark', { n })
  for (const c of clients) await c.hear('test:mark', { n })
}

const heard = (c, event) => c.heard(event).map((p) => p.n)

test('to everybody, to rooms, each socket once, except others, over two edges', async () => {
  io.emit('news', { n: 1, text: 'Привет 🙂 "\\\n' })
  io.to(`user:${ann.id}`).emit('news', { n: 2 })
  io.in([`user:${ann.id}`, `user:${bob.id}`]).to(a.id).emit('news', { n: 3 })
  io.except(`user:${bob.id}`).emit('news', { n: 4 })
  io.to(`user:${ann.id}`).to(b.id).except(a.id).emit('news', { n: 5 })
  io.to('nobody is here').emit('news', { n: 6 })
  io.compress(true).emit('news', { n: 7, deep: { list: [1, 'два', null, { x: 1.5 }] } })
  await settled(a, b)
  assert.deepEqual([heard(a, 'news'), heard(b, 'news')], [[1, 2, 3, 4, 7], [1, 3, 5, 7]])
  assert.equal(a.heard('news')[0].text, 'Привет 🙂 "\\\n')
  assert.deepEqual(a.heard('news').at(-1), { n: 7, deep: { list: [1, 'два', null, { x: 1.5 }] } })
})

test('polling clients and the Dart client hear it as well', async () => {
  const p = await w.connect(ann, { transport: 'polling' })
  const d = await Dart.up(edge, ann)
  io.to(`user:${ann.id}`).emit('both', { n: 1 })
  await p.hear('both', { n: 1 })
  await d.hear('both', { n: 1 })
  d.onlyMaps()
  d.tcp.destroy()
  p.close()
})

test('a large message comes from the table, as the small one would have come', async () => {
  const at = new Date('2026-01-10T12:00:00.125Z')
  const data = { n: 1, at, times: [at, new Date(0)], gone: undefined, hole: [undefined], f: 0.1, big: 2 ** 40, neg: -7, text: 'ж'.repeat(6000), 'quote"d': { a: [] } }
  const done = await outcome('done')
  io.to(`user:${ann.id}`).emit('large', data)
  const got = await a.hear('large', { n: 1 })
  assert.deepEqual(got, { ...JSON.parse(JSON.stringify(data)), gone: null }) // MessagePack has nil where JSON has nothing (G4)
  assert.equal(await w.value('select count(*) from socket_io_attachments'), 1, 'the row stays: other nodes need it')
  await settled(a, b)
  assert.equal(await outcome('done') - done, 2)
  assert.deepEqual(b.heard('large'), [])
})

test('large messages keep their order; small ones may overtake them', async () => {
  for (let n = 0; n < 40; n++) io.emit('series', { n, pad: 'x'.repeat(8000) })
  await Promise.all([a, b].map((c) => c.hear('series', { n: 39 })))
  for (const c of [a, b]) assert.deepEqual(heard(c, 'series'), [...Array(40).keys()])
})

test('a pool that reads bigint as a number does no harm', async () => {
  const mine = new pg.Pool({ connectionString: w.url(), max: 1 })
  new Emitter(mine).emit('number', { n: 1, pad: 'x'.repeat(9000) })
  await a.hear('number', { n: 1 })
  await mine.end()
})

test('binary is refused, in the data of one message alone', async () => {
  const before = await outcome('invalid')
  io.emit('binary', { n: 1, bytes: Buffer.from([1, 2, 3]) })
  await until(async () => await outcome('invalid') - before === 1, 'counted')
  io.emit('binary', { n: 2 })
  await settled(a, b)
  assert.deepEqual(heard(a, 'binary'), [2])
})

test('a row that is missing, too large or not to be read is counted and logged', async () => {
  const before = await outcome('missing')
  await notify({ uid: 'emitter', type: 3, attachmentId: '999999999' })
  const [{ id }] = await w.sql('insert into socket_io_attachments (payload) values ($1) returning id', [Buffer.alloc(1048577)])
  await notify({ uid: 'emitter', type: 3, attachmentId: `${id}` })
  await until(async () => await outcome('missing') - before === 2, 'both counted')
  await w.sql('revoke select on public.socket_io_attachments from bellwire_owner')
  io.emit('unread', { n: 1, pad: 'x'.repeat(9000) })
  await until(async () => await outcome('missing') - before === 3, 'no right')
  await w.sql('grant select on public.socket_io_attachments to bellwire_owner')
  io.emit('unread', { n: 2, pad: 'x'.repeat(9000) })
  await a.hear('unread', { n: 2 })
  assert.deepEqual(heard(a, 'unread'), [2])
  assert.match(edge.log, /emitter message not taken .*outcome=missing/)
})

test('what is in the row is checked like the rest', async () => {
  const before = await outcome('invalid')
  for (const payload of [Buffer.from('c1', 'hex'), Buffer.from('no MessagePack at all'), Buffer.from([0x80]), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100000, 0x91)]) {
    const [{ id }] = await w.sql('insert into socket_io_attachments (payload) values ($1) returning id', [payload])
    await notify({ uid: 'emitter', type: 3, attachmentId: `${id}` })
  }
  await until(async () => await outcome('invalid') - before === 5, async () => `five counted: ${await outcome('invalid') - before}`)
})

test('sockets join, are reached, leave', async () => {
  const a2 = await w.connect(ann, { edge: other })
  io.in(`user:${ann.id}`).socketsJoin(['room one', 'room:two'])
  io.in(a2.id).socketsLeave('room one')
  io.to('room one').emit('in room', { n: 1 })
  io.to('room:two').emit('in room', { n: 2 })
  io.to(['room one', 'room:two']).except(a.id).emit('in room', { n: 3 })
  await settled(a, a2, b)
  assert.deepEqual([heard(a, 'in room'), heard(a2, 'in room'), heard(b, 'in room')], [[1, 2], [2, 3], []])
  // a service's own rt.emit finds the same rooms
  await w.sql('select rt.emit($1, $2, $3)', [['room one'], 'in room', { n: 4 }])
  await a.hear('in room', { n: 4 })
  io.socketsLeave(['room one', 'room:two', 'never joined'])
  io.to(['room one', 'room:two']).emit('in room', { n: 5 })
  io.socketsJoin('all of us')
  io.to('all of us').emit('in room', { n: 6 })
  await settled(a, a2, b)
  assert.deepEqual([heard(a, 'in room'), heard(a2, 'in room'), heard(b, 'in room')], [[1, 2, 4, 6], [2, 3, 6], [6]])
  a2.close()
})

test('rooms that follow rows are neither joined nor left', async () => {
  const eve = await w.connect(await w.user('Ева'))
  const chat = await w.chat(ann, bob)
  const before = [await outcome('refused'), await outcome('refused', other)]
  const ours = [`participants:${chat.id}`, `chat:${chat.id}`, `user:${ann.id}`, `followers:${ann.id}`, a.id]
  for (const room of ours) io.in(eve.id).socketsJoin(['harmless', room])
  for (const room of ours) io.socketsLeave(room)
  io.to('harmless').emit('overheard', {})
  await settled(eve, a, b)
  await w.message(chat, ann, 'between us')
  await w.notify(ann, 'for Anna')
  await w.sql('select rt.emit($1, $2, $3)', [[a.id], 'one socket', { n: 1 }])
  await a.hear('chat:message:new', { content: 'between us' })
  await b.hear('chat:message:new', { content: 'between us' })
  await a.hear('notification:new', { title: 'for Anna' })
  await a.hear('one socket')
  await eve.barrier()
  assert.deepEqual(eve.events.filter((e) => /^(chat|notif|one|over)/.test(e.event)), [])
  assert.deepEqual([await outcome('refused') - before[0], await outcome('refused', other) - before[1]], [10, 10])
  eve.close()
})

test('sockets are disconnected, with and without their session', async () => {
  const [c, d] = [await w.connect(bob), await w.connect(bob, { edge: other, transport: 'polling' })]
  const raw = await Dart.up(edge, bob)
  io.in(c.id).disconnectSockets()
  assert.equal(await c.down(), 'io server disconnect')
  io.in(d.id).disconnectSockets(true)
  assert.equal(await d.down(), 'io server disconnect')
  io.in(raw.id).disconnectSockets(true)
  await until(() => raw.ended === 'io server disconnect', 'the Dart client is told')
  await settled(a, b)
  assert.deepEqual([a.ends, b.ends], [[], []])
  // without close the session stays: the same WebSocket connects again
  const again = new Dart(edge, { auth: { token: token(bob) } })
  again.onSocket = function (text) { if (text === '1') this.told = true; else Dart.prototype.onSocket.call(this, text) }
  await again.open()
  await again.hear('sync:required')
  const first = again.id
  io.in(first).disconnectSockets()
  await until(() => again.told, 'told')
  again.sendText(`40${JSON.stringify(again.auth)}`)
  await until(() => again.id !== first && again.heard('sync:required').length === 2, 'a new socket on the same session')
  again.tcp.destroy()
})

test('the page\'s service, as it stands', async () => {
  const c = await w.connect(ann)
  const run = new (async () => {}).constructor('pg', 'Emitter', 'process', 'userId', `${snippet('service').replace(/^import .*$/gm, '')}; return pool`)
  const theirs = await run(pg, Emitter, { env: { DATABASE_URL: url } }, ann.id)
  await c.hear('booking:moved', { booking_id: 7 })
  await b.hear('weather', { celsius: 21.5 })
  await theirs.end()
  await w.sql('update socket_io_attachments set created_at = created_at - interval \'2 minutes\'')
  await w.sql(snippet('clean'))
  assert.equal(await w.value('select count(*) from socket_io_attachments'), 0)
  c.close()
})

// ---- messages that are not taken ----

const deep = (n) => `${'['.repeat(n)}${']'.repeat(n)}`
const withData = (text) => `{"type":3,"data":{"packet":{"data":["bad",{"x":${text}}]},"opts":{"rooms":[]}}}`

test('bad payloads of every shape are skipped, counted, and harm nobody', async () => {
  const invalid = ['', ' ', '{', '{"type":3,"data":{"packet":', 'x', '[]', '[3]', '3', 'null', '"3"', '{}', '{"type":"3"}', '{"type":3}', '{"type":3.5}', '{"type":null}', '{"type":3,"data":null}',
    '{"type":3,"data":[]}', '{"type":3,"data":{}}', '{"type":3,"data":{"packet":[],"opts":[]}}', '{"type":3,"data":{"packet":{"data":["bad",{}]}}}',
    '{"type":3,"data":{"packet":{"data":["bad",{}]},"opts":{}}}', '{"type":3,"data":{"packet":{"data":{}},"opts":{"rooms":[]}}}',
    '{"type":4,"data":{}}', '{"type":5,"data":{"rooms":1,"opts":{"rooms":[]}}}', '{"type":6,"data":{"opts":{"rooms":[]},"close":"now"}}', '{"type":6}',
    '{"type":3,"attachmentId":"1\' or 1=1"}', '{"type":3,"attachmentId":-1}', '{"type":3,"attachmentId":{}}',
    withData(deep(100)), withData(deep(3000)), withData('['.repeat(7000)), withData('1e999'), withData('"\\ud800"'), withData('"\\u0000"'), withData('{"a":1,"a":2}'),
    withData('{"_placeholder":true,"num":0}'), withData('01'), withData('NaN'), withData('"\u0001"'),
    ...[[7], [null], [''], ['\u0001'], [`user:${ann.id}\nuser:${bob.id}`], ['x'.repeat(300)], 'a', null].map((rooms) => emission(['bad', {}], { rooms })),
    ...[[], [1, {}], [{}, {}], ['', {}], ['\n', {}], [null]].map((data) => emission(data)),
    emission(['bad', {}], { flags: 1 }), emission(['bad', {}], { except: 'a' }), emission(['bad', {}], { except: [{}] })]
  const refused = [['bad'], ['bad', 1], ['bad', 'text'], ['bad', null], ['bad', []], ['bad', {}, {}],
    ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'connected', 'sync:required'].map((name) => [name, { user_id: ann.id }]),
    ['error', {}], ['error', { code: 'UNAUTHORIZED', message: 'Invalid token' }], ['error', { code: '22023', severity: 'ERROR', file: 'async.c' }]].map((data) => emission(data))
  const ignored = [1, 2, 7, 8, 9, 10, 11, 12, 13, 0, 99].map((type) => ({ type, uid: '5f3a', data: { packet: ['bad', {}] } }))
  const before = { invalid: await outcome('invalid'), refused: await outcome('refused'), ignored: await outcome('ignored') }
  const story = a.events.length
  for (const payload of [...invalid, ...refused, ...ignored]) await notify(payload)
  await settled(a, b)
  assert.deepEqual(a.events.slice(story).map((e) => e.event).filter((e) => e !== 'test:mark' && !/^user:/.test(e)), [])
  assert.deepEqual([a.ends, b.ends], [[], []])
  assert.deepEqual([await outcome('invalid') - before.invalid, await outcome('refused') - before.refused, await outcome('ignored') - before.ignored],
    [invalid.length, refused.length, ignored.length])
})

test('what Node servers write is taken; other namespaces and channels are not heard', async () => {
  const opts = { rooms: [a.id], except: [] }
  await notify({ uid: '5f3a09', nsp: '/', type: 3, data: { opts, packet: { type: 2, data: ['node', { n: 1 }] }, requestId: 'r' } })
  io.of('/chat').to(a.id).emit('node', { n: 2 })
  new Emitter(pool, '/', { channelPrefix: 'elsewhere' }).to(a.id).emit('node', { n: 3 })
  io.serverSideEmit('node', { n: 4 })
  await settled(a)
  assert.deepEqual(heard(a, 'node'), [1])
})

test('an error of the product reaches a room; the emitter\'s own failure does not', async () => {
  io.to(a.id).emit('error', { code: 'RATE_LIMIT', message: 'slow down' })
  await a.hear('error', { code: 'RATE_LIMIT' })
  const before = await outcome('refused')
  // exactly 8000 bytes: the emitter notifies, Postgres refuses, the emitter tells everybody the error (G8)
  const size = Buffer.byteLength(JSON.stringify({ ...emission(['fail', { pad: '' }], { rooms: [a.id] }) }))
  io.to(a.id).emit('fail', { pad: 'x'.repeat(8000 - size) })
  await until(async () => await outcome('refused') - before === 1, 'its error object is dropped')
  await settled(a)
  assert.deepEqual([a.heard('error').length, a.heard('fail')], [1, []])
})

test('a flood of bad messages does not fill the log', async () => {
  const lines = () => edge.log.split('\n').filter((l) => /emitter message not taken/.test(l)).length
  const [before, invalid, began] = [lines(), await outcome('invalid'), Date.now()]
  await w.sql("select pg_notify('socket.io#/', 'bad ' || n) from generate_series(1, 5000) n")
  await until(async () => await outcome('invalid') - invalid === 5000, 'all counted')
  await settled(a)
  const most = 12 + (Date.now() - began) / 1000
  assert.ok(lines() - before <= most, `${lines() - before} lines in ${Date.now() - began} ms`)
  // the next line that is written tells how many were not
  await until(async () => { await notify('bad'); return / unlogged=[1-9]\d{3}/.test(edge.log) }, 'the number of those not logged')
})

test('a flood of large messages is bounded', async () => {
  const count = async () => [await outcome('missing'), await outcome('lost')]
  const before = await count()
  await w.sql("select pg_notify('socket.io#/', json_build_object('type', 3, 'attachmentId', n::text)::text) from generate_series(1000000000001, 1000000003000) n")
  const since = async () => (await count()).map((v, i) => v - before[i])
  await until(async () => { const [missing, lost] = await since(); return missing + lost === 3000 }, 'all are accounted for')
  const [missing, lost] = await since()
  assert.ok(missing >= 1024 && lost > 0, `${missing} missing, ${lost} lost`)
  io.emit('after the flood', { n: 1, pad: 'x'.repeat(9000) })
  await a.hear('after the flood')
})

test('a socket is put into so many rooms and no more', async () => {
  const c = await w.connect(ann)
  const refused = await outcome('refused')
  for (let i = 0; i < 17; i++) io.in(c.id).socketsJoin(Array.from({ length: 60 }, (_, k) => `many:${i}:${k}`))
  for (let i = 0; i < 17; i++) io.to(`many:${i}:0`).emit('many', { n: i })
  await settled(c)
  assert.equal(await outcome('refused') - refused, 1)
  assert.equal(c.heard('many').length, 17)
  io.in(c.id).socketsLeave(Array.from({ length: 60 }, (_, k) => `many:0:${k}`))
  io.in(c.id).socketsJoin('many:again')
  io.to('many:again').emit('many', { n: 100 })
  await c.hear('many', { n: 100 })
  c.close()
})

// ---- volatile, and what never leaves ----

const http = (e, query, options) => fetch(`${e.url}/socket.io/?EIO=4&transport=polling${query}`, options).then((r) => r.text())

// A polling session whose GETs are in the test's hands.
async function poller(e, user) {
  const { sid } = JSON.parse((await http(e, '')).slice(1))
  const p = { get: () => http(e, `&sid=${sid}`), post: (body) => http(e, `&sid=${sid}`, { method: 'POST', body }), text: '' }
  await p.post(`40${JSON.stringify({ token: token(user) })}`)
  while (!p.text.includes('sync:required')) p.text += await p.get()
  p.id = /"socket_id":"([^"]+)"/.exec(p.text)[1]
  return p
}

const dropped = (reason, e = edge) => e.metric('bellwire_packets_dropped_total', { reason })
const messages = (status, e = edge) => e.metric('websocket_messages_total', { event: 'other', status })

test('volatile: a poller between its polls misses it, and that is counted', async () => {
  const p = await poller(edge, bob)
  const [skipped, lost] = [await dropped('volatile'), await messages('dropped')]
  io.volatile.to([p.id, a.id]).emit('fleeting', { n: 1 })
  io.to([p.id, a.id]).emit('fleeting', { n: 2 })
  await a.hear('fleeting', { n: 2 })
  assert.deepEqual(heard(a, 'fleeting'), [1, 2])
  const text = await p.get()
  assert.ok(text.includes('42["fleeting",{"n":2}]') && !text.includes('"n":1'), text)
  assert.deepEqual([await dropped('volatile') - skipped, await messages('dropped') - lost], [1, 1])
  // with a GET parked it goes out
  const parked = p.get()
  let answer
  parked.then((t) => { answer = t })
  for (let n = 10; !answer?.includes('fleeting'); n++) {
    io.volatile.to(p.id).emit('fleeting', { n })
    await settled(a)
    if (answer !== undefined && !answer.includes('fleeting')) throw new Error(answer)
  }
  assert.match(await parked, /42\["fleeting"/)
  await p.post('1')
})

test('volatile: a client that does not read misses it, and gets what comes later', async () => {
  const roomy = await w.edge({ BELLWIRE_EMITTER: 'on', BELLWIRE_MAX_QUEUE_BYTES: `${32 << 20}` })
  const [c, d] = [await w.connect(ann, { edge: roomy }), await Dart.up(roomy, bob)]
  const pad = 'x'.repeat(200 << 10)
  d.tcp.pause()
  let n = 0
  while (await roomy.metric('bellwire_queue_bytes') < 4 << 20) await w.sql('select rt.emit($1, $2, $3)', [[d.id], 'heavy', { n: ++n, pad }])
  const skipped = await dropped('volatile', roomy)
  io.volatile.to([c.id, d.id]).emit('fleeting', { n: 1 })
  await c.hear('fleeting', { n: 1 })
  assert.equal(await dropped('volatile', roomy) - skipped, 1)
  io.to(d.id).emit('lasting', { n: 2 })
  await settled(c)
  d.tcp.resume()
  await d.hear('lasting', { n: 2 })
  await d.hear('heavy', { n }) // by another way, so perhaps behind it
  assert.deepEqual([d.heard('heavy').length, d.heard('fleeting')], [n, []])
  d.tcp.destroy()
  c.close()
  await roomy.stop()
})

test('what waits for a connection that ends is counted by the reason', async () => {
  const narrow = await w.edge({ BELLWIRE_EMITTER: 'on', BELLWIRE_MAX_QUEUE_BYTES: '65536' })
  const c = await w.connect(ann, { edge: narrow })
  const p = await poller(narrow, bob)
  // polling: three fill it, the fourth is above the limit, and nobody fetches
  for (let n = 1; n <= 4; n++) io.to(p.id).emit('waiting', { n, pad: 'x'.repeat(22000) })
  await until(async () => await dropped('slow', narrow) === 4, async () => `four lost: ${await dropped('slow', narrow)}`)
  assert.equal(await messages('dropped', narrow), 0, 'all had been queued as sent')
  // WebSocket: as many as the kernel and the queue hold
  const d = await Dart.up(narrow, bob)
  d.tcp.pause()
  // A long message goes through a table, so a short one may overtake it: the other client says that it was taken.
  for (let n = 10; await narrow.metric('bellwire_sessions_closed_total', { reason: 'slow' }) < 2; n++) {
    io.to([c.id, d.id]).emit('waiting', { n, pad: 'x'.repeat(60000) })
    await c.hear('waiting', { n })
  }
  assert.ok(await dropped('slow', narrow) >= 4 + 1, `${await dropped('slow', narrow)}`)
  assert.ok(await messages('dropped', narrow) <= 1, 'all had been queued as sent, but for the one that ended it')
  d.tcp.destroy()
  c.close()
  await narrow.stop()
})

// ---- off, and away ----

test('off unless it is asked for', async () => {
  const off = await w.edge()
  const c = await w.connect(ann, { edge: off })
  io.emit('unheard', { n: 1 })
  io.in(c.id).disconnectSockets(true)
  io.emit('unheard', { n: 2, pad: 'x'.repeat(9000) })
  await a.hear('unheard', { n: 2 })
  await c.barrier()
  assert.deepEqual([c.heard('unheard'), c.ends], [[], []])
  assert.equal(await off.metric('bellwire_emitter_messages_total'), 0)
  assert.doesNotMatch(off.log, /emitter/)
  c.close()
  await off.stop()
})

test('after an outage of Postgres the channel is heard again, and the operator is told of the gap', async () => {
  for (const e of [edge, other]) e.expected.push(/ error /)
  const gaps = await edge.metric('bellwire_emitter_gaps_total')
  const admin = new pg.Client(process.env.BELLWIRE_TEST_PG)
  await admin.connect()
  await admin.query(`alter database ${w.database} allow_connections false`)
  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'bellwire_edge'", [w.database])
  await until(async () => !await edge.ready() && !await other.ready(), 'both without Postgres')
  io.emit('lost', { n: 1 })
  await pool.query('select 1')
  await admin.query(`alter database ${w.database} allow_connections true`)
  await admin.end()
  await until(async () => await edge.ready() && await other.ready(), 'ready again')
  await until(async () => await edge.metric('bellwire_emitter_gaps_total') === gaps + 1, 'the gap is counted')
  io.emit('lost', { n: 2 })
  io.emit('lost', { n: 3, pad: 'x'.repeat(9000) })
  for (const c of [a, b]) {
    await c.hear('lost', { n: 3 })
    assert.deepEqual([heard(c, 'lost'), c.ends, c.heard('sync:required').length], [[2, 3], [], 1])
  }
  assert.match(edge.log, /emitter messages may be lost/)
})
