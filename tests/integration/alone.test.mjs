// docs/availability.md, "No edge is there": writers keep the outbox small, and whoever comes later is told what that means.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recovery } from './lib/recovery.mjs'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const { away, back, refused } = recovery(w)

// As if what was written had been written ten minutes ago, and nobody had looked after the outbox for fifteen.
async function passed() {
  await w.sql(`with gone as (delete from bellwire.outbox returning *)
    insert into bellwire.outbox (slot, xid, id, epoch, at, rooms, except_rooms, event, data, confirm, control)
    select (rt_private.outbox_slot(clock_timestamp()) + 2) % 3, xid, id, epoch, at, rooms, except_rooms, event, data, confirm, control from gone`)
  await w.sql("update bellwire.epoch set watched = 'empty'")
}
const pumps = () => w.value("select count(*) from pg_stat_activity where datname = current_database() and application_name ~ ' pump$'")
const rows = () => w.value('select count(*) from bellwire.outbox')

test('no edge reads: the outbox stays small; an edge that comes back, and clients of before, are told', async () => {
  const edge = await w.edge()
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann)
  const absent = await away(bob)
  edge.signal('SIGSTOP')
  await w.endPumps()
  await until(async () => await pumps() === 0, 'nobody reads')
  const lost = []
  for (let round = 0; round < 3; round++) {
    await w.transaction(async (sql) => {
      for (let i = 0; i < 200; i++) {
        lost.push((await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3) returning id", [chat.id, bob.id, `lost ${round} ${i}`]))[0].id)
      }
    })
    await passed()
    await w.message(chat, bob, `round ${round}`)
    assert.ok(await rows() < 5, `${await rows()} rows of a round are left`)
  }
  assert.equal(await w.value('select count(*) from platform.messages where id = any($1)', [lost]), 600, 'the messages are there')
  edge.signal('SIGCONT')
  await a.hear('sync:required', undefined, 2)
  await w.message(chat, bob, 'after')
  await a.hear('chat:message:new', { content: 'after' })
  assert.deepEqual(a.heard('chat:message:new', (m) => lost.includes(m.id)), [])
  await back(absent)
  refused(absent)
  assert.deepEqual(absent.heard('chat:message:new'), [])
  // it looks after the outbox again: nothing is taken from it
  await until(() => w.value("select upper(watched) - clock_timestamp() > interval '10 minutes' from bellwire.epoch"), 'the edge puts it off', 15000)
  await w.message(chat, bob, 'last')
  await a.hear('chat:message:new', { content: 'last' })
  assert.equal(a.heard('sync:required').length, 2)
})
