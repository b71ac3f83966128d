// docs/events.md: chat:typing, which leaves no trace.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { TRANSPORTS } from './lib/client.mjs'
import { world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.edge()

const typing = (c, chat, is_typing = true) => c.ask('chat:typing', { chat_id: chat.id, is_typing })
const join = (c, chat) => c.ask('chat:join', { chat_id: chat.id })

async function pair(options = {}) {
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  const chat = await w.chat(ann, bob)
  const [a, b, e] = await Promise.all([ann, bob, eve].map((u) => w.connect(u, options)))
  return { ann, bob, eve, chat, a, b, e }
}

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
})
