// docs/event-path.md "What comes with the bell": a row that a bell has carried is delivered before it is read, where nothing that is still to
// be read can belong before it. Every event once, in the order of its chat. A Postgres of this file's own: while a transaction of anybody
// in the cluster is open for longer than a session of the pump, that pump never sleeps.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import { ownPostgres } from './lib/own_postgres.mjs'

const { remove } = ownPostgres('carried-postgres')
const { sleep, until, world } = await import('./lib/world.mjs')
const { recovery } = await import('./lib/recovery.mjs')

const w = await world(import.meta.url)
after(remove)
const { back, connected, cut, offset, recovered } = recovery(w)
const carried = (edge) => edge.metric('bellwire_pump_carried_rows_total')
const asleep = (edge) => until(async () => await edge.metric('bellwire_pump_state') === 3, 'asleep')
const INSERT = "insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)"
const places = (c, chat) => c.heard('chat:message:new').filter((m) => m.chat_id === chat.id).map((m) => m.seq)
const first = (n) => Array.from({ length: n }, (_, i) => i + 1)

test('the row comes with its bell, to everybody, and the read behind it does not bring it again', async () => {
  const edges = [await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' }), await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })]
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const ears = [await w.connect(bob, { edge: edges[0] }), await w.connect(bob, { edge: edges[1], transport: 'polling' })]
  let sent = 0
  for (const [i, edge] of edges.entries()) {
    await until(async () => {
      await Promise.all(edges.map(asleep))
      const before = await carried(edge)
      await w.sql(INSERT, [chat.id, ann.id, `${sent++}`])
      await ears[i].hear('chat:message:new', { seq: sent })
      return await carried(edge) === before + 1
    }, 'a row with its bell')
  }
  for (const [i, edge] of edges.entries()) {
    const reads = await edge.metric('bellwire_pump_fetches_total')
    await w.sql(INSERT, [chat.id, ann.id, 'one more'])
    await ears[i].hear('chat:message:new', { seq: ++sent })
    await until(async () => await edge.metric('bellwire_pump_fetches_total') > reads, 'read')
  }
  for (const c of ears) {
    await c.hear('chat:message:new', { seq: sent })
    assert.deepEqual(places(c, chat), first(sent))
  }
  for (const edge of edges) await edge.stop()
})

const names = (o) => Buffer.from(o, 'base64url')[0] === 3 // rows ahead of its snapshot (server/recovery/offset_token.h)

// An event whose offset comes later comes a second time.
for (const transport of ['websocket', 'polling']) {
  test(`an offset comes with the row, which is not sent again by whichever edge; what was missed is (${transport})`, async () => {
    const edges = [await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' }), await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })]
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const a = await w.connect(ann, { edge: edges[0] })
    const b = await connected(bob, { edge: edges[0], transport })
    let sent = 0
    const insert = async (c) => {
      await w.sql(INSERT, [chat.id, ann.id, `${sent++}`])
      await c.hear('chat:message:new', { seq: sent })
    }
    let edge = edges[0]
    for (let round = 0; round < 6; round++) {
      await until(async () => {
        await asleep(edge)
        const before = await carried(edge)
        const fresh = offset(b, { fresh: true })
        await insert(b)
        return names(await fresh) && await carried(edge) === before + 1
      }, 'an offset that names a row which came with its bell')
      await cut(b)
      for (let n = 0; n < round; n++) await insert(a)
      if (round % 2) edge = edges.find((e) => e !== edge)
      await back(b, { edge })
      recovered(b)
      await b.hear('chat:message:new', { seq: sent })
      await b.barrier()
      assert.deepEqual(places(b, chat), first(sent), b.story())
    }
    assert.deepEqual(places(a, chat), first(sent))
    for (const edge of edges) await edge.stop()
  })
}

test('what was committed before it, and rang nobody, comes before it', async () => {
  const edge = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const b = await w.connect(bob, { edge })
  for (let n = 0; n < 5; n++) {
    await asleep(edge)
    await w.sql(`with unrung as materialized (select rt_private.unrung())
      insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'silent' from unrung`, [chat.id, ann.id])
    await w.sql(INSERT, [chat.id, ann.id, 'rung'])
    await b.hear('chat:message:new', { seq: 2 * n + 2 })
    assert.deepEqual(places(b, chat), first(2 * n + 2))
  }
  await edge.stop()
})

test('several rows of a transaction, long ones, other events and a removal keep their order', async () => {
  const edge = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const b = await w.connect(bob, { edge })
  let sent = 0
  for (let n = 0; n < 5; n++) {
    await asleep(edge)
    await w.transaction(async (sql) => {
      await sql(INSERT, [chat.id, ann.id, 'one'])
      await sql('savepoint s')
      await sql(INSERT, [chat.id, ann.id, 'never'])
      await sql('rollback to s')
      await sql(INSERT, [chat.id, ann.id, 'two'])
      await sql('select platform.notify($1, $2, $3, $4, $5)', [bob.id, 'mention', `${n}`, 'body', {}])
      await sql(INSERT, [chat.id, ann.id, 'x'.repeat(7000)])
    })
    await w.sql(INSERT, [chat.id, ann.id, 'y'.repeat(7000)])
    await w.transaction((sql) => sql(INSERT, [chat.id, ann.id, 'an older snapshot']), ['set transaction isolation level repeatable read'])
    await w.sql(INSERT, [chat.id, ann.id, 'last'])
    sent += 6
    await b.hear('chat:message:new', { seq: sent })
    await b.hear('notification:new', undefined, n + 1)
    assert.deepEqual(places(b, chat), first(sent))
  }
  await asleep(edge)
  await w.sql(INSERT, [chat.id, ann.id, 'before'])
  await w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
  await w.sql(INSERT, [chat.id, ann.id, 'behind'])
  await b.hear('chat:message:new', { seq: sent + 1 })
  await b.barrier()
  assert.deepEqual(places(b, chat), first(sent + 1))
  await edge.stop()
})

test('while sessions of the pump end, transactions stay open and clients send, each event comes once and in order', async () => {
  const edge = await w.edge()
  await w.sql("update bellwire.routes set rate_per_s = null where event = 'chat:message:send'")
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chats = await Promise.all(Array.from({ length: 3 }, () => w.chat(ann, bob, eve)))
  const a = await w.connect(ann, { edge })
  const ears = [await w.connect(eve, { edge }), await w.connect(eve, { edge, transport: 'polling' })]
  const wanted = chats.map(() => 0)
  let over = false
  let cut = 0 // sessions of the pump, each behind rows that came with their bells
  let came = 0 // rows with their bells
  const enough = () => cut >= 10 && came > 20
  const bySql = async (i) => {
    const c = new pg.Client({ connectionString: w.url() })
    await c.connect()
    for (let n = 0; n < 150 || (!enough() && n < 3000); n++) {
      const stays = n % 10 === 9
      if (stays) {
        await c.query('begin')
        await c.query('select pg_current_xact_id()')
        await sleep(Math.random() * 20)
      }
      await c.query(INSERT, [chats[i].id, bob.id, `${n}`])
      if (stays) await c.query(Math.random() < 0.3 ? 'rollback' : 'commit').then(({ command }) => { if (command === 'ROLLBACK') wanted[i]-- })
      wanted[i]++
      await sleep(Math.random() * 30)
    }
    await c.end()
  }
  const byClient = async () => {
    while (!over) {
      const ack = await a.ask('chat:message:send', { chat_id: chats[2].id, type: 'text', content: 'by a client' })
      if (ack.status === 'sent') wanted[2]++
      await sleep(Math.random() * 100)
    }
  }
  const cuts = async () => {
    while (!over) {
      await sleep(20 + Math.random() * 300)
      const now = await carried(edge)
      if (now === came) continue
      await w.endPumps()
      came = now
      cut++
    }
  }
  edge.expected.push(/ error /)
  const besides = [byClient(), cuts()]
  await Promise.all([0, 1, 2].map(bySql))
  over = true
  await Promise.all(besides)
  for (const c of ears) {
    await until(() => c.heard('chat:message:new').length >= wanted.reduce((x, y) => x + y), 'all of them')
    await c.barrier()
    for (const [i, chat] of chats.entries()) {
      const { length } = await w.sql('select from platform.messages where chat_id = $1', [chat.id])
      assert.deepEqual(places(c, chat), first(length))
    }
  }
  assert.ok(enough(), `${cut} sessions of the pump took ${came} rows from bells`)
  assert.equal(await edge.metric('bellwire_pump_gaps_total'), 0)
  await edge.stop()
})
