// docs/testing.md: rt_test says what an edge does. One list of cases, sent over stock clients and through rt_test in a transaction that is
// rolled back, and what each socket heard is compared.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.migrate('--with-tests')
await w.edge()
const page = (name) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

// ---- people, before both runs ----

const [anna, boris, carl, eve, fan] = await w.users('Анна', 'Борис', 'Карл', 'Ева', 'Фанни')
const people = { anna, boris, carl, eve, fan }
const sockets = Object.entries({ anna, 'anna laptop': anna, boris, carl, eve, fan })
const chat = await w.chat(anna, boris, carl)
const post = await w.post(anna)
await w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [fan.id, anna.id])

// ---- the cases: on(socket) sends, sql() writes, both() writes in one transaction ----

const join = (u) => ['insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, u.id]]
const leave = (u) => ['delete from platform.chat_participants where chat_id = $1 and user_id = $2', [chat.id, u.id]]
const says = (u, content) => ["insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [chat.id, u.id, content]]
const emits = (rooms, event, ...rest) => ['select rt.emit($1, $2, $3, $4, $5)', [rooms, event, { n: 1 }, ...rest, ...[[], false].slice(rest.length)]]
const set = (name, value) => ['update bellwire.settings set value = $2 where name = $1', [name, value]]
const text = (content, more) => ({ chat_id: chat.id, type: 'text', content, ...more })
const here = { chat_id: chat.id }
const nowhere = { chat_id: 'ffffffff-0000-4000-8000-000000000000' }

const cases = [
  ...sockets.map(([name]) => [`${name} connects`, (x) => x.connects(name)]),
  ['two join the chat', async (x) => { await x.ask('anna', 'chat:join', here); await x.ask('boris', 'chat:join', here) }],
  ['a client sends a message', async (x) => { x.message = (await x.ask('anna', 'chat:message:send', text('привет', { client_id: 'c1' }))).message_id }],
  ['and sends it again', (x) => x.ask('anna', 'chat:message:send', text('привет', { client_id: 'c1' }))],
  ['it is read', (x) => x.ask('boris', 'chat:message:read', { ...here, message_id: x.message })],
  ['and read again', (x) => x.ask('boris', 'chat:message:read', { ...here, message_id: x.message })],
  ['a row is a message', (x) => x.sql(...says(boris, 'from psql'))],
  ['typing', (x) => x.ask('anna', 'chat:typing', { ...here, is_typing: true })],
  ['one leaves the screen', (x) => x.ask('boris', 'chat:leave', here)],
  ['typing to nobody', (x) => x.ask('anna', 'chat:typing', { ...here, is_typing: false })],
  ['a notification', async (x) => { [{ id: x.notification }] = await x.sql("select platform.notify($1, 'mention', 't', 'b', '{}') as id", [anna.id]) }],
  ['one socket reads it', (x) => x.ask('anna', 'notification:read', { notification_id: x.notification })],
  ['liked', (x) => x.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, boris.id])],
  ['unliked', (x) => x.sql('delete from platform.post_likes where post_id = $1', [post.id])],
  ['commented', (x) => x.sql("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'so')", [post.id, eve.id])],
  ['followed, unfollowed and liked', (x) => x.both(['delete from platform.follows'], ['insert into platform.follows (follower_id, followee_id) values ($1, $2)', [eve.id, anna.id]],
    ['insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, carl.id]])],
  ['in for one message', (x) => x.both(says(anna, '1'), join(eve), says(anna, '2'), leave(eve), says(anna, '3'))],
  ['out for one message', (x) => x.both(says(anna, '1'), leave(carl), says(anna, '2'))],
  ['who is gone hears nothing', (x) => x.sql(...says(anna, '4'))],
  ['and is back', (x) => x.both(join(carl), says(anna, '5'))],
  ['out and in at once stays on the screen', (x) => x.both(leave(anna), join(anna), emits([`chat:${chat.id}`], 'test:screen'))],
  ['emitted to several rooms, once each', (x) => x.sql(...emits([`user:${anna.id}`, `participants:${chat.id}`], 'test:rooms'))],
  ['but not to some', (x) => x.sql(...emits([`participants:${chat.id}`], 'test:except', [`chat:${chat.id}`, `user:${carl.id}`], true))],
  ['to everyone', (x) => x.sql(...emits(null, 'test:all'))],
  ['rooms of a service', (x) => x.both(emits(['own:board'], 'test:own'), ["select rt.user_join($1, 'board')", [eve.id]], emits(['own:board'], 'test:own'),
    ["select rt.user_leave($1, 'board')", [eve.id]], emits(['own:board'], 'test:own'))],
  ['a savepoint is undone', (x) => x.both(['savepoint s'], says(anna, 'never'), ['rollback to savepoint s'], emits([`user:${eve.id}`], 'test:after'))],
  ['refused: a stranger', (x) => x.ask('eve', 'chat:message:send', text('let me in', { client_id: 'c2' }))],
  ['refused: typing', (x) => x.ask('eve', 'chat:typing', { ...here, is_typing: true })],
  ['refused: no such chat', (x) => x.ask('anna', 'chat:join', nowhere)],
  ['refused: a payload', (x) => x.ask('anna', 'chat:typing', { ...here, is_typing: 'yes' })],
  ['refused: an empty message', (x) => x.ask('anna', 'chat:message:send', text(''))],
  ['refused: not an object', (x) => x.ask('anna', 'chat:join', [1])],
  ['refused: unknown', (x) => x.ask('anna', 'chat:dance', {})],
  ['as many bytes as may be', (x) => x.ask('anna', 'chat:join', { ...here, more: { list: [1, 2], pad: `a${'ы'.repeat(471)}` } })],
  ['refused: one more', (x) => x.ask('anna', 'chat:join', { ...here, more: { list: [1, 2], pad: 'ы'.repeat(472) } })],
  ['refused: not theirs', (x) => x.ask('boris', 'notification:read', { notification_id: x.notification })],
  ['those who have joined', (x) => x.sql(...set('message_audience', 'joined'))],
  ['hear messages', (x) => x.sql(...says(boris, '6'))],
  ['contacts', (x) => x.sql(...set('presence_audience', 'contacts'))],
  ['a contact goes', (x) => x.disconnects('carl')],
  ['and comes', (x) => x.connects('carl')],
  ['everyone', (x) => x.sql(...set('presence_audience', 'everyone'))],
  ['one of two goes', (x) => x.disconnects('anna laptop')],
  ['somebody goes', (x) => x.disconnects('fan')],
  ['somebody is disabled', (x) => x.sql('update platform.users set disabled_at = now() where id = $1', [eve.id])],
  ['and hears no more', (x) => x.sql(...emits(null, 'test:last'))],
]

// ---- what was heard, without what differs by nature ----

const UUIDS = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const known = new Map([...Object.entries(people).map(([name, u]) => [u.id, name]), [chat.id, 'chat'], [post.id, 'post'], [nowhere.chat_id, 'nowhere']])
function plain(value) {
  return JSON.parse(JSON.stringify(value, (key, v) => {
    if (key === 'socket_id') return 'socket'
    if (v && typeof v === 'object' && !Array.isArray(v)) return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
    return typeof v === 'string' ? v.replace(UUIDS, (id) => known.get(id) ?? 'id').replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'time') : v
  }))
}
// A user's own coming and going may reach the socket that it is about, or not.
const own = (user, { event, data }) => /^user:o(n|ff)line$/.test(event) && data.user_id === user.id
const heardBy = (user, events) => events.filter((e) => !own(user, e)).map((e) => JSON.stringify([e.event, plain(e.data)])).sort()

// ---- the two ways ----

class InSql {
  acks = []
  came = []
  constructor(sql) { this.sql = sql }
  at(name) { return [(people[name] ?? anna).id, people[name] ? 'phone' : 'laptop'] }
  connects(name) {
    if (!this.came.includes(name)) this.came.push(name)
    return this.sql('select rt_test.connects($1, $2)', this.at(name))
  }

  disconnects(name) { return this.sql('select rt_test.disconnects($1, $2)', this.at(name)) }
  async both(...statements) { for (const s of statements) await this.sql(...s) }
  async ask(name, event, payload) {
    const [user, socket] = this.at(name)
    const [{ ack }] = await this.sql('select rt_test.ack($1, $2, $3, $4) as ack', [user, event, JSON.stringify(payload), socket])
    this.acks.push(ack)
    return ack
  }

  // As it is at an edge, every socket that is there takes what it hears; one that has never been there hears nothing.
  async heard() {
    const values = [this.came.map((name) => this.at(name)[0]), this.came.map((name) => this.at(name)[1])]
    await this.sql('select rt_test.takes(s.u, s.name) from unnest($1::uuid[], $2::text[]) s (u, name)', values)
    const rows = await this.sql(`select s.n, h.event, h.data from unnest($1::uuid[], $2::text[]) with ordinality s (u, name, n)
      cross join lateral rt_test.heard(s.u, s.name) h`, values)
    const all = Object.fromEntries(sockets.map(([name]) => [name, rows.filter((r) => r.n === this.came.indexOf(name) + 1)]))
    await this.sql('select rt_test.forget()')
    return all
  }
}

class AtEdge {
  acks = []
  clients = {}
  seen = {}
  async connects(name) {
    this.clients[name] = await w.connect(people[name] ?? anna)
    this.seen[name] = 0
  }

  disconnects(name) { this.clients[name].close() }
  sql(...statement) { return w.sql(...statement) }
  both(...statements) { return w.transaction(async (sql) => { for (const s of statements) await sql(...s) }) }
  async ask(name, event, payload) {
    const ack = await this.clients[name].ask(event, payload)
    this.acks.push(ack)
    return ack
  }

  events(name) {
    const c = this.clients[name]
    return c ? c.events.slice(this.seen[name]).map((e) => ({ event: e.event, data: e.args[0] })).filter((e) => e.event !== 'test:barrier') : []
  }

  // Until each has heard as much as is expected; then behind a barrier, so that what nobody expects is found as well.
  async heard(expected) {
    const all = {}
    for (const [name, user] of sockets) {
      const n = heardBy(user, expected[name]).length
      await until(() => heardBy(user, this.events(name)).length >= n, () => `${name} hears ${JSON.stringify(expected[name])}; heard ${JSON.stringify(this.events(name))}`)
    }
    await Promise.all(Object.values(this.clients).filter((c) => c.socket.connected).map((c) => c.barrier()))
    for (const [name] of sockets) {
      all[name] = this.events(name)
      this.seen[name] = this.clients[name]?.events.length ?? 0
    }
    return all
  }
}

// ---- the tests ----

test('rt_test and an edge agree on who hears what', async () => {
  const expected = []
  const rolledBack = new Error('rolled back')
  const inSql = await w.transaction(async (sql) => {
    const x = new InSql(sql)
    for (const [, step] of cases) {
      await step(x)
      expected.push(await x.heard())
    }
    throw Object.assign(rolledBack, { x })
  }).catch((e) => { if (e !== rolledBack) throw e; return e.x })

  const atEdge = new AtEdge()
  const events = new Set()
  for (const [i, [title, step]] of cases.entries()) {
    await step(atEdge)
    const heard = await atEdge.heard(expected[i])
    for (const [name, user] of sockets) {
      assert.deepEqual(heardBy(user, expected[i][name]), heardBy(user, heard[name]), `${title}: ${name} (rt_test, then the edge)`)
      for (const e of heard[name]) events.add(e.event)
    }
  }
  assert.deepEqual(inSql.acks.map(plain), atEdge.acks.map(plain), 'acks')
  assert.deepEqual([inSql.acks.length, inSql.acks.filter((a) => a.status === 'error').length], [20, 9], 'acks and refusals that were compared')
  const table = (title) => [...page('events.md').split(`<!-- ${title} -->`)[1].matchAll(/^\| `([^`]+)`/gm)].map((m) => m[1])
  assert.deepEqual(table('events to clients').filter((e) => !events.has(e)), [], 'every event of docs/events.md is in a case')
  const asked = cases.map(([, step]) => step.toString()).join()
  assert.deepEqual(table('client events').filter((e) => !asked.includes(`'${e}'`)), ['auth:refresh'], 'and every client event but the one without a function')
})

test('the first test of docs/testing.md passes, and leaves nothing', async () => {
  await w.sql('create extension pgtap')
  const [, text] = /<!-- first test -->\n```sql\n([^]*?)```/.exec(page('testing.md'))
  assert.ok(text.trimEnd().split('\n').length <= 12, 'ten lines between begin and rollback')
  const results = await w.pool.query(text)
  const tap = results.flatMap((r) => r.rows.flatMap((row) => Object.values(row))).filter((v) => /^(not )?ok/.test(v))
  assert.deepEqual(tap.map((line) => line.slice(0, 5)), ['ok 1 ', 'ok 2 ', 'ok 3 '], tap.join('\n'))
  assert.equal(await w.value("select count(*) from platform.users where name = 'Anna'"), 0)
  const [, grants] = /<!-- run: grants -->\n```sql\n([^]*?)```/.exec(page('testing.md'))
  await w.sql(grants.replaceAll('tester', w.role('nobody')))
  await w.sqlAs('nobody', 'select rt_test.published()')
  await w.sql(grants.replaceAll('tester', w.role('nobody')).replaceAll('grant ', 'revoke ').replaceAll(' to ', ' from '))
})

test('nobody may call it who was not granted it', async () => {
  for (const role of ['edge', 'service', 'operator', 'nobody']) {
    await assert.rejects(w.sqlAs(role, 'select rt_test.published()'), { code: '42501' }, role)
  }
})
