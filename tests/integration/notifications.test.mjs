// docs/events.md, notifications, written by whoever.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { keys, TIME, TRANSPORTS, UUID } from './lib/client.mjs'
import { world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.edge()

const TYPES = ['booking_request', 'booking_confirmed', 'booking_cancelled', 'friend_request', 'friend_accepted', 'post_liked', 'post_commented', 'post_reposted', 'mention',
  'review_received', 'auto_booking_proposal']
const read = (c, id) => c.ask('notification:read', { notification_id: id })
const readAt = (id) => w.value('select read_at from platform.notifications where id = $1', [id])

describe('notification:new', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: to all sockets of the user, nobody else's`, async () => {
      const [ann, eve] = await w.users('Анна', 'Ева')
      const [a, a2, e] = [await w.connect(ann, { transport }), await w.connect(ann), await w.connect(eve, { transport })]
      const data = { booking_id: randomUUID(), nested: { список: [1, null, 'x'] } }
      const id = await w.notify(ann, 'Запись подтверждена', { type: 'booking_confirmed', body: 'Мастер Анна ждёт', data })
      for (const c of [a, a2]) {
        const n = await c.hear('notification:new')
        keys(n, 'id', 'type', 'title', 'body', 'data', 'created_at', 'is_read')
        assert.match(n.created_at, TIME)
        assert.deepEqual(n, { id, type: 'booking_confirmed', title: 'Запись подтверждена', body: 'Мастер Анна ждёт', data, created_at: n.created_at, is_read: false })
      }
      await Promise.all([a, a2, e].map((c) => c.barrier()))
      assert.deepEqual([a, a2, e].map((c) => c.heard('notification:new').length), [1, 1, 0])
    })
  }

  test('the eleven types, by a plain insert', async () => {
    const ann = await w.user()
    const a = await w.connect(ann)
    for (const type of TYPES) {
      await w.sql('insert into platform.notifications (user_id, type, title, body) values ($1, $2, $3, $4)', [ann.id, type, 't', 'b'])
      const n = await a.hear('notification:new', { type })
      assert.match(n.id, UUID)
      assert.deepEqual(n.data, {}, 'missing data is {}')
    }
  })

  test('another type is refused by the database', async () => {
    const ann = await w.user()
    await assert.rejects(w.notify(ann, 't', { type: 'other' }))
    await assert.rejects(w.sql("select platform.notify($1, null, 't', 'b')", [ann.id]))
    await assert.rejects(w.notify({ id: randomUUID() }, 't'), { code: '23503' })
  })

  test('many in one statement arrive in their order', async () => {
    const ann = await w.user()
    const a = await w.connect(ann, { transport: 'polling' })
    for (let k = 0; k < 3; k++) {
      await w.sql(`insert into platform.notifications (user_id, type, title, body, created_at)
        select $1, 'mention', $2 || i, 'b', clock_timestamp() + i * interval '1 ms' from generate_series(1, 40) i`, [ann.id, `${k}-`])
    }
    await a.hear('notification:new', undefined, 120)
    assert.deepEqual(a.heard('notification:new').map((n) => n.title), Array.from({ length: 120 }, (_, i) => `${Math.floor(i / 40)}-${(i % 40) + 1}`))
  })
})

describe('notification:read', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: ack, and the user's other sockets are told`, async () => {
      const [ann, eve] = await w.users('Анна', 'Ева')
      const [a, a2, e] = [await w.connect(ann, { transport }), await w.connect(ann), await w.connect(eve)]
      const id = await w.notify(ann)
      const ack = await read(a, id)
      assert.match(ack.read_at, TIME)
      assert.deepEqual(ack, { notification_id: id, is_read: true, read_at: ack.read_at })
      assert.deepEqual(await a2.hear('notification:read'), ack)
      assert.equal((await readAt(id)).toISOString(), ack.read_at)
      assert.deepEqual(await read(a, id), ack, 'the first read counts')
      assert.deepEqual(await read(a2, id), ack)
      await Promise.all([a, a2, e].map((c) => c.barrier()))
      assert.deepEqual([a, a2, e].map((c) => c.heard('notification:read').length), [0, 1, 0])
    })
  }

  test('by psql: to all of the user\'s sockets, the first time', async () => {
    const ann = await w.user()
    const [a, a2] = [await w.connect(ann), await w.connect(ann, { transport: 'polling' })]
    const id = await w.notify(ann)
    await w.sql("update platform.notifications set read_at = '2026-01-09T12:10:00Z' where id = $1", [id])
    for (const c of [a, a2]) assert.deepEqual(await c.hear('notification:read'), { notification_id: id, is_read: true, read_at: '2026-01-09T12:10:00.000Z' })
    await w.sql('update platform.notifications set read_at = now() where id = $1', [id])
    assert.equal((await read(a, id)).read_at, '2026-01-09T12:10:00.000Z')
    await Promise.all([a, a2].map((c) => c.barrier()))
    assert.deepEqual([a, a2].map((c) => c.heard('notification:read').length), [1, 1])
  })

  test('somebody else\'s, or none', async () => {
    const [ann, eve] = await w.users('Анна', 'Ева')
    const [a, e] = [await w.connect(ann), await w.connect(eve)]
    const id = await w.notify(ann)
    assert.equal((await read(e, id)).code, 'FORBIDDEN')
    assert.equal((await read(e, randomUUID())).code, 'FORBIDDEN')
    await a.barrier()
    assert.deepEqual([a.heard('notification:read'), await readAt(id)], [[], null])
  })

  test('from several devices at the same moment: one time', async () => {
    const ann = await w.user()
    const devices = await Promise.all(Object.keys(TRANSPORTS).map((transport) => w.connect(ann, { transport })))
    for (let i = 0; i < 10; i++) {
      const id = await w.notify(ann)
      const acks = await Promise.all(devices.map((d) => read(d, id)))
      assert.equal(new Set(acks.map((x) => x.read_at)).size, 1)
    }
    await Promise.all(devices.map((d) => d.barrier()))
    assert.equal(devices.reduce((n, d) => n + d.heard('notification:read').length, 0), 20)
  })
})
