// Postgres restarts and crashes in the middle, for real: a cluster of this file's own.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ownPostgres } from './lib/own_postgres.mjs'

const { postgres, remove } = ownPostgres('restart-postgres')
const { sleep, until, world } = await import('./lib/world.mjs')

const w = await world(import.meta.url)
after(remove)
const [one, two] = [await w.edge(), await w.edge()]
for (const e of [one, two]) e.expected.push(/ error /)

// Statements over a connection that may die under them, and which of them are known to be committed.
async function writeUntil(chat, sender, stop, committed, uncertain, who) {
  for (let i = 0; !stop(); i++) {
    const content = `${who} ${i}`
    try {
      await w.message(chat, sender, content)
      committed.add(content)
    } catch (e) {
      // the server had it, and nobody knows whether it is there
      uncertain.add(content)
      await sleep(20)
    }
  }
}

for (const [how, commands] of [['restarts', ['stop', 'start']], ['crashes', ['kill', 'start']]]) {
  test(`Postgres ${how}: clients stay, events answer UNAVAILABLE, then everything committed arrives once`, async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const clients = [await w.connect(ann, { edge: one }), await w.connect(bob, { edge: two }), await w.connect(bob, { edge: one, transport: 'polling' })]
    const [a] = clients
    const committed = new Set()
    const uncertain = new Set()
    let over = false
    const writers = Promise.all([0, 1, 2, 3].map((n) => writeUntil(chat, n % 2 ? ann : bob, () => over, committed, uncertain, `${how} w${n}`)))
    await until(() => committed.size > 50, 'writers write')
    postgres(commands[0])
    const before = committed.size
    const ack = await until(async () => {
      const x = await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'while it is away' })
      return x.status === 'error' && x
    })
    assert.equal(ack.code, 'UNAVAILABLE')
    assert.equal(await one.ready(), false)
    postgres(commands[1])
    await until(() => committed.size > before + 50, 'writers write again', 20000)
    over = true
    await writers
    await until(async () => await one.ready() && await two.ready(), 'both edges are ready again')
    // which of the uncertain ones are there
    const rows = (await w.sql('select content, seq from platform.messages where chat_id = $1 order by seq', [chat.id])).map((r) => r.content)
    for (const c of committed) assert.ok(rows.includes(c), `${c} was committed`)
    assert.ok(rows.every((c) => committed.has(c) || uncertain.has(c) || c === 'while it is away'))
    for (const c of clients) {
      await until(() => c.heard('chat:message:new').length >= rows.length, () => `${c.transport}: ${c.heard('chat:message:new').length} of ${rows.length}`)
      await c.barrier()
      assert.deepEqual(c.heard('chat:message:new').map((m) => m.content), rows, `${c.transport}: each once, in the order of seq`)
      assert.deepEqual(c.ends, [], 'nobody was disconnected')
      for (const u of [ann, bob]) assert.deepEqual(c.heard('user:offline', { user_id: u.id }), [], 'nobody was offline')
    }
    assert.equal((await a.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'and on' })).status, 'sent')
    for (const c of clients) c.close()
  })
}
