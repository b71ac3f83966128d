// The page of the internal listener as a program reads it: the stream, one user, why, and those who mean no good.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const [north, south] = [await w.edge({ BELLWIRE_NAME: 'north' }), await w.edge({ BELLWIRE_NAME: 'south' })]
const at = (path, edge = north) => `http://127.0.0.1:${edge.adminPort}/page/${path}`

// 429 is not what most of these tests are about.
async function get(path, edge) {
  return until(async () => {
    const r = await fetch(at(path, edge))
    return r.status !== 429 && { status: r.status, text: await r.text() }
  }, `an answer to ${path}`)
}
const json = async (path, edge) => { const r = await get(path, edge); assert.equal(r.status, 200, r.text); return JSON.parse(r.text) }

// What a stream says, by the names of its events: the last of each, and how many.
class Stream {
  static async open(edge = north) {
    const s = Object.assign(new Stream(), { last: {}, n: {}, stop: new AbortController(), ended: false })
    s.response = await until(async () => { const r = await fetch(at('live', edge), { signal: s.stop.signal }); return r.status === 200 && r }, 'a stream')
    s.read().catch(() => {}).finally(() => { s.ended = true })
    return s
  }

  async read() {
    let text = ''
    for await (const piece of this.response.body.pipeThrough(new TextDecoderStream())) {
      const events = (text + piece).split('\n\n')
      text = events.pop()
      for (const e of events) {
        const m = /^event: (\w+)\ndata: (.*)$/.exec(e)
        if (!m) continue
        this.last[m[1]] = JSON.parse(m[2])
        this.n[m[1]] = (this.n[m[1]] ?? 0) + 1
      }
    }
  }

  value(name) { return this.last.sample?.row[this.last.hello.columns.indexOf(name)] }

  close() { this.stop.abort() }
}

const why = async (event, user, edge) => (await json(`why?event=${event}&user=${user.id}`, edge)).map((s) => [s.step, s.verdict])
const SECRET_TEXT = 'nobody may read this'

test('the stream: this edge second by second, all edges, the busiest rooms', async () => {
  const people = await w.users('a', 'b', 'c')
  const chat = await w.chat(...people)
  const sockets = await Promise.all(people.map((u, i) => w.connect(u, { edge: i ? south : north })))
  const s = await Stream.open()
  await until(() => s.value('sockets') === 1 && s.value('users') === 1, 'a sample')
  assert.equal(s.last.hello.name, 'north')
  assert.ok(s.last.samples.rows.every((r) => r.length === s.last.hello.columns.length))
  await until(() => s.last.edges?.length === 2 && s.last.history?.length === 2, 'both edges')
  assert.deepEqual(s.last.edges.map((e) => [e.name, e.answered]), [['north', true], ['south', true]])
  await until(() => s.last.edges[1].body.sockets === 2, 'the other edge has two sockets')
  assert.equal(s.last.history[0].body.step_ms, 5000)
  for (let i = 0; i < 5; i++) await w.message(chat, people[0], SECRET_TEXT)
  await until(() => sockets[2].heard('chat:message:new').length === 5, 'the messages')
  sockets[0].socket.emit('chat:join', { chat_id: 1 })
  await sockets[0].hear('error', { code: 'INVALID_DATA' })
  // whoever comes next is told at once
  const next = await Stream.open(south)
  const third = await Stream.open(north)
  await until(() => third.last.reasons?.errors.INVALID_DATA === 1, 'the error by its code')
  const room = () => next.last.busy?.find((r) => r.room === `participants:${chat.id}`)
  await until(() => room()?.events >= 5, 'the room')
  assert.equal(room().sockets, 3, 'on all edges')
  await until(() => s.n.sample > 1, 'it goes on')
  for (const x of [s, next]) assert.ok(!JSON.stringify(x.last).includes(SECRET_TEXT))
  for (const x of [s, next, third, ...sockets]) x.close()
  await until(() => s.ended && next.ended, 'both have ended')
})

test('one user: sockets of all edges, what was sent and what became of it; no body, no address', async () => {
  const [ann, bob] = await w.users('<b>Anna</b>', 'Boris')
  const chat = await w.chat(ann, bob)
  const one = await w.connect(ann, { edge: north })
  const two = await w.connect(ann, { edge: south, transport: 'polling' })
  const gone = await w.connect(ann, { edge: south })
  const m = await w.message(chat, bob, SECRET_TEXT)
  for (const c of [one, two, gone]) await c.hear('chat:message:new', { id: m.id })
  gone.close()
  const found = await until(async () => {
    const r = await json(`user?id=${ann.id.toUpperCase()}`, south)
    const sent = r.answers.flatMap((a) => a.body.deliveries)
    return r.answers[1].body.ended.length === 1 && sent.filter((d) => d.confirmed_at).length >= 2 && r
  }, 'what became of it')
  assert.deepEqual(found.answers.map((a) => [a.name, a.body.sockets.map((s) => s.transport)]), [['north', ['websocket']], ['south', ['polling']]])
  assert.deepEqual(found.answers[1].body.ended.map((e) => e.reason), ['client_left'])
  const row = found.events.find((e) => e.event === 'chat:message:new')
  assert.deepEqual(row.rooms, [`participants:${chat.id}`])
  const sent = found.answers.flatMap((a) => a.body.deliveries.filter((d) => d.id === row.id))
  assert.deepEqual(sent.map((d) => d.outcome), ['queued', 'queued', 'queued'])
  const text = JSON.stringify(found)
  assert.ok(!text.includes(SECRET_TEXT) && !text.includes('127.0.0.1') && !text.includes('peer'), text)
  assert.deepEqual((await json(`user?id=${chat.id}`)).answers.map((a) => a.body.sockets), [[], []], 'nobody')
  for (const c of [one, two]) c.close()
})

test('why: it happened; its writer silenced the trigger; there is none such', async () => {
  const [ann, bob] = await w.users('Anna', 'Boris')
  const chat = await w.chat(ann, bob)
  const c = await w.connect(ann, { edge: south })
  const m = await w.message(chat, bob)
  await c.hear('chat:message:new', { id: m.id })
  await until(async () => (await why(m.id, ann)).at(-1).join() === 'confirmed,yes', 'confirmed')
  const lost = await w.transaction(async (sql) => {
    const [row] = await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x') returning id", [chat.id, bob.id])
    await sql('alter table platform.messages enable trigger messages_publish')
    return row
  }, ['alter table platform.messages disable trigger messages_publish'])
  assert.deepEqual((await why(lost.id, ann)).at(-1), ['announced', 'no'])
  assert.deepEqual(await why(chat.id, ann), [['written', 'no']])
  const bad = await get(`why?event=${encodeURIComponent('<img>')}&user=${ann.id}`)
  assert.equal(bad.status, 400)
  assert.match(JSON.parse(bad.text).problem, /^event: the uuid/)
  c.close()
})

test('whoever floods the page is refused, asks the database little, and keeps no event back', async () => {
  const [ann, bob] = await w.users('Anna', 'Boris')
  const chat = await w.chat(ann, bob)
  const c = await w.connect(ann, { edge: south })
  const statuses = new Map()
  let on = true
  const asks = () => w.value("select count(*) from bellwire.asks where what in ('user', 'recall')")
  const before = await asks()
  const paths = ['live', `user?id=${ann.id}`, `why?event=1&user=${ann.id}`, '', 'user?id=x']
  const floods = Array.from({ length: 24 }, async (_, i) => {
    while (on) {
      await fetch(at(paths[i % paths.length], south)).then((r) => {
        statuses.set(r.status, (statuses.get(r.status) ?? 0) + 1)
        return i % paths.length === 0 && r.status === 200 ? r.body.cancel() : r.text()
      }).catch(() => {})
    }
  })
  const began = Date.now()
  const sent = []
  for (let i = 0; i < 10; i++) {
    const m = await w.message(chat, bob, `${i}`)
    await c.hear('chat:message:new', { id: m.id })
    sent.push(m.id)
  }
  await until(() => statuses.get(429) > 20, 'refusals')
  on = false
  await Promise.all(floods)
  const took = (Date.now() - began) / 1000
  assert.deepEqual(c.heard('chat:message:new').map((m) => m.id), sent)
  // twenty at once, and then five a second
  const asked = await asks() - before
  assert.ok(asked <= 21 + took * 5, `${asked} questions in ${took} s`)
  assert.ok((await fetch(`http://127.0.0.1:${south.adminPort}/metrics`)).ok)
  await json(`user?id=${ann.id}`, south)
  c.close()
})

test('without a database every path says so or goes on, and all is well again when it is back', async () => {
  const [ann, bob] = await w.users('Anna', 'Boris')
  const chat = await w.chat(ann, bob)
  const c = await w.connect(ann, { edge: north })
  const m = await w.message(chat, bob)
  await c.hear('chat:message:new', { id: m.id })
  const streams = [await Stream.open(north), await Stream.open(south)]
  await until(() => streams.every((s) => s.n.edges && s.n.busy && s.n.history), 'everything that streams tell')
  for (const e of [north, south]) e.expected.push(/ error /)
  const back = await w.away()
  try {
    await until(async () => !await north.ready() && !await south.ready(), 'both have noticed')
    streams.push(await Stream.open(north))
    const said = async () => streams.every((s) => /^the database (is away: this edge alone is shown|has not answered)$/.test(s.last.problem?.problem))
    await until(said, () => `the streams say it: ${JSON.stringify(streams.map((s) => s.last.problem))}`)
    const before = streams.map((s) => s.n.sample)
    await until(() => streams.every((s, i) => s.n.sample > (before[i] ?? 0)), 'this edge is shown')
    assert.deepEqual([streams[2].last.hello.name, typeof streams[2].last.samples.at, typeof streams[2].last.reasons.errors], ['north', 'string', 'object'])
    for (const edge of [north, south]) {
      const here = await json(`user?id=${ann.id}`, edge)
      assert.deepEqual([here.problem, here.events, here.answers.map((a) => [a.name, a.body.sockets.length])],
        ['the database is away: this edge alone has answered', [], [[edge === north ? 'north' : 'south', edge === north ? 1 : 0]]])
      assert.deepEqual(await get(`why?event=${m.id}&user=${ann.id}`, edge), { status: 503, text: '{"problem":"the database is away"}' })
      // what was asked wrongly is told as ever, and files are there
      for (const [path, status] of [['why?event=1&user=x', 400], ['user?id=x', 400], ['nix', 404], ['', 200], ['main.js', 200], ['style.css', 200]])
        assert.equal((await get(path, edge)).status, status, path)
      assert.equal((await edge.admin('/metrics')).status, 200)
    }
  } finally {
    await back()
  }
  const told = streams.map((s) => s.n.edges ?? 0)
  await until(() => streams.every((s, i) => s.n.edges > told[i] && s.last.edges.every((a) => a.answered) && s.last.edges.length === 2), 'the streams have all edges again')
  await until(async () => (await get(`why?event=${m.id}&user=${ann.id}`)).status === 200, 'why is answered')
  assert.deepEqual((await why(m.id, ann)).at(-1), ['confirmed', 'yes'])
  assert.deepEqual((await json(`user?id=${ann.id}`, south)).answers.map((a) => [a.name, a.answered]), [['north', true], ['south', true]])
  for (const x of [...streams, c]) x.close()
})
