// docs/integrating.md: its recipes as they stand there. Logical replication needs another wal_level: a Postgres of its own.
import { ownPostgres } from './lib/own_postgres.mjs'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import pg from 'pg'

const { postgres, remove } = ownPostgres('integrating')
const admin = new pg.Client(process.env.BELLWIRE_TEST_PG)
await admin.connect()
await admin.query('alter system set wal_level = logical')
// all tables are copied at once, and what has to be tried again is not waited for
for (const [name, value] of [['max_logical_replication_workers', 12], ['max_sync_workers_per_subscription', 10], ['max_worker_processes', 20], ['wal_retrieve_retry_interval', 50]]) {
  await admin.query(`alter system set ${name} = ${value}`)
}
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

test('logical replication: rows of another database, announced as they are applied', async (t) => {
  const source = new pg.Client(w.url().replace(w.database, 'integrating_source'))
  t.after(() => source.end()) // also where it fails, or nobody would end this program
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

test('logical replication of platform itself: first copy in silence, then as every writer\'s rows', async (t) => {
  const source = new pg.Client(w.url().replace(w.database, 'integrating_platform'))
  t.after(() => source.end())
  await w.sql('truncate app.accounts, app.rooms, app.room_members; delete from platform.chats; delete from platform.users')
  await w.sql('create database integrating_platform')
  await source.connect()
  const uuids = (n) => Array.from({ length: n }, () => randomUUID())
  const [ann, bob, eve] = uuids(3).map((id, i) => ({ id, name: ['Анна', 'Борис', 'Ева'][i] }))
  const [chat, post, first] = uuids(3)
  // tables of a service that knows nothing of bellwire: no seq, no triggers
  await source.query(`create schema platform;
    create table platform.users (id uuid primary key, name text, avatar_url text, is_master boolean default false, last_seen_at timestamptz, disabled_at timestamptz, created_at timestamptz default now());
    create table platform.follows (follower_id uuid, followee_id uuid, created_at timestamptz default now(), primary key (follower_id, followee_id));
    create table platform.chats (id uuid primary key, created_at timestamptz default now());
    create table platform.chat_participants (chat_id uuid, user_id uuid, joined_at timestamptz default now(), primary key (chat_id, user_id));
    create table platform.messages (id uuid primary key, chat_id uuid, sender_id uuid, type text default 'text', content text, metadata jsonb, client_id text, created_at timestamptz default now());
    create table platform.message_receipts (message_id uuid, user_id uuid, delivered_at timestamptz, read_at timestamptz, primary key (message_id, user_id));
    create table platform.notifications (id uuid primary key, user_id uuid, type text, title text, body text, data jsonb, read_at timestamptz, created_at timestamptz default now());
    create table platform.posts (id uuid primary key, author_id uuid, content text, media_url text, created_at timestamptz default now());
    create table platform.post_likes (post_id uuid, user_id uuid, created_at timestamptz default now(), primary key (post_id, user_id));
    create table platform.post_comments (id uuid primary key, post_id uuid, author_id uuid, content text, created_at timestamptz default now());`)
  const put = (table, row) => source.query(`insert into platform.${table} (${Object.keys(row)}) values (${Object.keys(row).map((_, i) => `$${i + 1}`)})`, Object.values(row))
  for (const u of [ann, bob, eve]) await put('users', u)
  await put('chats', { id: chat })
  for (const u of [ann, bob]) await put('chat_participants', { chat_id: chat, user_id: u.id })
  await put('messages', { id: first, chat_id: chat, sender_id: ann.id, content: 'of before' })
  await put('posts', { id: post, author_id: ann.id, content: 'look' })
  await put('post_likes', { post_id: post, user_id: eve.id })
  // notifications come later
  await source.query(recipe('platform source').replace(', platform.notifications', ''))
  const named = (sql) => sql.replaceAll('role subscriber', 'role postgres').replaceAll('database app', `database ${w.database}`)
  const port = new URL(w.url()).port
  const connection = `'host=127.0.0.1 port=${port} dbname=integrating_platform user=postgres password=${new URL(w.url()).password}'`
  await source.query("select pg_create_logical_replication_slot('platform', 'pgoutput')")
  const [grant, silent] = named(recipe('platform subscription')).split('\n')
  await w.sql(grant)
  await w.sql(silent)
  await w.sql('truncate bellwire.outbox')
  await w.sql(`create subscription platform connection ${connection} publication platform with (create_slot = false, slot_name = platform)`)
  // a table is ready when the subscriber has come as far as its copy, and it comes no further where nothing is written
  const ready = (tables) => until(async () => {
    await source.query("select pg_logical_emit_message(false, 'on', '')")
    return w.value("select count(*) = $1 and bool_and(srsubstate = 'r') from pg_subscription_rel", [tables])
  }, 'copied', 60000)
  await ready(9)
  assert.deepEqual((await w.sql("select distinct event, control from bellwire.outbox where event is null or event !~ '^user:'")).map((r) => r.event ?? r.control), ['rooms_stale'], 'nothing is announced')
  assert.deepEqual(await w.sql('select seq, content from platform.messages'), [{ seq: 1, content: 'of before' }])
  assert.deepEqual(await w.sql('select likes_count from platform.post_counts'), [{ likes_count: 1 }])
  const worker = () => w.value("select pid from pg_stat_subscription where relid is null and subname = 'platform'")
  const was = await worker()
  for (const sql of named(recipe('platform live')).trim().split('\n')) await w.sql(sql)
  await until(async () => ![null, undefined, was].includes(await worker()), 'another worker', 60000) // Postgres starts one in five seconds at most, or later

  const [a, b, e] = [await w.connect(ann), await w.connect(bob), await w.connect(eve)]
  // who joins hears what comes behind it, and who leaves does not
  const said = async (content, sender = ann) => { const id = randomUUID(); await put('messages', { id, chat_id: chat, sender_id: sender.id, content }); return id }
  await source.query('begin')
  await said('before')
  await put('chat_participants', { chat_id: chat, user_id: eve.id })
  const between = await said('between')
  await source.query('delete from platform.chat_participants where user_id = $1', [bob.id])
  await said('behind')
  await source.query('commit')
  await e.hear('chat:message:new', { content: 'behind' })
  assert.deepEqual(e.heard('chat:message:new').map((m) => [m.seq, m.content]), [[3, 'between'], [4, 'behind']])
  await a.hear('chat:message:new', { content: 'behind' })
  assert.deepEqual(a.heard('chat:message:new').map((m) => [m.seq, m.content, m.sender_name]), [[2, 'before', 'Анна'], [3, 'between', 'Анна'], [4, 'behind', 'Анна']])
  await b.barrier()
  assert.deepEqual(b.heard('chat:message:new').map((m) => m.content), ['before', 'between'])
  // one numbering, whoever writes
  const sending = Promise.all(Array.from({ length: 20 }, (_, i) => e.ask('chat:message:send', { chat_id: chat, type: 'text', content: `here ${i}` })))
  for (let i = 0; i < 20; i++) await said(`there ${i}`)
  await sending
  await until(() => a.heard('chat:message:new').length === 43, 'all of them')
  assert.deepEqual(a.heard('chat:message:new').map((m) => m.seq), Array.from({ length: 43 }, (_, i) => i + 2))
  assert.deepEqual(a.heard('chat:message:new', (m) => /there/.test(m.content)).map((m) => m.content), Array.from({ length: 20 }, (_, i) => `there ${i}`))
  // receipts: one is there already, since its client has it
  await until(() => w.value('select delivered_at is not null from platform.message_receipts where message_id = $1 and user_id = $2', [between, eve.id]), 'delivered')
  await put('message_receipts', { message_id: between, user_id: eve.id, read_at: '2026-01-10T12:00:00Z' })
  const read = await a.hear('chat:message:read', { message_id: between })
  assert.deepEqual([read.read_by, read.read_at], [eve.id, '2026-01-10T12:00:00.000Z'])
  assert.equal(a.heard('chat:message:delivered', { message_id: between, delivered_to: eve.id }).length, 1)
  // likes
  await put('post_likes', { post_id: post, user_id: bob.id })
  assert.equal((await a.hear('post:liked', { user_id: bob.id })).likes_count, 2)
  await a.hear('notification:new', { type: 'post_liked' })
  await source.query('delete from platform.post_likes where user_id = $1', [bob.id])
  assert.equal((await a.hear('post:unliked', { user_id: bob.id })).likes_count, 1)
  await put('post_comments', { id: randomUUID(), post_id: post, author_id: bob.id, content: 'nice' })
  await a.hear('post:commented')
  // a change, and an end
  await source.query("update platform.users set name = 'Аня' where id = $1", [ann.id])
  await source.query("update platform.messages set content = 'changed' where id = $1", [between])
  await said('named')
  assert.equal((await e.hear('chat:message:new', { content: 'named' })).sender_name, 'Аня')
  assert.deepEqual(await w.sql('select seq, content from platform.messages where id = $1', [between]), [{ seq: 3, content: 'changed' }])

  // a table that is copied later, aloud: each row once, and then each that comes
  const notes = uuids(3)
  for (const id of notes.slice(0, 2)) await put('notifications', { id, user_id: ann.id, type: 'mention', title: 'note', body: 'b' })
  await source.query('alter publication platform add table platform.notifications')
  await w.sql('alter subscription platform refresh publication')
  await ready(10)
  await put('notifications', { id: notes[2], user_id: ann.id, type: 'mention', title: 'note', body: 'b' })
  await source.query('update platform.notifications set read_at = now() where id = $1', [notes[0]])
  await a.hear('notification:read', { notification_id: notes[0] })
  assert.deepEqual(a.heard('notification:new', { title: 'note' }).map((n) => n.id).sort(), [...notes].sort())

  // TRUNCATE, and a user who goes
  await source.query('truncate platform.follows, platform.post_likes')
  await until(async () => await w.value('select likes_count from platform.post_counts where post_id = $1', [post]) === 0, 'counted')
  await source.query('update platform.users set disabled_at = now() where id = $1', [eve.id])
  assert.equal(await e.down(), 'io server disconnect')
  await source.query('delete from platform.users where id = $1', [bob.id])
  assert.equal(await b.down(), 'io server disconnect')
  await w.sql('alter subscription platform disable; alter subscription platform set (slot_name = none); drop subscription platform')
  await source.query("select pg_drop_replication_slot('platform')")
  await source.end()
  await w.sql('drop database integrating_platform with (force)')
  await w.sql('revoke set on parameter session_replication_role from bellwire_owner')
})
