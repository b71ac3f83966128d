// Delivered and read (docs/event-path.md "The delivery fence"). Delivered means that the recipient's client library has taken the message.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { TIME, TRANSPORTS } from './lib/client.mjs'
import { Dart } from './lib/dart.mjs'
import { token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()

const receipts = (id) => w.sql('select user_id, delivered_at, read_at from platform.message_receipts where message_id = $1 order by user_id', [id])
const delivered = (id) => until(async () => (await receipts(id)).some((r) => r.delivered_at), 'a delivery')
const send = (c, chat, content = 'x') => c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content })
const read = (c, chat, id) => c.ask('chat:message:read', { chat_id: chat.id, message_id: id })

async function pair(options = {}) {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann)
  const b = options.absent ? null : await w.connect(bob, options)
  return { ann, bob, chat, a, b }
}

describe('delivered', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    for (const by of ['a client', 'psql']) {
      test(`${transport}: a message from ${by}, to the sender's sockets, once`, async () => {
        const { ann, bob, chat, a, b } = await pair({ transport })
        const a2 = await w.connect(ann, { transport: 'polling' })
        const b2 = await w.connect(bob) // two devices, one receipt
        const id = by === 'psql' ? (await w.message(chat, ann)).id : (await send(a, chat)).message_id
        for (const c of [a, a2]) {
          const d = await c.hear('chat:message:delivered')
          assert.match(d.delivered_at, TIME)
          assert.deepEqual(d, { message_id: id, chat_id: chat.id, delivered_to: bob.id, delivered_at: d.delivered_at })
        }
        await b.barrier()
        await b2.barrier()
        // sent after a pong of the other device
        await w.message(chat, bob)
        await b2.hear('chat:message:delivered')
        await a.barrier()
        assert.equal(a.heard('chat:message:delivered').length, 1)
        const rows = await receipts(id)
        assert.deepEqual(rows.map((r) => [r.user_id, r.read_at]), [[bob.id, null]])
        assert.equal(rows[0].delivered_at.toISOString(), a.heard('chat:message:delivered')[0].delivered_at)
        assert.deepEqual(b.heard('chat:message:delivered', { message_id: id }), [], 'nothing for the recipient')
      })
    }
  }

  test('to each recipient of a group, and never for the sender\'s own devices', async () => {
    const people = await w.users('a', 'b', 'c', 'd')
    const chat = await w.chat(...people)
    const [a, a2] = [await w.connect(people[0]), await w.connect(people[0])]
    for (const p of people.slice(1, 3)) await w.connect(p) // d stays away
    const { message_id: id } = await send(a, chat)
    await a.hear('chat:message:delivered', { delivered_to: people[1].id })
    await a.hear('chat:message:delivered', { delivered_to: people[2].id })
    await a2.barrier()
    assert.deepEqual((await receipts(id)).map((r) => r.user_id), people.slice(1, 3).map((p) => p.id).sort())
  })

  test('a message and the ping behind it are one write', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const lone = await w.edge()
    const sockets = await Promise.all(Array.from({ length: 5 }, () => w.connect(bob, { edge: lone })))
    for (const s of sockets) await s.barrier()
    await until(async () => { // presence of others is told as well, in writes of its own: not behind every message
      const before = await lone.metric('bellwire_writes_total')
      const { id } = await w.message(chat, ann)
      await delivered(id)
      for (const s of sockets) assert.equal(s.heard('chat:message:new', { id }).length, 1)
      return await lone.metric('bellwire_writes_total') - before === 5
    }, 'a message in five writes')
  })

  test('nobody is there: not delivered, until the history is fetched', async () => {
    const { bob, chat, a } = await pair({ absent: true })
    const id = (await send(a, chat)).message_id
    await a.barrier()
    assert.deepEqual(await receipts(id), [])
    const r = await fetch(`${edge.url}/api/v2/chats/${chat.id}/messages`, { headers: { authorization: `Bearer ${token(bob)}` } })
    assert.equal(r.status, 200)
    assert.equal((await a.hear('chat:message:delivered')).delivered_to, bob.id)
  })

  test('a client that never answers a ping gets messages, and none counts as delivered', async () => {
    const { bob, chat, a } = await pair({ absent: true })
    const mute = await Dart.up(edge, bob, { pong: false })
    const id = (await send(a, chat)).message_id
    await mute.hear('chat:message:new', { id })
    await until(() => mute.pings > 0, 'the fence\'s ping')
    const second = (await send(a, chat, 'y')).message_id
    await mute.hear('chat:message:new', { id: second })
    await a.barrier()
    assert.deepEqual([a.heard('chat:message:delivered'), await receipts(id), await receipts(second)], [[], [], []])
    // its pong, late, confirms what was sent before that ping, not what came behind
    mute.sendText('3')
    await a.hear('chat:message:delivered', { message_id: id })
    await until(() => mute.pings > 1, 'the next fence')
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:delivered', { message_id: second }), [])
    mute.sendText('3')
    await a.hear('chat:message:delivered', { message_id: second })
    mute.close()
  })

  test('a client that stops reading gets none', async () => {
    const { bob, chat, a } = await pair({ absent: true })
    const deaf = await Dart.up(edge, bob)
    deaf.tcp.pause()
    const ids = []
    for (let i = 0; i < 20; i++) ids.push((await w.message(chat, a.user, 'z'.repeat(16000))).id)
    await a.hear('chat:message:new', { id: ids.at(-1) })
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:delivered'), [])
    deaf.tcp.resume()
    await a.hear('chat:message:delivered', { message_id: ids.at(-1) })
    assert.equal(a.heard('chat:message:delivered').length, 20)
    deaf.onlyMaps()
    deaf.close()
  })

  test('a poll that is answered is not a delivery; the next one is', async () => {
    const { bob, chat, a } = await pair({ absent: true })
    const base = `${edge.url}/socket.io/?EIO=4&transport=polling`
    const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1))
    const get = async () => (await fetch(`${base}&sid=${sid}`)).text()
    const post = async (body) => (await fetch(`${base}&sid=${sid}`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })).text()
    assert.equal(await post(`40${JSON.stringify({ token: token(bob) })}`), 'ok')
    const pong = (text) => text.split('\x1e').includes('2') && post('3')
    for (let text = ''; !text.includes('sync:required');) text += await get()
    const id = (await send(a, chat)).message_id
    for (let text = ''; !text.includes(id);) {
      text = await get()
      if (!text.includes(id)) await pong(text)
    }
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:delivered'), [])
    // the fence's ping may come with the message or after it
    let over = false
    const polling = (async () => { while (!over) await pong(await get()) })()
    await a.hear('chat:message:delivered', { message_id: id })
    over = true
    await post('1')
    await polling
  })

  test('a client that goes without a pong: none', async () => {
    const { bob, chat, a } = await pair({ absent: true })
    const mute = await Dart.up(edge, bob, { pong: false })
    const id = (await send(a, chat)).message_id
    await mute.hear('chat:message:new', { id })
    mute.tcp.destroy()
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'the socket ended')
    await a.barrier()
    assert.deepEqual([a.heard('chat:message:delivered'), await receipts(id)], [[], []])
  })

  test('by psql: a receipt is announced, by insert and by update, the first time only', async () => {
    const { ann, bob, chat, a } = await pair({ absent: true })
    const { id } = await w.message(chat, ann)
    await w.sql("insert into platform.message_receipts (message_id, user_id, delivered_at) values ($1, $2, '2026-01-09T12:00:05Z')", [id, bob.id])
    assert.deepEqual(await a.hear('chat:message:delivered'),
      { message_id: id, chat_id: chat.id, delivered_to: bob.id, delivered_at: '2026-01-09T12:00:05.000Z' })
    await w.sql('update platform.message_receipts set delivered_at = now() where message_id = $1', [id])
    await a.barrier()
    assert.equal(a.heard('chat:message:delivered').length, 1)
  })
})

describe('in a large chat', () => {
  const max = (n) => w.sql("update bellwire.settings set value = $1 where name = 'receipts_max_participants'", [n])

  test('one delivery is told, though the clients that are asked first never answer', async () => {
    await max(3)
    const people = await w.users(...'abcdefghijklm')
    const chat = await w.chat(...people)
    const a = await w.connect(people[0])
    const mute = await Promise.all(people.slice(2).map((p) => Dart.up(edge, p, { pong: false })))
    const late = await w.connect(people[1])
    const own = await Dart.up(edge, people[0]) // whose confirmation would count for nothing
    await late.barrier()
    const id = (await send(a, chat)).message_id
    const { delivered_to: first } = await a.hear('chat:message:delivered', { message_id: id })
    assert.equal(first, people[1].id)
    for (const m of mute) await m.hear('chat:message:new', { id })
    await own.hear('chat:message:new', { id })
    assert.equal(own.pings, 0)
    for (const m of mute) if (m.pings) m.sendText('3')
    await send(a, chat, 'y')
    await a.barrier()
    assert.equal(a.heard('chat:message:delivered', { message_id: id }).length, 1)
    assert.equal((await receipts(id)).length, 1)
    for (const m of [own, ...mute]) m.close()
    await max(1000)
  })
})

describe('read', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: ack and event, the first counts, repeats are silent`, async () => {
      const { ann, bob, chat, a, b } = await pair({ transport })
      const a2 = await w.connect(ann)
      const { id } = await w.message(chat, ann)
      await a.hear('chat:message:delivered', { message_id: id })
      const ack = await read(b, chat, id)
      assert.match(ack.read_at, TIME)
      assert.deepEqual(ack, { message_id: id, chat_id: chat.id, read_by: bob.id, read_at: ack.read_at })
      for (const c of [a, a2]) assert.deepEqual(await c.hear('chat:message:read'), ack)
      assert.deepEqual(await read(b, chat, id), ack)
      b.emit('chat:message:read', { chat_id: chat.id, message_id: id })
      assert.deepEqual(await read(b, chat, id), ack)
      await a.barrier()
      await b.barrier()
      assert.deepEqual([a, b].map((c) => c.heard('chat:message:read').length), [1, 0])
      assert.equal((await receipts(id))[0].read_at.toISOString(), ack.read_at)
    })
  }

  test('a read of what was never delivered sets delivered_at, silently', async () => {
    const { ann, bob, chat, a } = await pair({ absent: true })
    const { id } = await w.message(chat, ann)
    await w.sql('insert into platform.message_receipts (message_id, user_id, read_at) values ($1, $2, now())', [id, bob.id])
    await a.hear('chat:message:read', { message_id: id, read_by: bob.id })
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:delivered'), [])
    assert.ok((await receipts(id))[0].delivered_at)
  })

  test('by psql: update is announced, once', async () => {
    const { ann, bob, chat, a, b } = await pair()
    const { id } = await w.message(chat, ann)
    await delivered(id)
    await w.sql("update platform.message_receipts set read_at = '2026-01-09T12:05:00Z' where message_id = $1", [id])
    assert.deepEqual(await a.hear('chat:message:read'), { message_id: id, chat_id: chat.id, read_by: bob.id, read_at: '2026-01-09T12:05:00.000Z' })
    assert.equal((await read(b, chat, id)).read_at, '2026-01-09T12:05:00.000Z')
    await a.barrier()
    assert.equal(a.heard('chat:message:read').length, 1)
  })

  test('one\'s own message: acked, nothing happens', async () => {
    const { ann, chat, a, b } = await pair()
    const { id } = await w.message(chat, ann)
    await delivered(id)
    const ack = await read(a, chat, id)
    assert.notEqual(ack.status, 'error')
    assert.deepEqual([ack.message_id, ack.chat_id, ack.read_by], [id, chat.id, ann.id])
    await Promise.all([a.barrier(), b.barrier()])
    assert.deepEqual([a.heard('chat:message:read'), b.heard('chat:message:read')], [[], []])
    assert.deepEqual((await receipts(id)).map((r) => r.read_at), [null])
  })

  test('missing, of another chat, of others', async () => {
    const { ann, bob, chat, a, b } = await pair()
    const other = await w.chat(ann, bob)
    const eve = await w.connect(await w.user('Ева'))
    const { id } = await w.message(chat, ann)
    await delivered(id)
    assert.equal((await read(b, chat, randomUUID())).code, 'FORBIDDEN')
    assert.equal((await read(b, other, id)).code, 'FORBIDDEN')
    assert.equal((await read(eve, chat, id)).code, 'FORBIDDEN')
    assert.equal((await read(b, { id: randomUUID() }, id)).code, 'CHAT_NOT_FOUND')
    await a.barrier()
    assert.deepEqual([a.heard('chat:message:read'), (await receipts(id)).map((r) => r.read_at)], [[], [null]])
  })

  test('from two devices at the same moment: one event', async () => {
    const { ann, bob, chat, a, b } = await pair()
    const devices = [b, await w.connect(bob), await w.connect(bob, { transport: 'polling' })]
    for (let i = 0; i < 10; i++) {
      const { id } = await w.message(chat, ann)
      const acks = await Promise.all(devices.flatMap((d) => [read(d, chat, id), read(d, chat, id)]))
      assert.equal(new Set(acks.map((x) => x.read_at)).size, 1)
    }
    await a.barrier()
    assert.equal(a.heard('chat:message:read').length, 10)
  })
})

test('a row that somebody holds keeps no other confirmation waiting', async () => {
  const held = await pair()
  const free = await pair()
  await w.transaction(async (sql) => {
    await sql('select from platform.users where id = $1 for update', [held.bob.id])
    await w.message(held.chat, held.ann)
    await until(() => w.value("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"), 'its confirmation')
    for (let i = 0; i < 2; i++) await delivered((await w.message(free.chat, free.ann)).id)
    assert.equal(held.a.heard('chat:message:delivered').length, 0)
  })
})
