// docs/events.md: chat:typing, which leaves no trace.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { TRANSPORTS } from './lib/client.mjs'
import { until } from './lib/wait.mjs'
import { world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()
// While an edge does not know whether there are others, what it relays is a row too.
await until(async () => await edge.metric('bellwire_edges') === 1, 'the edge knows that it is alone')

const typing = (c, chat, is_typing = true) => c.ask('chat:typing', { chat_id: chat.id, is_typing })
const join = (c, chat) => c.ask('chat:join', { chat_id: chat.id })

async function pair(options = {}) {
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob)
  const [a, b, e] = await Promise.all([ann, bob, eve].map((u) => w.connect(u, options)))
  return { ann, bob, eve, chat, a, b, e }
}

// Rows that typing in this chat has left for edges.
const rows = (chat) => w.value('select count(*) from bellwire.outbox_ephemeral where data::text like $1', [`%${chat.id}%`])
// The first event of a client is a row too: its name is not known.
const alone = (c, chat) => until(async () => {
  await c.barrier({ ephemeral: true })
  const before = await rows(chat)
  return (await typing(c, chat)).status === 'ok' && await rows(chat) === before
}, 'the edge relays by itself')

describe('typing', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: to those who joined, but the socket that sent it`, async () => {
      const { ann, chat, a, b, e } = await pair({ transport })
      const [a2, b2] = [await w.connect(ann), await w.connect(b.user)]
      for (const c of [a, a2, b]) await join(c, chat)
      for (const is_typing of [true, false]) {
        assert.deepEqual(await typing(a, chat, is_typing), { status: 'ok' })
        for (const c of [a2, b]) assert.deepEqual(await c.hear('chat:typing', { is_typing }), { chat_id: chat.id, user_id: ann.id, user_name: 'Анна', is_typing })
      }
      await Promise.all([a, a2, b, b2, e].map((c) => c.barrier({ ephemeral: true })))
      assert.deepEqual([a, a2, b, b2, e].map((c) => c.heard('chat:typing').length), [0, 2, 2, 0, 0])
    })
  }

  test('the sender need not have joined', async () => {
    const { chat, a, b } = await pair()
    await join(b, chat)
    a.emit('chat:typing', { chat_id: chat.id, is_typing: true })
    await b.hear('chat:typing')
  })

  test('no longer to whoever left', async () => {
    const { chat, a, b } = await pair()
    await join(b, chat)
    await b.ask('chat:leave', { chat_id: chat.id })
    await typing(a, chat)
    await b.barrier({ ephemeral: true })
    assert.deepEqual(b.heard('chat:typing'), [])
  })

  test('by a service: rt.emit, ephemeral', async () => {
    const { ann, chat, a, b } = await pair()
    await join(b, chat)
    const data = { chat_id: chat.id, user_id: ann.id, user_name: 'Анна', is_typing: true }
    await w.sql('select rt.emit(array[$1], $2, $3, array[$4], true)', [`chat:${chat.id}`, 'chat:typing', data, a.id])
    assert.deepEqual(await b.hear('chat:typing'), data)
  })

  test('strangers, no such chat, no boolean', async () => {
    const { eve, chat, a, b, e } = await pair()
    await join(b, chat)
    assert.equal((await typing(e, chat)).code, 'FORBIDDEN')
    assert.equal((await typing(a, { id: randomUUID() })).code, 'CHAT_NOT_FOUND')
    for (const bad of [undefined, null, 1, 0, 'true', [], {}]) assert.equal((await a.ask('chat:typing', { chat_id: chat.id, is_typing: bad })).code, 'INVALID_DATA', String(bad))
    // nor may a stranger listen
    await join(e, chat)
    await typing(a, chat)
    await e.barrier({ ephemeral: true })
    assert.deepEqual([b.heard('chat:typing').length, e.heard('chat:typing', { user_id: eve.id }).length, e.heard('chat:typing').length], [1, 0, 0])
  })

  test('no row is written for it', async () => {
    const { chat, a, b } = await pair()
    await join(b, chat)
    const mine = () => w.value("select count(*) from bellwire.outbox where event = 'chat:typing'")
    for (let i = 0; i < 5; i++) await typing(a, chat, i % 2 === 0)
    await b.hear('chat:typing', undefined, 5)
    assert.deepEqual(b.heard('chat:typing').map((t) => t.is_typing), [true, false, true, false, true])
    assert.equal(await mine(), 0)
  })

  test('alone the edge asks nothing of Postgres', async () => {
    const { chat, a, b } = await pair()
    await join(b, chat)
    await alone(a, chat)
    const [before, heard] = [await rows(chat), b.heard('chat:typing').length]
    for (let i = 0; i < 5; i++) assert.deepEqual(await typing(a, chat, i % 2 === 0), { status: 'ok' })
    await b.hear('chat:typing', undefined, heard + 5)
    assert.deepEqual(b.heard('chat:typing').slice(heard).map((t) => t.is_typing), [true, false, true, false, true])
    assert.equal(await rows(chat), before)
  })

  // The edge and rt_private.relay decide by the same rule.
  test('what the edge decides is what SQL decides', async () => {
    const { ann, chat, a, b, e } = await pair()
    await join(b, chat)
    await alone(a, chat)
    await w.sql("update bellwire.routes set rate_per_s = null where event = 'chat:typing'")
    await until(async () => (await Promise.all(Array.from({ length: 40 }, () => typing(a, chat, null)))).every((x) => x.code === 'INVALID_DATA'), 'there is no limit')
    const chats = [chat.id, chat.id.toUpperCase(), randomUUID(), `{${chat.id}}`, chat.id.replaceAll('-', ''), '', 7, null, undefined]
    const states = [true, false, null, 'true', 0, undefined]
    for (const c of [a, e]) {
      for (const chat_id of chats) {
        for (const is_typing of states) {
          const payload = { chat_id, is_typing, more: { x: [1, 'y'] } }
          const heard = b.heard('chat:typing').length
          const ack = await c.ask('chat:typing', payload)
          const item = JSON.stringify({ event: 'chat:typing', user_id: c.user.id, socket_id: c.id, payload })
          const [sql] = await w.sqlAs('edge', 'select * from rt.dispatch($1)', [[item]])
          const what = `${c.user.name} ${JSON.stringify(payload)}`
          if (sql.outcome === 'ok') {
            assert.deepEqual(ack, JSON.parse(sql.body), what)
            await b.hear('chat:typing', undefined, heard + 2)
            const [one, two] = b.heard('chat:typing').slice(heard)
            assert.deepEqual([Object.entries(one), one], [Object.entries(two), { chat_id: chat.id, user_id: ann.id, user_name: 'Анна', is_typing }], what)
          } else {
            assert.deepEqual([ack.status, ack.code, ack.message], ['error', sql.code, sql.message], what)
          }
        }
      }
    }
  })

  test('who leaves the chat is refused, and another name is said', async () => {
    const { ann, chat, a, b } = await pair()
    await join(b, chat)
    await alone(a, chat)
    await w.sql("update platform.users set name = 'Аня' where id = $1", [ann.id])
    await a.barrier()
    await typing(a, chat)
    assert.equal((await b.hear('chat:typing', { user_name: 'Аня' })).user_id, ann.id)
    await w.sql('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, ann.id])
    await a.barrier()
    assert.equal((await typing(a, chat)).code, 'FORBIDDEN')
    await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, ann.id])
    await a.barrier()
    assert.deepEqual(await typing(a, chat), { status: 'ok' })
  })

  test('an event of an operator\'s own, by a row alone', async () => {
    const { ann, chat, a, b, e } = await pair()
    await join(b, chat)
    await w.sql(`insert into bellwire.routes (event, rate_class, relay_room, relay_members, relay_fields)
      values ('cursor:at', 'cursor', 'participants:{chat}', 'participants:{chat}', '{"chat": "uuid", "x": "number", "note": "text", "by": "user_id"}')`)
    const at = { chat: chat.id, x: -1.5, note: 'a "b" \\ я\n' }
    await until(async () => (await a.ask('cursor:at', at)).status === 'ok', 'the edge knows the event')
    assert.deepEqual(await b.hear('cursor:at'), { ...at, by: ann.id })
    assert.equal((await e.ask('cursor:at', at)).code, 'FORBIDDEN')
    assert.equal((await a.ask('cursor:at', { ...at, x: '1' })).message, 'x must be a number')
    await b.barrier({ ephemeral: true })
    assert.deepEqual([a, e].map((c) => c.heard('cursor:at').length), [0, 0])
  })
})
