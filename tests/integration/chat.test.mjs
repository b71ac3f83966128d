// docs/events.md: rooms of chats, messages of the eight types, who hears them.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { keys, TIME, TRANSPORTS, UUID } from './lib/client.mjs'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
await w.edge()

const send = (c, chat, content = 'Привет 👋', more = {}) => c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content, ...more })
const join = (c, chat) => c.ask('chat:join', { chat_id: chat.id })
const rows = (chat) => w.sql('select * from platform.messages where chat_id = $1 order by seq', [chat.id])

// Two people in a chat, and a stranger; each with one client.
async function pair(options = {}) {
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob)
  const [a, b, e] = await Promise.all([ann, bob, eve].map((u) => w.connect(u, options)))
  return { ann, bob, eve, chat, a, b, e }
}

const SHARED = randomUUID()
const TYPES = {
  text: ['Hello, how are you?', undefined],
  photo: ['https://storage.service.com/photos/123.jpg', { width: 1080, height: 1920, thumbnail: 'https://storage.service.com/photos/123_thumb.jpg' }],
  video: ['https://storage.service.com/videos/456.mp4', { duration: 30, thumbnail: 'https://storage.service.com/videos/456_thumb.jpg' }],
  voice: ['https://storage.service.com/voice/789.m4a', { duration: 15 }],
  location: ['55.7558,37.6173', { lat: 55.7558, lng: 37.6173, address: 'Красная площадь, Москва' }],
  profile_share: [SHARED, { name: 'Анна Иванова', avatar: 'https://storage.service.com/avatars/user.jpg', is_master: true }],
  post_share: [SHARED, { author_name: 'Мария', media_url: 'https://storage.service.com/posts/post.jpg' }],
  booking_proposal: ['Хотите записаться на маникюр?', { service_id: 'service-uuid', service_name: 'Маникюр', price: 2000, duration: 60 }],
}

describe('join and leave', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: joined, left, left again`, async () => {
      const { chat, a } = await pair({ transport })
      assert.deepEqual(await join(a, chat), { status: 'joined', chat_id: chat.id })
      assert.deepEqual(await join(a, chat), { status: 'joined', chat_id: chat.id })
      assert.deepEqual(await a.ask('chat:leave', { chat_id: chat.id }), { status: 'left', chat_id: chat.id })
      assert.deepEqual(await a.ask('chat:leave', { chat_id: chat.id }), { status: 'left', chat_id: chat.id })
      a.emit('chat:join', { chat_id: chat.id })
      a.emit('chat:leave', { chat_id: chat.id })
      await a.barrier()
      assert.deepEqual(a.heard('error'), [])
    })
  }

  test('whoever joined hears what the room chat:<id> is sent, and nobody else', async () => {
    const { ann, chat, a, b, e } = await pair()
    const other = await w.connect(ann)
    await join(a, chat)
    await w.sql('select rt.emit(array[$1], $2, $3)', [`chat:${chat.id}`, 'test:room', { n: 1 }])
    await a.hear('test:room', { n: 1 })
    await a.ask('chat:leave', { chat_id: chat.id })
    await w.sql('select rt.emit(array[$1], $2, $3)', [`chat:${chat.id}`, 'test:room', { n: 2 }])
    await Promise.all([a, b, e, other].map((c) => c.barrier()))
    assert.deepEqual([a, b, e, other].map((c) => c.heard('test:room').length), [1, 0, 0, 0])
  })

  test('the ack of a join comes after the join', async () => {
    const { chat, a, b } = await pair()
    await join(a, chat)
    b.emit('chat:typing', { chat_id: chat.id, is_typing: true })
    await a.hear('chat:typing')
  })

  test('chat_id in upper case is the same chat', async () => {
    const { chat, a, b } = await pair()
    assert.deepEqual(await join(a, { id: chat.id.toUpperCase() }), { status: 'joined', chat_id: chat.id })
    b.emit('chat:typing', { chat_id: chat.id.toUpperCase(), is_typing: true })
    assert.equal((await a.hear('chat:typing')).chat_id, chat.id)
  })
})

describe('a message', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: from a client, to every socket of every participant, once`, async () => {
      const { ann, chat, a, b, e } = await pair({ transport })
      await w.sql('update platform.users set avatar_url = $2 where id = $1', [ann.id, 'https://x.example/a.png'])
      const [a2, b2] = [await w.connect(ann), await w.connect(b.user, { transport: 'polling' })]
      await join(b, chat) // and joined sockets once, too
      const ack = await send(a, chat)
      keys(ack, 'status', 'message_id', 'created_at')
      assert.equal(ack.status, 'sent')
      assert.match(ack.message_id, UUID)
      assert.match(ack.created_at, TIME)
      for (const c of [a, a2, b, b2]) {
        const m = await c.hear('chat:message:new', { id: ack.message_id })
        assert.deepEqual(m, { id: ack.message_id, chat_id: chat.id, sender_id: ann.id, sender_name: 'Анна', sender_avatar: 'https://x.example/a.png', type: 'text',
          content: 'Привет 👋', metadata: {}, created_at: ack.created_at, status: 'sent', seq: 1 })
      }
      await Promise.all([a, a2, b, b2, e].map((c) => c.barrier()))
      assert.deepEqual([a, a2, b, b2, e].map((c) => c.heard('chat:message:new').length), [1, 1, 1, 1, 0])
      const [row, ...more] = await rows(chat)
      assert.deepEqual(more, [])
      assert.deepEqual({ ...row, created_at: row.created_at.toISOString() }, { id: ack.message_id, chat_id: chat.id, seq: 1, sender_id: ann.id, type: 'text',
        content: 'Привет 👋', metadata: {}, client_id: null, created_at: ack.created_at })
    })

    test(`${transport}: from psql, the same`, async () => {
      const { bob, chat, a, b, e } = await pair({ transport })
      const row = await w.message(chat, bob)
      for (const c of [a, b]) {
        assert.deepEqual(await c.hear('chat:message:new'), { id: row.id, chat_id: chat.id, sender_id: bob.id, sender_name: 'Борис', sender_avatar: null, type: 'text',
          content: 'from psql', metadata: {}, created_at: row.created_at.toISOString(), status: 'sent', seq: 1 })
      }
      await e.barrier()
      assert.deepEqual(e.heard('chat:message:new'), [])
    })
  }

  for (const [type, [content, metadata]] of Object.entries(TYPES)) {
    test(`${type}: by a client and by psql`, async () => {
      const { ann, chat, a, b } = await pair()
      const ack = await a.ask('chat:message:send', { chat_id: chat.id, type, content, ...(metadata && { metadata }) })
      assert.equal(ack.status, 'sent', JSON.stringify(ack))
      const row = await w.message(chat, ann, content, { type, metadata })
      for (const c of [a, b]) {
        for (const id of [ack.message_id, row.id]) {
          const m = await c.hear('chat:message:new', { id })
          assert.deepEqual([m.type, m.content, m.metadata, m.status], [type, content, metadata ?? {}, 'sent'])
        }
      }
      assert.deepEqual((await rows(chat)).map((r) => [r.type, r.content, r.metadata]), Array(2).fill([type, content, metadata ?? {}]))
    })
  }

  test('what else is in metadata stays as it is', async () => {
    const { chat, a, b } = await pair()
    const metadata = { duration: 0, deep: [{ a: [1, 'два', null, true, { b: {} }] }], big: 12345678901234, frac: 0.1, '': 'empty key', кириллица: '👋', nested: { thumbnail: 5 } }
    const { message_id: id } = await send(a, chat, 'http://x.example/v.ogg', { type: 'voice', metadata })
    assert.deepEqual((await b.hear('chat:message:new', { id })).metadata, metadata)
  })

  test('any text arrives as it was sent', async () => {
    const { chat, a, b } = await pair()
    for (const content of ['"quotes" \\ back / slash', 'line\nbreak\ttab\r\n', '  kept around  ', '\u0001\u001f\u007f\u2028\u2029\ufeff', '𝔘🏳️‍🌈', "'; drop table platform.messages; --", '</script>', '$1 %s %n {}',
      '\x1e', 'a\x1eb', '42["chat:typing"]', 'null', '[]', 'x'.repeat(16384), 'я'.repeat(8192)]) {
      const ack = await send(a, chat, content)
      assert.equal(ack.status, 'sent', JSON.stringify([content.slice(0, 20), ack]))
      assert.equal((await b.hear('chat:message:new', { id: ack.message_id })).content, content)
    }
  })

  test('neither ack nor event waits for a client that asked for no ack', async () => {
    const { chat, a, b } = await pair()
    for (let i = 0; i < 5; i++) a.emit('chat:message:send', { chat_id: chat.id, type: 'text', content: `n${i}` })
    await b.hear('chat:message:new', { content: 'n4' })
    assert.deepEqual(b.heard('chat:message:new').map((m) => m.content), ['n0', 'n1', 'n2', 'n3', 'n4'])
  })
})

test('message_audience joined: only sockets that joined', async () => {
  await w.setting('message_audience', 'joined')
  try {
    const { ann, chat, a, b } = await pair()
    await join(b, chat)
    // a setting is live within a second; psql needs no edge for it
    await w.message(chat, ann, 'joined only')
    await b.hear('chat:message:new')
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:new'), [])
  } finally {
    await w.setting('message_audience', 'participants')
  }
})

const U = 'https://x.example/f'
const LAT = { lat: 55.7558, lng: 37.6173 }
const BOOKING = { service_id: 's', service_name: 'n', price: 0, duration: 1 }
const INVALID = {
  text: [['', {}], [' \n\t ', {}], ['\u00a0\u2003', {}]],
  photo: [['not a url'], ['ftp://x.example/a'], ['javascript:alert(1)'], [U, { width: 0 }], [U, { width: -1 }], [U, { width: 1.5 }], [U, { height: '1' }],
    [U, { thumbnail: 'x' }], [U, { thumbnail: 5 }]],
  video: [['x'], [U, { duration: -1 }], [U, { duration: '5' }], [U, { thumbnail: 'x' }]],
  voice: [['x'], [U, { duration: -0.5 }], [U, { duration: true }]],
  location: [['55.7558,37.6173'], ['55.7558,37.6173', { lat: 55.7558 }], ['1,2', LAT], ['x', LAT], ['91,0', { lat: 91, lng: 0 }], ['0,-180.5', { lat: 0, lng: -180.5 }],
    ['55.7558,37.6173', { lat: '55.7558', lng: 37.6173 }], ['55.7558,37.6173', { ...LAT, address: 5 }]],
  profile_share: [['x'], [SHARED, { name: 5 }], [SHARED, { avatar: 5 }], [SHARED, { is_master: 'yes' }]],
  post_share: [['x'], [SHARED, { author_name: 5 }], [SHARED, { media_url: 5 }], [SHARED, { media_url: 'x' }]],
  booking_proposal: [['x'], ['', BOOKING], ['x', { ...BOOKING, service_id: 5 }], ['x', { ...BOOKING, service_name: undefined }], ['x', { ...BOOKING, price: -1 }],
    ['x', { ...BOOKING, duration: 0 }], ['x', { ...BOOKING, price: '10' }]],
}

describe('a message that breaks its type\'s rules', { concurrency: 4 }, () => {
  for (const [type, cases] of Object.entries(INVALID)) {
    test(`${type}: is refused, from a client and from psql`, async () => {
      const { ann, chat, a, b } = await pair()
      for (const [content, metadata = {}] of cases) {
        const what = JSON.stringify([type, content, metadata])
        const ack = await send(a, chat, content, { type, metadata })
        assert.deepEqual([ack.status, ack.code], ['error', 'INVALID_DATA'], what)
        await assert.rejects(w.message(chat, ann, content, { type, metadata: JSON.parse(JSON.stringify(metadata)) }), { code: 'RT400' }, what)
      }
      await b.barrier()
      assert.deepEqual([b.heard('chat:message:new').length, (await rows(chat)).length, a.ends.length], [0, 0, 0])
    })
  }

  test('limits in a zone: zero, edges', async () => {
    const { chat, a } = await pair()
    for (const [lat, lng] of [[90, 180], [-90, -180], [0, 0], [-0.000001, 12.5]]) {
      const ack = await send(a, chat, `${lat},${lng}`, { type: 'location', metadata: { lat, lng } })
      assert.equal(ack.status, 'sent', JSON.stringify([lat, lng, ack]))
    }
  })

  test('another type, another sender', async () => {
    const { ann, eve, chat, a } = await pair()
    assert.equal((await send(a, chat, 'x', { type: 'sticker' })).code, 'INVALID_DATA')
    await assert.rejects(w.message(chat, ann, 'x', { type: 'sticker' }), /^error/)
    await assert.rejects(w.message(chat, eve, 'x'), { code: 'RT403' })
    assert.deepEqual(await rows(chat), [])
  })

  test('a sender_id in the payload is not the sender', async () => {
    const { ann, bob, chat, a } = await pair()
    const ack = await send(a, chat, 'x', { sender_id: bob.id, id: randomUUID(), seq: 99, created_at: '2000-01-01T00:00:00Z', status: 'read' })
    const m = await a.hear('chat:message:new', { id: ack.message_id })
    assert.deepEqual([m.sender_id, m.seq, m.status], [ann.id, 1, 'sent'])
  })

  test('too large: content and metadata, in bytes', async () => {
    const { ann, chat, a, b } = await pair()
    for (const [content, metadata] of [['x'.repeat(16385), {}], ['я'.repeat(8193), {}], ['x', { blob: 'y'.repeat(16384) }], ['x', { blob: 'я'.repeat(8192) }]]) {
      const ack = await send(a, chat, content, { metadata })
      assert.deepEqual([ack.status, ack.code], ['error', 'MESSAGE_TOO_LARGE'])
      await assert.rejects(w.message(chat, ann, content, { metadata }), { code: 'RT413' })
    }
    assert.equal((await send(a, chat)).status, 'sent')
    await b.hear('chat:message:new')
    assert.equal((await rows(chat)).length, 1)
  })
})

describe('client_id', { concurrency: true }, () => {
  test('the same again: the first ack, no second row, no second event', async () => {
    const { bob, chat, a, b } = await pair()
    const chat2 = await w.chat(a.user, bob)
    const client_id = 'ключ-1'
    const first = await send(a, chat, 'one', { client_id })
    keys(first, 'status', 'message_id', 'created_at', 'client_id')
    assert.equal(first.client_id, client_id)
    assert.deepEqual(await send(a, chat, 'one', { client_id }), first)
    assert.deepEqual(await send(a, chat, 'two', { client_id }), first)
    assert.deepEqual(await send(a, chat2, 'two', { client_id }), first)
    const other = await w.connect(a.user, { transport: 'polling' })
    assert.deepEqual(await send(other, chat, 'one', { client_id }), first)
    await b.barrier()
    assert.equal(b.heard('chat:message:new').length, 1)
    assert.deepEqual((await rows(chat)).map((r) => [r.content, r.client_id]), [['one', client_id]])
    assert.deepEqual(await rows(chat2), [])
  })

  test('unique per sender only', async () => {
    const { chat, a, b } = await pair()
    const acks = [await send(a, chat, 'x', { client_id: 'same' }), await send(b, chat, 'x', { client_id: 'same' })]
    assert.notEqual(acks[0].message_id, acks[1].message_id)
    assert.equal((await rows(chat)).length, 2)
  })

  test('at the same moment from two devices: one row', async () => {
    const { chat, a } = await pair()
    const devices = [a, await w.connect(a.user), await w.connect(a.user, { transport: 'polling' })]
    for (let i = 0; i < 10; i++) {
      const acks = await Promise.all(devices.flatMap((d) => [d, d]).map((d) => send(d, chat, `m${i}`, { client_id: `c${i}` })))
      assert.equal(new Set(acks.map((x) => x.message_id)).size, 1, JSON.stringify(acks))
      assert.ok(acks.every((x) => x.status === 'sent'))
    }
    assert.equal((await rows(chat)).length, 10)
  })

  test('up to 64 characters, a text', async () => {
    const { chat, a } = await pair()
    for (const client_id of ['x'.repeat(64), 'я'.repeat(64)]) assert.equal((await send(a, chat, 'x', { client_id })).client_id, client_id)
    for (const client_id of ['x'.repeat(65), 5, {}, [], true]) assert.equal((await send(a, chat, 'x', { client_id })).code, 'INVALID_DATA', JSON.stringify(client_id))
    assert.equal((await rows(chat)).length, 2)
  })

  test('comes back in a failure, by ack and by event', async () => {
    const { chat, a } = await pair()
    const ack = await send(a, chat, '', { client_id: 'bad' })
    assert.deepEqual([ack.code, ack.client_id], ['INVALID_DATA', 'bad'])
    assert.equal((await a.hear('error')).client_id, 'bad')
  })

  test('the flush of an offline queue: fifty at once, in order, then once more', async () => {
    const { chat, a, b } = await pair({ transport: 'polling' })
    const flush = () => Promise.all(Array.from({ length: 25 }, (_, i) => send(a, chat, `q${i}`, { client_id: `q${i}` })))
    const first = await flush()
    assert.deepEqual(await flush(), first)
    await b.hear('chat:message:new', undefined, 25)
    assert.deepEqual((await rows(chat)).map((r) => r.content), Array.from({ length: 25 }, (_, i) => `q${i}`))
    await b.barrier()
    assert.deepEqual(b.heard('chat:message:new').map((m) => m.content), Array.from({ length: 25 }, (_, i) => `q${i}`))
  })
})

describe('order', { concurrency: true }, () => {
  test('many writers: seq, created_at and delivery agree for everyone', async () => {
    const people = await w.users('a', 'b', 'c', 'd')
    const chat = await w.chat(...people)
    const clients = await Promise.all(people.map((p, i) => w.connect(p, { transport: Object.keys(TRANSPORTS)[i % 3] })))
    const acks = await Promise.all([...clients.flatMap((c) => Array.from({ length: 15 }, (_, i) => send(c, chat, `${c.user.name}${i}`))),
      ...Array.from({ length: 15 }, (_, i) => w.message(chat, people[0], `psql${i}`))])
    // On a busy machine some wait too long for the chat's lock; these are refused, and have written nothing.
    const sent = acks.filter((a) => a?.status === 'sent')
    assert.ok(acks.slice(0, 60).every((a) => a.status === 'sent' || a.code === 'UNAVAILABLE'), JSON.stringify(acks))
    const stored = await rows(chat)
    assert.ok(sent.length > 0)
    assert.deepEqual(stored.map((r) => r.seq), Array.from({ length: sent.length + 15 }, (_, i) => i + 1))
    assert.ok(stored.every((r, i) => i === 0 || r.created_at >= stored[i - 1].created_at))
    for (const c of clients) {
      await c.hear('chat:message:new', undefined, stored.length)
      await c.barrier()
      assert.deepEqual(c.heard('chat:message:new').map((m) => m.id), stored.map((r) => r.id))
      assert.deepEqual(c.heard('chat:message:new', { sender_id: people[1].id }).map((m) => m.content),
        Array.from({ length: 15 }, (_, i) => `b${i}`).filter((_, i) => acks[15 + i].status === 'sent'))
    }
  })

  test('a transaction is heard whole when it commits, and not at all when it does not', async () => {
    const { ann, chat, a, b } = await pair()
    await w.transaction(async (sql) => {
      for (const x of ['t1', 't2']) await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [chat.id, ann.id, x])
      await b.barrier()
      assert.deepEqual(b.heard('chat:message:new'), [])
    })
    await b.hear('chat:message:new', { content: 't2' })
    await assert.rejects(w.transaction(async (sql) => {
      await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'never')", [chat.id, ann.id])
      throw new Error('rolled back')
    }), /rolled back/)
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:new').map((m) => m.content), ['t1', 't2'])
  })
})

describe('membership, live', { concurrency: true }, () => {
  const add = (chat, u) => w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, u.id])
  const remove = (chat, u) => w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, u.id])

  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: added and removed without reconnecting`, async () => {
      const { ann, eve, chat, e } = await pair({ transport })
      assert.equal((await join(e, chat)).code, 'FORBIDDEN')
      await add(chat, eve)
      const m1 = await w.message(chat, ann, 'welcome')
      await e.hear('chat:message:new', { id: m1.id })
      assert.equal((await join(e, chat)).status, 'joined')
      assert.equal((await send(e, chat, 'thanks')).status, 'sent')
      await remove(chat, eve)
      await w.message(chat, ann, 'secret')
      await w.sql('select rt.emit(array[$1], $2, $3)', [`chat:${chat.id}`, 'test:room', {}])
      await e.barrier()
      assert.deepEqual(e.heard('chat:message:new').map((m) => m.content), ['welcome', 'thanks'])
      assert.deepEqual(e.heard('test:room'), [], 'left the room chat:<id>, too')
      for (const ev of ['chat:join', 'chat:leave']) {
        const ack = await e.ask(ev, { chat_id: chat.id })
        if (ev === 'chat:join') assert.equal(ack.code, 'FORBIDDEN')
      }
      assert.equal((await send(e, chat, 'no more')).code, 'FORBIDDEN')
      // coming back does not bring back the joined room
      await add(chat, eve)
      await w.sql('select rt.emit(array[$1], $2, $3)', [`chat:${chat.id}`, 'test:room', {}])
      await w.message(chat, ann, 'again')
      await e.hear('chat:message:new', { content: 'again' })
      assert.deepEqual(e.heard('test:room'), [])
    })
  }

  test('one transaction: who is added hears the message behind it, who is removed does not', async () => {
    const { ann, bob, eve, chat, b, e } = await pair()
    await w.transaction(async (sql) => {
      await sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, eve.id])
      await sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
      await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'new people')", [chat.id, ann.id])
    })
    await e.hear('chat:message:new', { content: 'new people' })
    await b.barrier()
    assert.deepEqual(b.heard('chat:message:new'), [])
  })

  test('a chat that is made with a first message', async () => {
    const { ann, eve, e } = await pair()
    const id = randomUUID()
    await w.transaction(async (sql) => {
      await sql('insert into platform.chats (id) values ($1)', [id])
      await sql('insert into platform.chat_participants (chat_id, user_id) select $1, unnest($2::uuid[])', [id, [ann.id, eve.id]])
      await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'first')", [id, ann.id])
    })
    await e.hear('chat:message:new', { chat_id: id, content: 'first' })
  })

  test('a chat that is deleted is nobody\'s', async () => {
    const { chat, a, b } = await pair()
    await join(a, chat)
    await w.message(chat, b.user)
    await w.sql('delete from platform.chats where id = $1', [chat.id])
    await w.sql('select rt.emit(array[$1, $2], $3, $4)', [`chat:${chat.id}`, `participants:${chat.id}`, 'test:room', {}])
    await Promise.all([a.barrier(), b.barrier()])
    assert.deepEqual([a.heard('test:room'), b.heard('test:room')], [[], []])
    assert.equal((await send(a, chat)).code, 'CHAT_NOT_FOUND')
  })

  test('joining while one is removed never leaves a socket behind in the room', async () => {
    const { eve, chat, e } = await pair()
    for (let i = 0; i < 25; i++) {
      await add(chat, eve)
      e.emit('chat:join', { chat_id: chat.id })
      const [ack] = await Promise.all([join(e, chat), remove(chat, eve)])
      assert.ok(ack.status === 'joined' || ack.code === 'FORBIDDEN', JSON.stringify(ack))
      await w.sql('select rt.emit(array[$1, $2], $3, $4)', [`chat:${chat.id}`, `participants:${chat.id}`, 'test:room', { i }])
    }
    await e.barrier()
    assert.deepEqual(e.heard('test:room'), [])
  })

  test('connecting while one is added or removed ends as the rows say', async () => {
    const { ann, chat } = await pair()
    const people = await w.users(...Array.from({ length: 20 }, (_, i) => `p${i}`))
    for (const p of people.slice(0, 10)) await add(chat, p)
    const clients = await Promise.all(people.map(async (p, i) => {
      const [c] = await Promise.all([w.connect(p), i < 10 ? remove(chat, p) : add(chat, p)])
      return c
    }))
    const m = await w.message(chat, ann, 'settled')
    await Promise.all(clients.slice(10).map((c) => c.hear('chat:message:new', { id: m.id })))
    await Promise.all(clients.slice(0, 10).map((c) => c.barrier()))
    for (const c of clients.slice(0, 10)) assert.deepEqual(c.heard('chat:message:new', { id: m.id }), [])
  })

  test('added and removed many times over: the last word counts', async () => {
    const { ann, eve, chat, e } = await pair()
    for (let i = 0; i < 20; i++) {
      await add(chat, eve)
      await remove(chat, eve)
    }
    await add(chat, eve)
    const m = await w.message(chat, ann)
    await e.hear('chat:message:new', { id: m.id })
    assert.equal(e.heard('chat:message:new').length, 1)
    await until(() => e.ends.length === 0)
  })
})
