// docs/event-path.md "What comes with the ack": a row that a lone client event has written is delivered without a read, where nothing that
// is still to be read can belong before it. Every event once, in the order of its chat.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import pg from 'pg'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const lone = (edge) => edge.metric('bellwire_pump_lone_rows_total')
await w.sql("update bellwire.routes set rate_per_s = null where event = 'chat:message:send'")

// What is given up behind a writer who is slow to commit is sent again, as clients do.
async function send(client, chat, content) {
  const message = { chat_id: chat.id, type: 'text', content, client_id: randomUUID() }
  let ack
  do ack = await client.ask('chat:message:send', message)
  while (ack.code === 'UNAVAILABLE')
  assert.equal(ack.status, 'sent', JSON.stringify(ack))
  return ack.message_id
}

test('the row comes with its ack, to everybody at this edge, and the next read does not bring it again', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const [a, b] = [await w.connect(ann, { edge }), await w.connect(bob, { edge, transport: 'polling' })]
  let sent = 0
  await until(async () => {
    const [rows, reads] = await Promise.all([lone(edge), edge.metric('bellwire_pump_fetches_total')])
    const id = await send(a, chat, `${sent++}`)
    for (const c of [a, b]) await c.hear('chat:message:new', { id })
    return await lone(edge) === rows + 1 && reads > 0
  }, 'a row with its ack')
  await w.sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'by SQL')", [chat.id, bob.id])
  for (const c of [a, b]) {
    await c.hear('chat:message:new', { content: 'by SQL' })
    assert.deepEqual(c.heard('chat:message:new').map((m) => m.seq), Array.from({ length: sent + 1 }, (_, i) => i + 1))
  }
  await a.hear('chat:message:delivered', undefined, sent)
  await edge.stop()
})

test('what was committed before it, and is not read yet, comes before it', async () => {
  const edge = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const [a, b] = [await w.connect(ann, { edge }), await w.connect(bob, { edge })]
  await until(async () => await edge.metric('bellwire_pump_state') === 3, 'asleep')
  for (let n = 0; n < 5; n++) {
    await w.sql(`with unrung as materialized (select rt_private.unrung())
      insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'by SQL' from unrung`, [chat.id, bob.id])
    const id = await send(a, chat, `${n}`)
    await b.hear('chat:message:new', { id })
    assert.deepEqual(b.heard('chat:message:new').map((m) => m.seq), Array.from({ length: 2 * n + 2 }, (_, i) => i + 1))
  }
  await edge.stop()
})

test('beside writers by SQL, transactions that stay open and another edge each event comes once and in order', async () => {
  const edges = [await w.edge(), await w.edge()]
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(ann, bob, eve)))
  const senders = await Promise.all([ann, bob, ann, bob].map((u, i) => w.connect(u, { edge: edges[i % 2] })))
  const ears = [await w.connect(eve, { edge: edges[0] }), await w.connect(eve, { edge: edges[1], transport: 'polling' })]
  const wanted = chats.map(() => 0)
  const bySql = async (i) => { // in the chat of a sender, every fourth in a transaction that stays for a while
    const c = new pg.Client({ connectionString: w.url() })
    await c.connect()
    for (let n = 0; n < 150; n++) {
      const stays = n % 4 === 3
      if (stays) {
        await c.query('begin')
        await c.query('select pg_current_xact_id()')
        await send(senders[i], chats[i], `while it is open ${n}`)
        wanted[i]++
      }
      await c.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [chats[i].id, eve.id, `by SQL ${n}`])
      if (stays) await c.query('commit')
      wanted[i]++
    }
    await c.end()
  }
  const byClient = async (i) => {
    for (let n = 0; n < 200; n++) {
      await send(senders[i], chats[i], `by a client ${n}`)
      wanted[i]++
    }
  }
  const before = await Promise.all(edges.map(lone))
  await Promise.all(chats.map((_, i) => (i < 2 ? Promise.all([bySql(i), byClient(i)]) : byClient(i))))
  for (const c of ears) {
    await until(() => c.heard('chat:message:new').length >= wanted.reduce((x, y) => x + y), 'all of them')
    await c.barrier()
    for (const [i, chat] of chats.entries()) {
      assert.deepEqual(c.heard('chat:message:new').filter((m) => m.chat_id === chat.id).map((m) => m.seq), Array.from({ length: wanted[i] }, (_, n) => n + 1))
    }
  }
  for (const [i, edge] of edges.entries()) {
    assert.ok(await lone(edge) > before[i], 'some came with their acks')
    assert.equal(await edge.metric('bellwire_pump_gaps_total'), 0)
    await edge.stop()
  }
})
