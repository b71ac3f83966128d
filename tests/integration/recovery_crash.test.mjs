// Connection state recovery over a crash of Postgres: a cluster of its own, because everybody's links end with it.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ownPostgres } from './lib/own_postgres.mjs'

const { postgres, remove } = ownPostgres('recovery-postgres')
const { recovery } = await import('./lib/recovery.mjs')
const { until, world } = await import('./lib/world.mjs')

const w = await world(import.meta.url)
after(remove)
const [one, two] = [await w.edge(), await w.edge()]
for (const e of [one, two]) e.expected.push(/ error /)
const { back, connected, cut, offset, recovered } = recovery(w)

async function crash() {
  postgres('kill')
  postgres('start')
  await until(() => w.sql('select 1').then(() => true, () => false), 'Postgres')
}

for (const [what, wait] of [['an edge that lived on', () => two], ['an edge that began after it', () => w.edge()]]) {
  test(`what was committed before and after the crash, from ${what}`, async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    await until(() => one.ready(), 'the edge')
    const c = await connected(bob, { edge: one })
    await c.barrier()
    await cut(c)
    const ids = [(await w.message(chat, ann, 'before the crash')).id]
    await crash()
    ids.push((await w.message(chat, ann, 'after the crash')).id)
    const edge = await wait()
    edge.expected.push(/ error /)
    await until(() => edge.ready(), 'the edge')
    await back(c, { edge })
    recovered(c)
    assert.deepEqual(c.heard('chat:message:new').map((m) => m.id), ids)
    ids.push((await w.message(chat, ann, 'live')).id)
    await c.hear('chat:message:new', { id: ids[2] })
    await c.barrier()
    assert.deepEqual(c.heard('chat:message:new').map((m) => m.id), ids)
    c.close()
  })
}

test('a socket that lived through the crash, lost after it', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  await until(() => one.ready(), 'the edge')
  const c = await connected(bob, { edge: one })
  await crash()
  await until(() => one.ready(), 'the edge')
  const live = await w.message(chat, ann)
  await c.hear('chat:message:new', { id: live.id })
  await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 1, 'registered again')
  await offset(c, { fresh: false })
  await c.barrier()
  await cut(c)
  const missed = await w.message(chat, ann)
  // an edge whose pump is still away recovers nobody, it tells to synchronise
  await until(() => two.ready(), 'the other edge')
  await back(c, { edge: two })
  recovered(c)
  assert.deepEqual([...new Set(c.heard('chat:message:new').map((m) => m.id))], [live.id, missed.id])
})
