// docs/event-path.md "An edge with nobody on it": it reads no events, but for their ids, and who comes to it is sent every event all the
// same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { recovery } from './lib/recovery.mjs'
import { sleep, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const { connected, cut, back, recovered, write, exactlyOnce } = recovery(w)

// What the pump's session has done last, and since when.
const poll = async () => (await w.sql(`select query, query_start::text as since from pg_stat_activity
  where datname = current_database() and query like 'prepare bellwire_%' order by query_start desc limit 1`))[0]
const readsIds = () => until(async () => /bellwire_poll_ids/.test((await poll())?.query), 'ids are read')

async function streaming(people, writers, fn) {
  const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(...people)))
  const committed = []
  let running = true
  const stream = Promise.all(Array.from({ length: writers }, async (_, i) => {
    while (running) await write(chats[i % 4], people[0], 5, committed)
  }))
  try {
    await fn(chats, committed)
  } finally {
    running = false
    await stream
  }
  return committed
}

// The rows of each chat that was asked about.
const seqs = (messages) => {
  const by = new Map()
  for (const m of messages) by.set(m.chat_id, [...by.get(m.chat_id) ?? [], m.seq])
  return by
}
const written = (chats) => w.sql('select chat_id, seq from platform.messages where chat_id = any($1) order by chat_id, seq', [chats.map((c) => c.id)])

for (const transport of ['websocket', 'polling']) {
  test(`who comes while rows stream is sent each event of after its connection once and in order (${transport})`, async () => {
    const edge = await w.edge()
    const [ann, bob] = await w.users('Анна', 'Борис')
    await streaming([ann, bob], 6, async (chats) => {
      for (let round = 0; round < 10; round++) {
        await readsIds()
        const c = w.client(bob, { edge, transport })
        await c.hear('connected')
        const before = seqs(await written(chats))
        await sleep(Math.random() * 200)
        const wanted = seqs(await written(chats))
        await c.barrier()
        const heard = seqs(c.heard('chat:message:new'))
        for (const { id } of chats) {
          const [from, to] = [before.get(id)?.at(-1) ?? 0, wanted.get(id)?.at(-1) ?? 0]
          const got = heard.get(id) ?? []
          assert.deepEqual(got.filter((n) => n > from && n <= to), Array.from({ length: to - from }, (_, i) => from + 1 + i), `round ${round}`)
          got.forEach((n, i) => assert.ok(i === 0 || n === got[i - 1] + 1, `${n} after ${got[i - 1]}`))
        }
        c.close()
      }
    })
    await edge.stop()
  })
}

// A poll that waits for a slot takes its snapshot when it gets it.
async function whileItWaits(fn) {
  const c = new pg.Client({ connectionString: w.url() })
  await c.connect()
  const slot = await w.value('select (rt_private.outbox_turn(clock_timestamp()) + 2) % 3')
  await c.query('begin')
  await readsIds()
  await c.query(`lock table bellwire.outbox_${slot} in access exclusive mode`)
  await until(async () => await w.value(`select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and query like 'prepare bellwire_poll_ids%'`) === 1, 'it waits')
  try {
    await fn()
  } finally {
    await c.query('rollback')
    await c.end()
  }
}

test('who comes back to it is recovered: every event once and in order', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(ann, bob)))
  const c = await connected(bob, { edge })
  const committed = []
  const stream = () => Promise.all(chats.map((chat) => write(chat, ann, 10, committed)))
  for (let round = 0; round < 6; round++) {
    await cut(c)
    await Promise.all([stream(), readsIds()])
    const rest = stream()
    await back(c)
    recovered(c)
    await rest
  }
  await cut(c)
  const rest = stream()
  let came
  await whileItWaits(async () => {
    came = back(c)
    await sleep(200)
  })
  await came
  recovered(c)
  await rest
  await exactlyOnce(c, committed)
  await edge.stop()
})

test('who has come while ids were on their way is sent the events whole', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  let writing = true
  const stream = (async () => { while (writing) await write(chat, ann, 1, []) })() // so that the edge does not sleep
  let c
  let ids
  await whileItWaits(async () => {
    c = w.client(bob, { edge })
    await c.hear('connected')
    ids = await Promise.all([1, 2, 3].map(async () => (await w.message(chat, ann)).id))
    assert.deepEqual(c.heard('chat:message:new'), [])
  })
  for (const id of ids) await c.hear('chat:message:new', { id })
  writing = false
  await stream
  await c.barrier()
  const got = c.heard('chat:message:new').map((m) => m.seq)
  got.forEach((n, i) => assert.ok(i === 0 || n === got[i - 1] + 1, `${n} after ${got[i - 1]}`))
  await edge.stop()
})

test('what is for the edge itself it reads', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const first = await w.connect(bob, { edge })
  first.close()
  let writing = true
  const stream = Promise.all([1, 2, 3].map(async () => { while (writing) await write(chat, ann, 1, []) }))
  await readsIds()
  await w.sql("update bellwire.routes set rate_per_s = 1, rate_burst = 1 where event = 'chat:message:send'")
  await w.sql('select pg_sleep(0.3)')
  await readsIds()
  const c = await w.connect(bob, { edge })
  const acks = await Promise.all([1, 2, 3, 4].map(() => c.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'hi' })))
  assert.ok(acks.some((a) => a.code === 'RATE_LIMIT'), JSON.stringify(acks))
  writing = false
  await stream
  await edge.stop()
})
