// A burst makes no slow reader: a client that reads gets all of it, however much comes at once (docs/limits.md).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { recovery } from './lib/recovery.mjs'
import { SANITIZED, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()
const BURST_MS = 30000

const cut = async (e = edge) => await e.metric('bellwire_sessions_closed_total', { reason: 'slow' })
  + await e.metric('bellwire_sessions_closed_total', { reason: 'limit' })

// The most memory that the process has had, seen from outside.
function peakMB(e) {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${e.pid}/status`, 'latin1'))[1]) / 1024
}
function grewLess(e, before, mb) {
  const grew = peakMB(e) - before
  if (!SANITIZED) assert.ok(grew < mb, `grew by ${grew.toFixed(1)} MB`)
}

// All n of them, in order, and the connection lives.
async function hearsAll(client, event, n, number) {
  await until(() => client.heard(event).length >= n || client.ends.length, () => `${n} ${event}, heard ${client.heard(event).length}`, BURST_MS)
  assert.deepEqual(client.ends, [])
  assert.deepEqual(client.heard(event).map(number), Array.from({ length: n }, (_, i) => i + 1))
}

const messages = (chat, sender, n, size) => w.sql(`insert into platform.messages (chat_id, sender_id, type, content)
  select $1, $2, 'text', rpad(i::text || ' ', $4::int, 'x') from generate_series(1, $3::int) i`, [chat.id, sender.id, n, size])
const notifications = (user, n, size) => w.sql(`insert into platform.notifications (user_id, type, title, body)
  select $1, 'mention', i::text, repeat('x', $3::int) from generate_series(1, $2::int) i`, [user.id, n, size])

for (const transport of ['websocket', 'polling']) {
  for (const [n, size] of [[100, 16000], [900, 1000], [300, 5000]])
    test(`${transport}: one transaction, ${n} messages of ${size} bytes into a chat; an idle client receives all`, async () => {
      const [ann, bob] = await w.users('Анна', 'Борис')
      const chat = await w.chat(ann, bob)
      const client = await w.connect(bob, { transport })
      const before = await cut()
      await messages(chat, ann, n, size)
      await hearsAll(client, 'chat:message:new', n, (m) => parseInt(m.content, 10))
      assert.equal(await cut(), before)
      client.close()
    })

  test(`${transport}: one transaction, 5 000 notifications of 1 KB; an idle client receives all`, async () => {
    const bob = await w.user('Борис')
    const client = await w.connect(bob, { transport })
    await notifications(bob, 5000, 1000)
    await until(() => client.heard('notification:new').length >= 5000 || client.ends.length,
      () => `heard ${client.heard('notification:new').length}`, BURST_MS)
    assert.deepEqual(client.ends, [])
    assert.equal(new Set(client.heard('notification:new').map((x) => x.title)).size, 5000)
    client.close()
  })
}

test('the edge stopped while a chat gets 1 000 messages of 1 KB in single transactions, then continued: all receive everything', async () => {
  const people = await w.users('Анна', 'Борис', 'Вера', 'Глеб', 'Даша', 'Егор', 'Женя')
  const chat = await w.chat(...people)
  const clients = await Promise.all(people.map((p, i) => w.connect(p, { transport: i % 2 ? 'polling' : 'websocket' })))
  const before = await cut()
  edge.signal('SIGSTOP')
  try {
    for (let i = 1; i <= 1000; i++) await w.message(chat, people[i % 7], `${i} ${'x'.repeat(1000)}`)
  } finally {
    edge.signal('SIGCONT')
  }
  for (const c of clients) await hearsAll(c, 'chat:message:new', 1000, (m) => parseInt(m.content, 10))
  assert.equal(await cut(), before)
  for (const c of clients) c.close()
})

// Counted once for each receiver they would be 32 MB.
test('128 sockets and one rt.emit(null, ...) of 256 KiB, with a budget of 8 MiB: nobody is cut, and memory is what is held', async () => {
  const small = await w.edge({ BELLWIRE_MAX_MEMORY_BYTES: String(8 << 20), BELLWIRE_MAX_SOCKETS_PER_USER: '0' })
  const bob = await w.user('Борис')
  const clients = await Promise.all(Array.from({ length: 128 }, () => w.connect(bob, { edge: small })))
  const [before, peak] = [await cut(small), peakMB(small)]
  await w.sql("select rt.emit(null, 'test:big', jsonb_build_object('text', repeat('x', 262000)))")
  for (const c of clients) await hearsAll(c, 'test:big', 1, () => 1)
  assert.equal(await cut(small), before)
  await until(async () => await small.metric('bellwire_queue_bytes') === 0, 'nothing is held any more')
  grewLess(small, peak, 8)
  for (const c of clients) c.close()
  await small.stop()
})

// 62 MB as rows; the edge takes them by 8.
test("250 x rt.emit(array['room:none'], ..., 250 KB) in one transaction: bounded by bytes, though nobody is in the room", async () => {
  const bob = await w.user('Борис')
  const client = await w.connect(bob)
  const peak = peakMB(edge)
  await w.sql(`select rt.emit(array['room:none'], 'test:none', jsonb_build_object('text', repeat('x', 249000))) from generate_series(1, 250)`)
  await w.sql('select rt.emit(array[$1], $2, $3)', [`user:${bob.id}`, 'test:behind', {}])
  await hearsAll(client, 'test:behind', 1, () => 1)
  grewLess(edge, peak, 40)
  client.close()
})

test('BELLWIRE_MAX_QUEUE_BYTES=262144, a recovery of 100 x 4 KB: the client is let in and synchronises', async () => {
  const small = await w.edge({ BELLWIRE_MAX_QUEUE_BYTES: '262144' })
  const { away, back, recovered, refused } = recovery(w)
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const before = await cut(small)
  const client = await away(bob, { edge: small })
  await messages(chat, ann, 100, 4000)
  await back(client)
  refused(client)
  await w.message(chat, ann, 'behind')
  await client.hear('chat:message:new')
  const other = await away(bob, { edge: small })
  await messages(chat, ann, 50, 4000)
  await back(other)
  recovered(other)
  assert.equal(await cut(small), before)
  for (const c of [client, other]) c.close()
  await small.stop()
})
