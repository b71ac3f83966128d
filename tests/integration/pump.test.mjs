// docs/architecture.md "The cursor is a snapshot": every committed event exactly once, in each chat's order, whatever is in flight and however often LISTEN dies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { sleep, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const pause = (ms) => new Promise((r) => setTimeout(r, ms))
const drain = 2, asleep = 3 // values of bellwire_pump_state

// Messages of one writer: random pauses between insert and commit, every fifth rolled back, every seventh in a savepoint.
async function write(chat, sender, n, committed, gap) {
  const c = new pg.Client({ connectionString: w.url() })
  await c.connect()
  for (let i = 0; i < n; i++) {
    await c.query('begin')
    if (i % 7 === 3) {
      await c.query('savepoint s')
      await c.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'undone')", [chat.id, sender.id])
      await c.query('rollback to s')
    }
    const { rows } = await c.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3) returning id, seq", [chat.id, sender.id, `${i}`])
    await pause(Math.random() * 20)
    if (i % 5 === 4) {
      await c.query('rollback')
    } else {
      await c.query('commit')
      committed.push(rows[0].id)
    }
    await pause(gap())
  }
  await c.end()
}

async function exactlyOnce(clients, committed) {
  const wanted = [...committed].sort()
  for (const c of clients) {
    await until(() => c.heard('chat:message:new').length >= wanted.length, () => `${c.heard('chat:message:new').length} of ${wanted.length}`)
    await c.barrier()
    const heard = c.heard('chat:message:new')
    assert.deepEqual(heard.map((m) => m.id).sort(), wanted)
    const last = new Map()
    for (const m of heard) {
      assert.ok(m.seq > (last.get(m.chat_id) ?? 0), `chat ${m.chat_id}: ${m.seq} after ${last.get(m.chat_id)}`)
      last.set(m.chat_id, m.seq)
    }
  }
}

test('concurrent writers, rollbacks, LISTEN terminated again and again, two edges', async () => {
  const [one, two] = [await w.edge(), await w.edge()]
  for (const e of [one, two]) e.expected.push(/ error /)
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(ann, bob)))
  const clients = [await w.connect(ann, { edge: one }), await w.connect(bob, { edge: two }), await w.connect(bob, { edge: one, transport: 'polling' })]
  const committed = []
  let writing = true
  const killer = (async () => {
    for (let n = 0; writing; n++) {
      await pause(300)
      await w.sql('select pg_terminate_backend(pid) from bellwire.edges')
    }
  })()
  await Promise.all(Array.from({ length: 12 }, (_, i) => write(chats[i % 4], i % 2 ? ann : bob, 40, committed, () => 0)))
  writing = false
  await killer
  await exactlyOnce(clients, committed)
  assert.ok(await one.metric('bellwire_database_reconnects_total') > 0, 'the pump was cut')
  assert.equal(await one.metric('bellwire_pump_gaps_total'), 0)
  await one.stop()
  await two.stop()
})

test('no wake-up is lost with the fallback poll off', async () => {
  const edge = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const clients = [await w.connect(bob, { edge })]
  const committed = []
  // one writer, bursts between silences long enough to fall asleep in
  for (let round = 0; round < 8; round++) {
    await until(async () => (await edge.metric('bellwire_pump_state')) === asleep, 'asleep')
    await Promise.all([write(chat, ann, 1, committed, () => 0), write(chat, ann, 3, committed, () => 0)])
    await until(() => clients[0].heard('chat:message:new').length >= committed.length, () => `woken in round ${round}`)
  }
  assert.ok(await edge.metric('bellwire_pump_bells_total') >= 8, 'bells')
  await exactlyOnce(clients, committed)
  await edge.stop()
})

test('alone it rings nobody for what its clients send, and an edge that comes is rung', async () => {
  const one = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob)
  const [a, here] = [await w.connect(ann, { edge: one }), await w.connect(bob, { edge: one })]
  const say = async (to, content) => assert.equal((await a.ask('chat:message:send', { chat_id: to.id, type: 'text', content })).status, 'sent')
  const sleeps = (edge) => until(async () => (await edge.metric('bellwire_pump_state')) === asleep, 'asleep')
  let [said, came] = [0, 0]
  await until(async () => {
    await sleeps(one)
    const bells = await one.metric('bellwire_pump_bells_total')
    for (let i = 0; i < 2; i++) await say(chat, `${said++}`)
    await a.hear('chat:message:delivered', undefined, said)
    const e = await w.connect(eve, { edge: one })
    await a.hear('user:online', { user_id: eve.id }, ++came)
    e.close()
    await a.hear('user:offline', { user_id: eve.id }, came)
    if (await one.metric('bellwire_pump_bells_total') === bells) return true
    await pause(200) // a client may send ten messages a second
  }, 'no bell for its own messages, none for their receipts, and none for who comes and goes')
  here.close()
  const two = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const b = await w.connect(bob, { edge: two })
  for (let i = 0; i < 5; i++) {
    await sleeps(two)
    await say(chat, `to both ${i}`)
    await b.hear('chat:message:new', { content: `to both ${i}` })
  }
  for (let i = 0; i < 3; i++) { // confirmed at the one, told at the other
    await sleeps(two)
    const { message_id } = await b.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `from two ${i}` })
    await b.hear('chat:message:delivered', { message_id })
  }
  await one.stop()
  await two.stop()
})

test('few writers ring for a pump that sleeps, many find one that polls', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const b = await w.connect(bob, { edge })
  const EMIT = "select rt.emit(array['user:' || $1], 'test:n', jsonb_build_object('n', $2::int))"
  const emit = (n) => w.sql(EMIT, [bob.id, n])
  const emitLate = (n) => w.transaction(async (sql) => { // as who stands in line
    await sql(EMIT, [bob.id, n])
    await sleep(200)
  })
  await until(async () => (await edge.metric('bellwire_pump_state')) === asleep, 'asleep')
  const bells = await edge.metric('bellwire_pump_bells_total')
  for (let n = 0; n < 20; n++) {
    await emit(n)
    await b.hear('test:n', { n })
    await pause(10)
  }
  assert.ok(await edge.metric('bellwire_pump_bells_total') > bells, 'it was rung')
  let [n, polls] = [20, false]
  for (const late = Date.now() + 10000; !polls && Date.now() < late;) {
    await Promise.all(Array.from({ length: 40 }, () => emitLate(n++)))
    polls = (await edge.metric('bellwire_pump_state')) === 1
  }
  assert.ok(polls, 'it polls')
  await b.hear('test:n', undefined, n)
  assert.deepEqual(b.heard('test:n').map((x) => x.n).sort((x, y) => x - y), Array.from({ length: n }, (_, i) => i))
  await until(async () => (await edge.metric('bellwire_pump_state')) === asleep, 'asleep again')
  await edge.stop()
})

test('an old open transaction keeps it from sleeping, not from delivering', async () => {
  const edge = await w.edge({ BELLWIRE_FALLBACK_POLL_MS: '0' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const clients = [await w.connect(bob, { edge })]
  const committed = []
  const is = (state) => until(async () => await edge.metric('bellwire_pump_state') === state, `state ${state}`)
  await is(asleep) // else it may drain of what is older than this transaction
  await w.transaction(async (sql) => {
    await sql('select pg_current_xact_id()')
    await w.transaction(async (late) => { // wakes it
      await late("select rt.emit(array['nobody'], 'test:wake', '{}')")
      await sleep(1100)
    })
    await is(drain)
    await Promise.all(Array.from({ length: 4 }, () => write(chat, ann, 10, committed, () => 0)))
    await exactlyOnce(clients, committed)
    assert.notEqual(await edge.metric('bellwire_pump_state'), asleep)
  })
  await is(asleep)
  await edge.stop()
})

test('after a gap a client hears sync:required before any event, also while its rooms take long to be read', async () => {
  const edge = await w.edge()
  const users = await w.users('Анна', 'Борис', 'Вера')
  const clients = await Promise.all(users.map((u, i) => w.connect(u, { edge, transport: ['websocket', 'polling', 'upgrade'][i] })))
  const dropped = await w.value('select pg_current_snapshot()::text')
  const rows = await edge.metric('bellwire_pump_rows_total')
  const news = (n) => w.sql("select rt.emit(array['user:' || u], 'test:news', jsonb_build_object('n', $2::int)) from unnest($1::text[]) u", [users.map((u) => u.id), n])
  const before = clients.map((c) => c.events.length)
  await w.transaction(async (sql) => {
    await sql('lock table platform.follows in access exclusive mode') // rooms cannot be read
    await w.transaction(async (other) => {
      await other('lock table bellwire.outbox in access exclusive mode') // the pump's cursor stays where it is
      await w.value('select pg_current_xact_id()::text')
      await w.sql('update bellwire.outbox_state set dropped = pg_current_snapshot()')
    })
    await until(async () => await edge.metric('bellwire_pump_gaps_total') === 1, 'the gap')
    for (let i = 0; i < 5; i++) await news(i)
    await until(async () => await edge.metric('bellwire_pump_rows_total') - rows >= 15, 'the pump has read them')
  })
  await Promise.all(clients.map((c) => c.hear('sync:required', undefined, 2)))
  await news(5)
  await Promise.all(clients.map((c) => c.hear('test:news', { n: 5 })))
  for (const [i, c] of clients.entries()) {
    assert.deepEqual(c.events.slice(before[i]).filter((e) => e.event !== 'user:online').map((e) => [e.event, e.args[0].n]), [['sync:required', undefined], ['test:news', 5]], c.transport)
    c.close()
  }
  await w.sql('update bellwire.outbox_state set dropped = $1', [dropped])
  await edge.stop()
})

test('a row that was long on its way makes it poll: ringing may be what holds the writers up', async () => {
  const quiet = await w.edge({ BELLWIRE_LOG_LEVEL: 'trace' })
  const asleep = () => until(async () => await quiet.metric('bellwire_pump_state') === 3, 'asleep')
  const polled = () => quiet.log.split('trace pace from=asleep to=busy').length - 1
  await asleep()
  const c = await w.connect(await w.user(), { edge: quiet })
  await asleep()
  const before = polled()
  await w.transaction(async (sql) => {
    await sql('select rt.emit(array[$1], $2, $3)', [c.id, 'test:late', {}])
    await sleep(1100) // as 33 writers do who stand in line for 33 ms
  })
  await c.hear('test:late')
  await until(() => polled() === before + 1, 'it polls')
  await asleep()
  c.close()
  await quiet.stop()
})

test('a burst makes it poll instead of being rung for', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const clients = [await w.connect(bob, { edge })]
  await until(async () => (await edge.metric('bellwire_pump_state')) === asleep, 'asleep')
  const bells = await edge.metric('bellwire_pump_bells_total')
  // within one call: how fast they come does not depend on this process
  await w.sql(`do $$ begin for i in 1..300 loop insert into platform.messages (chat_id, sender_id, type, content) values ('${chat.id}', '${ann.id}', 'text', 'x'); commit; end loop; end $$`)
  const rung = (await edge.metric('bellwire_pump_bells_total')) - bells
  await until(() => clients[0].heard('chat:message:new').length === 300)
  assert.ok(rung < 100, `${rung} bells for 300 messages`)
  await edge.stop()
})

for (const transport of ['websocket', 'polling']) {
  test(`16 KiB of Cyrillic and emoji arrive whole over ${transport}`, async () => {
    const edge = await w.edge()
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const b = await w.connect(bob, { edge, transport })
    const content = 'Привет, мир! 👋🏽'.repeat(1000)
    const whole = Buffer.from(content).subarray(0, 16384).toString().replace(/\ufffd+$/, '')
    assert.ok(Buffer.byteLength(whole) > 16380)
    await w.sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [chat.id, ann.id, whole])
    assert.equal((await b.hear('chat:message:new')).content, whole)
    await edge.stop()
  })
}
