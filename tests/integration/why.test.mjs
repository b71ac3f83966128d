// Why a user did not get an event: each step said no once, and is named; and what went well is never explained as if it had not (docs/why.md).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { Deliveries } from './lib/deliveries.mjs'
import { recovery } from './lib/recovery.mjs'
import { silent } from './lib/silent.mjs'
import { sleep } from './lib/wait.mjs'
import { BIN, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const [one, two] = [await w.edge({ BELLWIRE_NAME: 'one', BELLWIRE_MAX_QUEUE_BYTES: '200000' }), await w.edge({ BELLWIRE_NAME: 'two' })]

const operator = new pg.Client({ connectionString: w.url(w.role('operator'), 'bellwire-test') })
operator.on('error', () => {}) // its database goes first
await operator.connect()
after(() => operator.end())

async function why(event, user, wait = '8 s') {
  await w.sql('delete from bellwire.asks') // a hundred questions in five seconds are too many
  const [{ ask }] = (await operator.query('select rt.ask_recall($1, $2) as ask', [String(event), user.id ?? user])).rows
  return (await operator.query('select * from rt.explain($1, $2, $3, $4)', [String(event), user.id ?? user, ask, wait])).rows
}

// The last step of the explanation, as "step verdict: evidence".
async function says(event, user, what, wait) {
  const steps = await why(event, user, wait)
  const last = steps.at(-1)
  assert.match(`${last.step} ${last.verdict}: ${last.evidence}`, what, JSON.stringify(steps, null, 1))
  for (const s of steps.slice(0, -1)) assert.equal(s.verdict, 'yes', JSON.stringify(steps, null, 1))
  return steps
}

// It was delivered and confirmed: asked until the pong is back.
const confirmed = (event, user) => until(async () => (await why(event, user)).at(-1).step === 'confirmed', 'it is confirmed')

// It was written, and no answer is asked for: asked until nothing waits in the queue, be it of this event or of later ones.
const unasked = (event, user) => until(async () => (await why(event, user)).at(-1).verdict === 'unasked', 'it is written')

// Sends an event of a service, and answers the number of its row.
async function emit(rooms, except = [], ephemeral = false, data = {}) {
  const name = `t:${randomUUID()}`
  await w.sql('select rt.emit($1, $2, $3, $4, $5)', [rooms, name, data, except, ephemeral])
  return w.value('select id from bellwire.outbox where event = $1 union all select id from bellwire.outbox_ephemeral where event = $1', [name])
}

async function pair(...options) {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const clients = []
  for (const o of options) clients.push(await w.connect(bob, { edge: one, ...o }))
  return { ann, bob, chat, clients }
}

describe('written', () => {
  test('a message that was rolled back', async () => {
    const { ann, bob, chat } = await pair()
    let id
    await w.transaction(async (sql) => {
      id = (await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x') returning id", [chat.id, ann.id]))[0].id
      throw new Error('rolled back')
    }).catch((e) => assert.equal(e.message, 'rolled back'))
    await says(id, bob, /^written no: no message and no notification has this id/)
  })

  test('a row whose transaction was rolled back, is not over yet, and one that was never written', async () => {
    const { bob } = await pair()
    let n
    await w.transaction(async (sql) => {
      await sql("select rt.emit(null, 't:lost', '{}')")
      n = (await sql("select currval('bellwire.outbox_id') as n"))[0].n
      await says(n, bob, /^written no: its transaction was rolled back, or has not committed yet/)
      throw new Error('rolled back')
    }).catch((e) => { if (e.message !== 'rolled back') throw e })
    await says(n, bob, /^written no: its transaction was rolled back/)
    await says('999999999', bob, /^written no: no row has been given this number yet/)
  })

  test('nonsense is refused', async () => {
    const { bob } = await pair()
    for (const event of ['', 'x', "'; drop table x; --", '-1', '1e3']) await assert.rejects(why(event, bob), { code: 'RT400' }, event)
  })
})

describe('announced', () => {
  for (const [fault, before, after_, what] of [
    ['a disabled trigger', 'alter table platform.messages disable trigger messages_publish', 'alter table platform.messages enable trigger messages_publish', /^announced no: the trigger messages_publish on platform.messages is disabled/],
    ['a replica', 'set local session_replication_role = replica', '', /^announced no: no row in the outbox, though the trigger messages_publish is there: written with session_replication_role = replica/]]) {
    test(`a message that was lost to ${fault}`, async () => {
      const { bob, ann, chat } = await pair({})
      const insert = "insert into platform.messages (chat_id, sender_id, seq, created_at, type, content) values ($1, $2, 7, clock_timestamp(), 'text', 'x') returning id"
      const id = await w.transaction(async (sql) => (await sql(insert, [chat.id, ann.id]))[0].id, [before])
      await says(id, bob, what)
      if (after_) await w.sql(after_)
    })
  }

  test('a silent import', async () => {
    const { bob, ann, chat } = await pair({})
    await w.sqlAs('service', `begin; set local bellwire.silent = on; insert into platform.messages (chat_id, sender_id, seq, created_at, type, content)
      values ('${chat.id}', '${ann.id}', 9, clock_timestamp(), 'text', 'imported'); commit`)
    await says(await w.value("select id from platform.messages where chat_id = $1 and content = 'imported'", [chat.id]), bob, /^announced no: its transaction imported in silence/)
  })

  test('a notification without its trigger; an order to the edges; what the outbox has dropped', async () => {
    const { bob, ann, chat } = await pair()
    await w.sql('alter table platform.notifications disable trigger notifications_publish_insert')
    await says(await w.notify(bob), bob, /^announced no: the trigger notifications_publish_insert on platform.notifications is disabled/)
    await w.sql('alter table platform.notifications enable trigger notifications_publish_insert')
    const { id } = await w.message(chat, ann)
    const row = await w.value("select id from bellwire.outbox where control = 'user_join' limit 1")
    await says(row, bob, /^announced no: row \d+ is an order to the edges \(user_join\), no event/)
    await w.sql(`delete from bellwire.outbox where data ->> 'id' = $1`, [id])
    await says(id, bob, /^announced no: no row in the outbox/)
  })
})

describe('for this user', () => {
  test('never in the chat; came later; left before; joined again since', async () => {
    const { ann, bob, chat } = await pair({})
    const [eve] = await w.users('Ева')
    await w.connect(eve, { edge: two })
    const { id } = await w.message(chat, ann)
    await says(id, eve, /^rooms no: participants:\S+: no row puts the user there/)
    await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, eve.id])
    await says(id, eve, /^rooms no: participants:\S+: came later, at \S+Z \(row \d+\)/)
    await w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
    await confirmed(id, bob) // who has left since was there then
    const later = await w.message(chat, ann)
    await says(later.id, bob, /^rooms no: participants:\S+: left before, at \S+Z \(row \d+\)/)
  })

  test('not a follower; somebody else\'s notification; a user who does not exist, or is disabled', async () => {
    const { ann, bob } = await pair({})
    await says(await emit([`followers:${ann.id}`]), bob, /^rooms no: followers:\S+: no row puts the user there/)
    await says(await w.notify(ann), bob, /^rooms no: user:\S+: it is somebody else's/)
    await says(await emit([`user:${ann.id}`]), randomUUID(), /^user no: there is no such user/)
    await w.sql('update platform.users set disabled_at = now() where id = $1', [bob.id])
    await says(await emit([`user:${bob.id}`]), bob, /^user no: the user is disabled/)
  })

  test('excepted: the user, and the only socket', async () => {
    const { bob, clients: [c] } = await pair({})
    await says(await emit(null, [`user:${bob.id}`]), bob, /^excepted no: it does not go to user:/)
    await says(await emit([`user:${bob.id}`], [c.id]), bob, new RegExp(`^excepted no: its only socket, ${c.id}, is excepted`))
  })

  test('who has not joined the chat hears nothing that is for its screen', async () => {
    const { ann, bob, chat, clients: [c] } = await pair({})
    await w.setting('message_audience', 'joined')
    const { id } = await w.message(chat, ann)
    await w.setting('message_audience', 'participants')
    await says(id, bob, new RegExp(`^rooms no: ${c.id} on edge one was in none of chat:${chat.id}`))
    assert.equal((await c.ask('chat:join', { chat_id: chat.id })).status, 'joined')
    const event = await emit([`chat:${chat.id}`])
    await unasked(event, bob)
  })
})

for (const transport of ['websocket', 'polling']) {
  describe(`sockets by ${transport}`, () => {
    test('none at all; one that ended before; one that opened later', async () => {
      const { ann, bob, chat } = await pair()
      const { id } = await w.message(chat, ann)
      await says(id, bob, /^socket no: the user had none/)
      const c = await w.connect(bob, { edge: two, transport })
      await says(id, bob, new RegExp(`^socket no: ${c.id} on edge two opened later`))
      const sid = c.id
      c.close()
      await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'it is gone')
      const { id: later } = await w.message(chat, ann)
      await says(later, bob, new RegExp(`^socket no: the last one, ${sid} on edge two, had ended: client_left`))
    })

    test('confirmed; on the other edge too, and by several sockets', async () => {
      const { ann, bob, chat } = await pair({ transport }, { edge: two, transport })
      const { id } = await w.message(chat, ann)
      await confirmed(id, bob)
      const steps = await why(id, bob)
      assert.deepEqual(steps.map((s) => s.step), ['written', 'announced', 'rooms', 'socket', 'read', 'queued', 'written', 'confirmed'])
      for (const s of steps) assert.equal(s.verdict, 'yes')
      assert.ok(steps.filter((s) => s.at).every((s, i, all) => i < 2 || s.step === 'socket' || s.at >= all[1].at), JSON.stringify(steps))
    })

    test('a client that takes it and does not say so; and that lost its connection before', async () => {
      const { ann, bob, chat } = await pair()
      const quiet = await silent(one, bob, transport)
      const { id } = await w.message(chat, ann)
      // a busy machine takes a moment to write
      if (transport === 'websocket') await until(async () => (await why(id, bob)).at(-1).step === 'confirmed', 'it is written')
      await says(id, bob, transport === 'polling' ? /^written no: \d+ bytes wait for the client to take them by a GET/ : /^confirmed no: its client library has not answered yet/)
      if (transport === 'websocket') {
        quiet.destroy()
        await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'it is gone')
        await says(id, bob, /^confirmed no: the socket ended before its client library answered: (transport|peer)/)
      }
    })

    test('a client that reads nothing is cut as slow', async () => {
      const { bob } = await pair()
      const stuck = await silent(one, bob, transport)
      if (transport === 'websocket') stuck.pause()
      const event = await until(async () => {
        const id = await emit([`user:${bob.id}`], [], false, { text: 'x'.repeat(200000) })
        return await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0 && id
      }, 'it is cut', 60000)
      // the last one may have found no socket any more; one before it was cut
      const ids = (await w.sql('select id from bellwire.outbox where rooms = array[$1] and id <= $2 order by id', [`user:${bob.id}`, event])).map((r) => r.id)
      const all = []
      for (const id of ids) all.push(await why(id, bob))
      assert.ok(all.some((steps) => /the socket was cut as slow: its client did not read/.test(steps.at(-1).evidence)), JSON.stringify(all.map((s) => s.at(-1))))
      stuck.destroy()
    })
  })
}

const r = recovery(w)

for (const transport of ['websocket', 'polling']) {
  test(`who came back with an offset by ${transport} has got what was said before that connection began, but not what nobody keeps`, async () => {
    const { ann, bob, chat } = await pair()
    const c = await r.away(bob, { edge: two, transport })
    const { id } = await w.message(chat, ann)
    const [note, lost] = [await w.notify(bob), await emit([`user:${bob.id}`], [], true)]
    assert.equal(await r.back(c, { edge: one }), true)
    await confirmed(id, bob)
    const steps = await why(id, bob)
    assert.match(steps.find((s) => s.step === 'socket').evidence, new RegExp(`^${c.id} on edge one, ${transport}, back with an offset`))
    assert.ok(steps.find((s) => s.step === 'socket').at > steps.find((s) => s.step === 'announced').at)
    await unasked(note, bob)
    // for a while the edge takes a client that polls no more for one that is there; and who recovers may be there when the row is read
    await until(async () => {
      const last = (await why(lost, bob)).at(-1)
      return /^written unknown: the socket ended behind it: taken_over|^socket no: \S+ on edge one opened later|^queued no: it was recovering, and this/.test(`${last.step} ${last.verdict}: ${last.evidence}`)
    }, 'it is lost')
  })
}

// Holds rows of the database until fn is over; fn is given what lets them go.
async function holding(lock, values, fn) {
  let free
  const held = new Promise((resolve) => { free = resolve })
  const over = w.transaction(async (sql) => { await sql(lock, values); locked(); await held })
  let locked
  await new Promise((resolve) => { locked = resolve })
  try { await fn(free) } finally { free(); await over }
}

test('one that is recovering, has recovered, and whose recovery failed', async () => {
  const { ann, bob, chat } = await pair()
  const { lock, values } = { lock: 'select from bellwire.recoveries where user_id = $1 for update', values: [bob.id] }
  const waits = () => w.value("select pid from pg_stat_activity where query ~ 'rt.recover' and wait_event_type = 'Lock' and datname = current_database()")
  const c = await r.away(bob, { edge: one })
  let id
  await holding(lock, values, async (free) => {
    const back = r.back(c, { edge: two })
    await until(waits, 'rt.recover waits')
    ;({ id } = await w.message(chat, ann))
    await until(async () => (await why(id, bob)).at(-1).step === 'queued', 'its edge has read the row')
    await says(id, bob, /^queued no: it is recovering: it is sent this behind what it has missed/)
    free()
    assert.equal(await back, true)
  })
  await confirmed(id, bob)
  await r.cut(c)
  await holding(lock, values, async () => {
    const back = r.back(c, { edge: one })
    const pid = await until(waits, 'rt.recover waits')
    ;({ id } = await w.message(chat, ann))
    await until(async () => (await why(id, bob)).at(-1).step === 'queued', 'its edge has read the row')
    await w.sql('select pg_cancel_backend($1)', [pid])
    assert.equal(await back, false)
    await says(id, bob, /^queued no: it was recovering, which failed: it was told sync:required instead/)
  })
})

test('a socket that waits for the database is not open yet; one that rows do not know is there', async () => {
  const { ann, bob, chat, clients: [old] } = await pair({})
  old.close()
  await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'it is gone')
  await holding('select from bellwire.presence where user_id = $1 for update', [bob.id], async () => {
    const c = w.client(bob, { edge: two })
    await c.hear('error', { code: 'UNAVAILABLE' })
    const { id } = await w.message(chat, ann)
    await says(id, bob, new RegExp(`^socket no: ${c.id} on edge two is not open yet: waiting`))
  })
  const c = [...w.clients].at(-1)
  await c.up()
  await w.sql('delete from bellwire.sockets where user_id = $1', [bob.id])
  await confirmed((await w.message(chat, ann)).id, bob)
})

test('a row that is committed when its socket has ended, and one that is read before an earlier row says who is there', async () => {
  const { bob, chat, clients: [c] } = await pair({})
  const { id: sid } = c
  let late
  await w.transaction(async (sql) => {
    await sql('select rt.emit($1, $2, $3)', [[`user:${bob.id}`], 't:late', {}])
    late = (await sql("select currval('bellwire.outbox_id') as n"))[0].n
    await sleep(20) // an edge tells times to the millisecond, as of the beginning of its turn
    c.close()
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'it is gone')
  })
  await says(late, bob, new RegExp(`^socket no: ${sid} on edge one ended before that edge read the row: client_left`))
  await w.connect(bob, { edge: one })
  let id
  await w.transaction(async (sql) => { // he leaves by a row that is older, and is committed later
    await sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, bob.id])
    id = await emit([`participants:${chat.id}`])
    await until(async () => (await why(id, bob)).at(-1).step === 'confirmed', 'it is read')
  })
  await unasked(id, bob)
  await says(await emit([`participants:${chat.id}`]), bob, /^rooms no: participants:\S+: left before/)
})

test('what an edge has passed on, and an edge that has ended', async () => {
  const { ann, bob, chat } = await pair()
  const edge = await w.edge({ BELLWIRE_NAME: 'ends' })
  const [a, b] = [await w.connect(ann, { edge }), await w.connect(bob, { edge: two })]
  await b.ask('chat:join', { chat_id: chat.id })
  const row = await until(async () => { // the first ones may go by the database
    await a.ask('chat:typing', { chat_id: chat.id, is_typing: true })
    return w.value("select id from bellwire.outbox_ephemeral where control = 'relayed' and data::text like '%' || $1 || '%' order by id limit 1", [chat.id])
  }, 'a relayed one')
  await b.barrier({ ephemeral: true })
  await unasked(row, bob)
  await says(row, randomUUID(), /^user no/)
  await says(row, ann, /^announced unknown: row \d+ has events that an edge has passed on to its own sockets already/)
  const note = await w.notify(ann)
  await a.hear('notification:new', { id: note })
  await edge.stop()
  await until(async () => await w.value("select count(*) from bellwire.edges where name = 'ends'") === 0, 'it is gone')
  await says(note, ann, /^read unknown: edge ends, on which the user may have been, has ended, at 20/)
})

test('bellwire why', async () => {
  const { ann, bob, chat } = await pair({})
  const { id } = await w.message(chat, ann)
  await confirmed(id, bob)
  const run = (args) => new Promise((resolve) => {
    const child = spawn(BIN, ['why', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', OPERATOR_DATABASE_URL: w.url(w.role('operator'), 'bellwire-test') } })
    let [out, err] = ['', '']
    child.stdout.on('data', (d) => { out += d })
    child.stderr.on('data', (d) => { err += d })
    child.on('close', (code) => resolve({ code, out, err }))
  })
  const good = await run([id, bob.id])
  assert.deepEqual([good.code, good.err], [0, ''])
  assert.match(good.out, /^step +verdict +at +evidence\nwritten +yes +20\S+Z +the message is there[^]*\n\nIt was delivered: its client library has answered behind it\.\n$|It was delivered: there is a receipt\.\n$/)
  assert.match((await run([randomUUID(), bob.id])).out, /\n\nIt ended at the step "written": no message and no notification has this id/)
  assert.equal(JSON.parse((await run([id, bob.id, '--json'])).out).at(-1).verdict, 'yes')
  assert.deepEqual([(await run(['x'])).code, (await run(['x', 'y'])).code], [2, 1])
})

// BELLWIRE_TEST_WHY=1000 tests/integration/run why: so many, in stories of a hundred; BELLWIRE_TEST_WHY_SEED: other ones.
test('random deliveries: what a client heard is never explained as lost, and what it did not hear never as delivered', async () => {
  const [most, first] = [Number(process.env.BELLWIRE_TEST_WHY ?? 60), Number(process.env.BELLWIRE_TEST_WHY_SEED ?? 7)]
  const said = new Map()
  for (let asked = 0, seed = first; asked < most; seed++) {
    const d = new Deliveries(w, [one, two, await w.edge({ BELLWIRE_NAME: `mortal${seed}` })], seed)
    await d.begin()
    await d.tell(60)
    for (const end = Math.min(most, asked + 100); asked < end; asked++) {
      const [e, u] = d.pair()
      let steps
      const right = await until(async () => d.judge(e, u, steps = await why(e.id, u)) ?? false, 'an end').catch(() => false)
      assert.ok(right, `story ${seed}: ${e.what} ${e.id} to ${e.rooms} but ${e.except} for ${u.name} ${u.id}, who has ${d.heard(e, u) ? '' : 'not '}heard it: ${JSON.stringify(steps, null, 1)}
        ${JSON.stringify(u.sockets.map((s) => [s.id, s.edge.process.child.pid, s.end, s.back]))} ${JSON.stringify(e.views.map((v) => [[...v.get(u).steps], v.get(u).sockets.map((s) => s.id)]))}`)
      const last = `${steps.at(-1).step} ${steps.at(-1).verdict}`
      said.set(last, (said.get(last) ?? 0) + 1)
    }
    for (const c of d.clients) c.close()
  }
  if (process.env.BELLWIRE_TEST_WHY) console.log([...said].sort((a, b) => b[1] - a[1]).map(([what, n]) => `${n} ${what}`).join(', '))
})

test('an edge that hangs, and one that is dead, are named', async () => {
  const { ann, bob, chat } = await pair()
  const [eve] = await w.users('Ева')
  await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, eve.id])
  const [hung, dead] = [await w.edge({ BELLWIRE_NAME: 'hung' }), await w.edge({ BELLWIRE_NAME: 'dead' })]
  await w.connect(bob, { edge: hung })
  await w.connect(eve, { edge: dead })
  hung.signal('SIGSTOP')
  await dead.kill()
  // what rows say alone waits for no edge: it takes some hundredths of a second
  await w.sql('alter table platform.messages disable trigger messages_publish')
  const lost = await w.value("insert into platform.messages (chat_id, sender_id, seq, created_at, type, content) values ($1, $2, 7, now(), 'text', 'x') returning id", [chat.id, ann.id])
  const began = Date.now()
  await says(lost, bob, /^announced no: the trigger messages_publish on platform.messages is disabled/, '10 s')
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`)
  await w.sql('alter table platform.messages enable trigger messages_publish')
  const { id } = await w.message(chat, ann)
  await says(id, bob, /^read unknown: edge hung, which has 1 of the user's sockets, did not answer/, '300 ms') // it may have sent it before
  await w.sql("update bellwire.edges set seen_at = seen_at - interval '10 s' where name = 'hung'")
  await says(id, bob, /^read no: edge hung, which has 1 of the user's sockets, did not answer/, '300 ms')
  await until(async () => / session is gone/.test((await why(id, eve, '300 ms')).at(-1).evidence), 'Postgres has noticed')
  await says(id, eve, /^read unknown: edge dead, which has 1 of the user's sockets, did not answer: its session is gone/, '300 ms')
  hung.signal('SIGCONT')
  await confirmed(id, bob)
  await hung.stop()
})

test('an edge that remembers nothing says so', async () => {
  const { bob } = await pair()
  const edge = await w.edge({ BELLWIRE_NAME: 'forgets', BELLWIRE_TRACE_KB: '0' })
  await w.connect(bob, { edge })
  await says(await emit([`user:${bob.id}`]), bob, /^queued unknown: edge forgets remembers nothing of then/)
  await edge.stop()
})
