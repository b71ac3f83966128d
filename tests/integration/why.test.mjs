// Why a user did not get an event: each step said no once, and is named; and what went well is never explained as if it had not (docs/why.md).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import net from 'node:net'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { BIN, token, until, world } from './lib/world.mjs'

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

// A client that is let in and then takes nothing more: over a WebSocket, or by polling.
async function silent(user, transport) {
  if (transport === 'polling') {
    const url = `${one.url}/socket.io/?EIO=4&transport=polling`
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: `40{"token":"${token(user)}"}` })
    for (let text = ''; !text.includes('sync:required');) text += await (await fetch(`${url}&sid=${sid}`)).text()
    return { destroy() {} }
  }
  const tcp = net.connect({ port: one.port, host: '127.0.0.1', highWaterMark: 1024 })
  const connect = `40{"token":"${token(user)}"}`
  tcp.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
  tcp.write(Buffer.concat([Buffer.from([0x81, 0xfe, connect.length >> 8, connect.length & 255, 0, 0, 0, 0]), Buffer.from(connect)]))
  let seen = ''
  tcp.on('error', () => {})
  await new Promise((resolve) => tcp.on('data', (d) => { seen += d.toString('latin1'); if (seen.includes('sync:required')) resolve() }))
  return tcp
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
    await says(event, bob, /^confirmed unasked: no answer is asked for|^written no/)
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
      const quiet = await silent(bob, transport)
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
      const stuck = await silent(bob, transport)
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

test('random deliveries: what a client heard is never explained as lost, and what it did not is never explained as delivered', async () => {
  const N = Number(process.env.BELLWIRE_TEST_WHY ?? 60)
  const people = await w.users(...Array.from({ length: 6 }, (_, i) => `u${i}`))
  const chats = []
  for (let i = 0; i < 4; i++) chats.push(await w.chat(people[i], people[i + 1], people[i + 2]))
  const clients = new Map()
  const come = async (i) => clients.set(i, await w.connect(people[i], { edge: i % 2 ? one : two, transport: i % 3 ? 'websocket' : 'polling' }))
  for (let i = 0; i < 5; i++) await come(i) // the last one has no socket
  let state = 7
  const random = (n) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor(state / 4294967296 * n) }
  const sent = []
  for (let n = 0; n < N; n++) {
    const chat = random(4)
    const i = random(5)
    const there = clients.get(i)
    if (n % 12 === 11 && there) { // comes and goes
      there.close()
      clients.delete(i)
    } else if (n % 12 === 5 && !there) await come(i)
    const kind = random(3)
    if (kind === 0) sent.push([(await w.message(chats[chat], people[chat])).id, [chat, chat + 1, chat + 2], 'chat:message:new'])
    else if (kind === 1) sent.push([await w.notify(people[i]), [i], 'notification:new'])
    else sent.push([(await w.message(chats[chat], people[chat + 1])).id, [chat, chat + 1, chat + 2], 'chat:message:new'])
  }
  const all = [...w.clients]
  for (const c of clients.values()) await c.barrier()
  for (const [id, to, event] of sent) {
    const i = random(6)
    const heard = all.some((c) => c.user?.id === people[i].id && c.heard(event, { id }).length > 0)
    let last
    const right = async () => {
      last = (await why(id, people[i])).at(-1)
      const delivered = ['yes', 'unasked'].includes(last.verdict)
      // whoever left before the pong may have heard it: that it was not confirmed is all that is known
      if (last.evidence.includes('client_left') && ['confirmed', 'written'].includes(last.step)) return event === 'chat:message:new' ? last.verdict === 'no' : last.verdict === 'unknown'
      return heard ? delivered : last.verdict === 'no' && (to.includes(i) ? ['socket', 'written', 'queued', 'rooms'] : ['rooms']).includes(last.step)
    }
    await until(right, () => `${event} ${id} for ${i}: heard ${heard}, said ${JSON.stringify(last)}`)
  }
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
  const { id } = await w.message(chat, ann)
  await says(id, bob, /^read no: edge hung, which has 1 of the user's sockets, did not answer/, '300 ms')
  await until(async () => / session is gone/.test((await why(id, eve, '300 ms')).at(-1).evidence), 'Postgres has noticed')
  await says(id, eve, /^read no: edge dead, which has 1 of the user's sockets, did not answer: its session is gone/, '300 ms')
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
