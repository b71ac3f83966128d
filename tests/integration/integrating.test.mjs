// docs/integrating.md: its recipes as they stand there. Logical replication needs another wal_level: a Postgres of its own.
import { ownPostgres } from './lib/own_postgres.mjs'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import pg from 'pg'

const { postgres, remove } = ownPostgres('integrating')
const admin = new pg.Client(process.env.BELLWIRE_TEST_PG)
await admin.connect()
await admin.query('alter system set wal_level = logical')
await admin.end()
postgres('restart')

const { until, world } = await import('./lib/world.mjs')
const w = await world(import.meta.url)
after(remove)
const page = readFileSync(new URL('../../docs/integrating.md', import.meta.url), 'utf8')
const recipe = (name) => new RegExp(`^<!-- sql: ${name} -->\n\`\`\`sql\n([^]*?)^\`\`\`$`, 'm').exec(page)[1]

const edge = await w.edge()
const account = async (name) => ({ id: await w.value('insert into app.accounts (display_name) values ($1) returning id', [name]), name })
const refused = async (user) => {
  const c = w.client(user)
  assert.equal(await c.down(), 'io server disconnect')
}

test('mirror triggers: people, rooms and members of another schema', async () => {
  await w.sql(recipe('schema'))
  const before = await account('Анна')
  await refused(before)
  await w.sql(recipe('mirror'))
  await w.sql(recipe('import'))
  const boris = await account('Борис')
  const [a, b] = [await w.connect(before), await w.connect(boris)]
  const room = await w.value("insert into app.rooms (title) values ('x') returning id")
  for (const u of [before, boris]) await w.sql('insert into app.room_members values ($1, $2)', [room, u.id])
  assert.equal((await a.ask('chat:message:send', { chat_id: room, type: 'text', content: 'hello' })).status, 'sent')
  assert.equal((await b.hear('chat:message:new', { content: 'hello' })).sender_name, 'Анна')
  await w.sql("update app.accounts set display_name = 'Аня' where id = $1", [before.id])
  await w.sql('delete from app.room_members where account_id = $1', [boris.id])
  await a.ask('chat:message:send', { chat_id: room, type: 'text', content: 'among us' })
  assert.equal((await a.hear('chat:message:new', { content: 'among us' })).sender_name, 'Аня')
  await w.sql("update app.accounts set banned = true where id = $1", [boris.id])
  assert.equal(await b.down(), 'io server disconnect')
  assert.equal(b.heard('chat:message:new', { content: 'among us' }).length, 0)
  await w.sql("update app.accounts set banned = false where id = $1", [boris.id])
  await w.connect(boris)
  await w.sql('delete from app.accounts where id = $1', [before.id])
  assert.equal(await a.down(), 'io server disconnect')
})

test('rooms of a service: at opening, and as they change, ordered with events', async () => {
  await w.sql(recipe('rooms'))
  const [cleo, dan] = [await account('Клео'), await account('Дан')]
  await w.sql("insert into app.team_members values ('red', $1)", [cleo.id])
  const [c, d] = [await w.connect(cleo), await w.connect(dan)]
  await w.sql(recipe('emit'))
  assert.deepEqual(await c.hear('team:goal'), { score: 1 })
  await w.sql(recipe('move'))
  const goal = (score) => `select rt.emit(array['own:team:red'], 'team:goal', '{"score": ${score}}')`
  await w.transaction(async (sql) => {
    await sql(goal(2))
    await sql("insert into app.team_members values ('red', $1)", [dan.id])
    await sql(goal(3))
    await sql("delete from app.team_members where account_id = $1", [cleo.id])
    await sql(goal(4))
  })
  await w.notify(cleo, 'last')
  await w.notify(dan, 'last')
  for (const x of [c, d]) await x.hear('notification:new', { title: 'last' })
  const scores = (x) => x.heard('team:goal').map((e) => e.score)
  assert.deepEqual([scores(c), scores(d)], [[1, 2, 3], [3, 4]])
  // a change of the sources is one of everybody's rooms
  await w.sql("insert into app.team_members values ('red', $1) on conflict do nothing", [cleo.id])
  await w.sql('delete from bellwire.room_sources')
  await until(async () => {
    const n = scores(d).length
    await w.sql(goal(9))
    await w.notify(dan, `after ${n} ${Math.random()}`)
    const seen = d.heard('notification:new').length
    await until(() => d.heard('notification:new').length >= seen, 'a notification')
    return scores(d).length === n
  }, 'nobody is in the room')
})

test('logical replication: rows of another database, announced as they are applied', async () => {
  const source = new pg.Client(w.url().replace(w.database, 'integrating_source'))
  await w.sql('drop table app.team_members; drop function app.team_rooms(uuid[])')
  await w.sql('truncate app.accounts, app.rooms, app.room_members; delete from platform.chats; delete from platform.users')
  await w.sql('create database integrating_source')
  await source.connect()
  await source.query(recipe('schema'))
  await source.query(recipe('publication'))
  await w.sql(recipe('replicated'))
  // within one server the slot has to be there first
  await source.query("select pg_create_logical_replication_slot('bellwire', 'pgoutput')")
  const port = new URL(w.url()).port
  await w.sql(`create subscription bellwire connection 'host=127.0.0.1 port=${port} dbname=integrating_source user=postgres password=${new URL(w.url()).password}'
    publication bellwire with (create_slot = false, slot_name = bellwire)`)
  const add = async (name) => ({ id: (await source.query('insert into app.accounts (display_name) values ($1) returning id', [name])).rows[0].id, name })
  const [eve, finn] = [await add('Ева'), await add('Финн')]
  const room = (await source.query("insert into app.rooms (title) values ('x') returning id")).rows[0].id
  await source.query('insert into app.room_members values ($1, $2)', [room, eve.id])
  await until(async () => await w.value('select count(*)::int from platform.chat_participants') === 1, 'applied')
  const [e, f] = [await w.connect(eve), await w.connect(finn)]
  await source.query('insert into app.room_members values ($1, $2)', [room, finn.id])
  await until(async () => await w.value('select count(*)::int from platform.chat_participants') === 2, 'applied')
  await e.ask('chat:message:send', { chat_id: room, type: 'text', content: 'both' })
  await f.hear('chat:message:new', { content: 'both' }) // without a new connection
  await source.query('update app.accounts set banned = true where id = $1', [finn.id])
  assert.equal(await f.down(), 'io server disconnect')
  await w.sql('alter subscription bellwire disable; alter subscription bellwire set (slot_name = none); drop subscription bellwire')
  await source.query("select pg_drop_replication_slot('bellwire')")
  await source.end()
  await w.sql('drop database integrating_source with (force)')
  assert.equal(edge.ended, null)
})
