// What operators see and do from anywhere that reaches the database, on all edges (docs/operating.md).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { TRANSPORTS } from './lib/client.mjs'
import { BIN, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const [one, two] = [await w.edge({ BELLWIRE_NAME: 'one' }), await w.edge({ BELLWIRE_NAME: 'two' })]

// A session of an operator, which lives as long as the file.
const operator = new pg.Client({ connectionString: w.url(w.role('operator'), 'bellwire-test') })
operator.on('error', () => {}) // its database goes first
await operator.connect()
after(() => operator.end())
const rows = async (text, values) => (await operator.query(text, values)).rows

// What each edge answers to a question: rows of rt.answers, by the edge's name.
async function ask(question, values = [], wait = '8 s') {
  const [{ ask: id }] = await rows(`select ${question} as ask`, values)
  return Object.fromEntries((await rows('select * from rt.answers($1, $2)', [id, wait])).map((a) => [a.name, a]))
}
const sockets = async (...about) => Object.fromEntries(Object.entries(await ask(...about)).map(([name, a]) => [name, a.body?.sockets]))
const ids = (list) => list.map((s) => s.socket_id).sort()

test('what runs: both edges, with their pumps and sockets', async () => {
  const c = await w.connect(await w.user(), { edge: one })
  const answers = await ask('rt.ask_edges()')
  assert.deepEqual(Object.keys(answers), ['one', 'two'])
  for (const a of Object.values(answers)) {
    assert.equal(a.problem, null)
    assert.match(a.body.pump, /^(busy|drain|asleep)$/)
    for (const key of ['lag_ms', 'users', 'websockets', 'sessions', 'rooms', 'waiting_events', 'rows_per_s', 'events_in_per_s', 'packets_out_per_s']) assert.equal(typeof a.body[key], 'number', key)
    assert.ok(Date.parse(a.body.started_at) > Date.now() - 600000)
  }
  assert.deepEqual([answers.one.body.sockets, answers.two.body.sockets], [1, 0])
  c.close()
})

for (const transport of Object.keys(TRANSPORTS)) {
  test(`${transport}: the sockets of a user, on both edges`, async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const [a, b] = [await w.connect(ann, { edge: one, transport }), await w.connect(ann, { edge: two, transport })]
    await w.connect(bob, { edge: two })
    await a.ask('chat:join', { chat_id: chat.id })
    await w.message(chat, bob)
    await until(async () => (await sockets('rt.ask_sockets($1)', [ann.id])).one[0].confirmed_at, 'the message is confirmed')
    const found = await sockets('rt.ask_sockets($1)', [ann.id])
    assert.deepEqual([ids(found.one), ids(found.two)], [[a.id], [b.id]])
    const s = found.one[0]
    assert.deepEqual([s.user_id, s.state, s.transport, s.peer, s.recovery, s.unconfirmed], [ann.id, 'open', transport === 'polling' ? 'polling' : 'websocket', '127.0.0.1', false, 0])
    assert.deepEqual([s.rooms.sort(), s.nrooms], [[`chat:${chat.id}`, `participants:${chat.id}`], 2])
    assert.ok(Date.parse(s.since) > Date.now() - 60000 && Date.parse(s.confirmed_at) > Date.parse(s.since) - 1000) // whole seconds
    assert.equal(typeof s.queued_bytes, 'number')
    // what is queued is of the moment
    const still = (list) => list.map(({ queued_bytes, ...rest }) => rest)
    const other = await sockets('rt.ask_sockets(p_socket => $1)', [b.id])
    assert.deepEqual([other.one, still(other.two)], [[], still(found.two)])
    assert.deepEqual(ids((await sockets('rt.ask_sockets(p_room => $1)', [`participants:${chat.id}`])).two).length, 2)
  })
}

test('a user who has no socket, and names of any kind', async () => {
  const nobody = await w.user()
  assert.deepEqual(await sockets('rt.ask_sockets($1)', [nobody.id]), { one: [], two: [] })
  for (const name of [`it's "so" \\ \\n`, '🎉 комната', "'; drop table x; --", '{"a": 1}', 'x'.repeat(1024), '"'.repeat(1024)]) {
    assert.deepEqual(await sockets('rt.ask_sockets(p_room => $1)', [name]), { one: [], two: [] }, name)
  }
})

test('rooms with sizes, the largest first; ten thousand of them: some, and that there are more', async () => {
  const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
  await w.sql(`with c as (insert into platform.chats (id) select gen_random_uuid() from generate_series(1, 10000) returning id)
    insert into platform.chat_participants (chat_id, user_id) select id, $1 from c`, [ann.id])
  const chat = await w.chat(ann, bob, eve)
  const all = [await w.connect(ann, { edge: one }), await w.connect(bob, { edge: one }), await w.connect(eve, { edge: one }), await w.connect(bob, { edge: two })]
  const { one: here, two: there } = await ask('rt.ask_rooms($1, 5)', ['participants:'])
  assert.equal(here.more, true)
  assert.deepEqual([here.body.rooms.length, here.body.rooms[0]], [5, { room: `participants:${chat.id}`, sockets: 3 }])
  assert.ok(here.body.rooms_here >= 10001)
  assert.ok(there.body.rooms.some((r) => r.room === `participants:${chat.id}`))
  const { one: thousand } = await ask('rt.ask_rooms($1, 1000)', ['participants:'])
  assert.equal(thousand.body.rooms.length, 1000)
  const { one: exact } = await ask('rt.ask_rooms($1)', [`participants:${chat.id}`])
  assert.deepEqual([exact.more, exact.body.rooms], [false, [{ room: `participants:${chat.id}`, sockets: 3 }]])
  // her socket is in more rooms than an answer names
  const found = (await sockets('rt.ask_sockets($1)', [ann.id])).one[0]
  assert.deepEqual([found.rooms.length, found.nrooms], [50, 10001])
  for (const c of all) c.close()
})

test('more sockets than were asked for', async () => {
  const ann = await w.user()
  for (let i = 0; i < 4; i++) await w.connect(ann, { edge: one })
  const { one: few } = await ask('rt.ask_sockets($1, p_limit => 3)', [ann.id])
  assert.deepEqual([few.body.sockets.length, few.more], [3, true])
  const { one: all } = await ask('rt.ask_sockets($1, p_limit => 4)', [ann.id])
  assert.deepEqual([all.body.sockets.length, all.more], [4, false])
})

describe('ending sockets', () => {
  // The client is told why, once, by what every client shows already; it is never told that its token is bad.
  async function told(c, reason) {
    assert.equal(await c.down(), 'io server disconnect')
    const [e, ...more] = c.heard('error', ({ code }) => code !== 'UNAVAILABLE') // a busy database, before it was let in
    assert.deepEqual([e.code, e.message, more, 'event' in e], ['FORBIDDEN', reason, [], false])
  }

  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: a user, on both edges`, async () => {
      const [ann, bob] = await w.users('Анна', 'Борис')
      const mine = [await w.connect(ann, { edge: one, transport }), await w.connect(ann, { edge: two, transport })]
      const other = await w.connect(bob, { edge: one, transport })
      const answers = await ask('rt.kick($1, p_reason => $2)', [ann.id, 'Wartung 🔧, "gleich" zurück'])
      assert.deepEqual([answers.one.body, answers.two.body], [{ ended: 1 }, { ended: 1 }])
      for (const c of mine) await told(c, 'Wartung 🔧, "gleich" zurück')
      await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [ann.id]) === 0, 'their rows are gone')
      assert.deepEqual((await other.barrier()).ends, [])
    })
  }

  test('one socket', async () => {
    const ann = await w.user()
    const [a, b] = [await w.connect(ann, { edge: one }), await w.connect(ann, { edge: one })]
    const { id } = a
    assert.equal((await ask('rt.kick(p_socket => $1)', [id])).one.body.ended, 1)
    await told(a, 'Disconnected by an operator')
    assert.deepEqual((await b.barrier()).ends, [])
    assert.equal((await ask('rt.kick(p_socket => $1)', [id])).one.body.ended, 0)
  })

  test('a room of more sockets than a turn ends', async () => {
    const people = await w.users(...Array.from({ length: 5 }, (_, i) => `u${i}`))
    const chat = await w.chat(...people)
    const crowd = await Promise.all(Array.from({ length: 230 }, (_, i) => w.connect(people[i % 5], { edge: one })))
    const [away] = [await w.connect(await w.user(), { edge: one })]
    assert.equal((await ask('rt.kick(p_room => $1, p_reason => $2)', [`participants:${chat.id}`, 'x'])).one.body.ended, 230)
    for (const c of crowd) await told(c, 'x')
    assert.deepEqual((await away.barrier()).ends, [])
  })

  test('whoever was ended may connect again when it wants to', async () => {
    const ann = await w.user()
    const c = await w.connect(ann, { edge: one })
    await ask('rt.kick($1)', [ann.id])
    await told(c, 'Disconnected by an operator')
    c.socket.connect()
    await c.hear('connected', undefined, 2)
  })
})

test('an event of an operator', async () => {
  const ann = await w.user()
  const c = await w.connect(ann, { edge: two })
  await rows('select rt.emit(array[$1], $2, $3)', [`user:${ann.id}`, 'ops:hello', { text: 'hi' }])
  assert.deepEqual(await c.hear('ops:hello'), { text: 'hi' })
  const last = await rows('select event, rooms, data from rt.events(p_user => $1, p_event => $2, p_bodies => true) where id is not null', [ann.id, 'ops:hello'])
  assert.deepEqual(last, [{ event: 'ops:hello', rooms: [`user:${ann.id}`], data: { text: 'hi' } }])
})

test('hundreds of questions at once: as many as may be are asked, events go on, and then all is as before', async () => {
  const ann = await w.user()
  const c = await w.connect(ann, { edge: one })
  const refused = {}
  const crowd = await Promise.all(Array.from({ length: 8 }, async () => {
    const o = new pg.Client({ connectionString: w.url(w.role('operator'), 'bellwire-test') })
    await o.connect()
    return o
  }))
  let n = 0
  const flood = Promise.all(crowd.map(async (o) => {
    for (let i = 0; i < 60; i++) await o.query('select rt.ask_rooms(p_limit => 1000)').then(() => { n++ }, (e) => { refused[e.code] = (refused[e.code] ?? 0) + 1 })
  }))
  for (let i = 0; i < 20; i++) {
    await rows('select rt.emit(array[$1], $2, $3)', [`user:${ann.id}`, 'ops:n', { i }])
    await c.hear('ops:n', { i })
  }
  await flood
  for (const o of crowd) await o.end()
  assert.deepEqual(Object.keys(refused), ['RT429'])
  assert.ok(n >= 20 && n + refused.RT429 === 480, `${n} were asked`)
  await w.sql('delete from bellwire.asks') // five seconds pass
  assert.ok((await ask('rt.ask_edges()')).one.answered)
  c.close()
})

// ---- commands ----

// Runs the program as an operator would: { code, out, err }.
function start(args, env = {}) {
  const child = spawn(BIN, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', OPERATOR_DATABASE_URL: w.url(w.role('operator'), 'bellwire-test'), ...env } })
  const p = { child, out: '', err: '' }
  child.stdout.on('data', (d) => { p.out += d })
  child.stderr.on('data', (d) => { p.err += d })
  p.gone = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code: signal ?? code, out: p.out, err: p.err })))
  return p
}
const command = (args, env) => start(args, env).gone

test('bellwire sockets, rooms: tables of both edges, and what programs read', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const all = [await w.connect(ann, { edge: one }), await w.connect(ann, { edge: two, transport: 'polling' }), await w.connect(bob, { edge: one })]
  const table = await command(['sockets', '--user', ann.id])
  assert.deepEqual([table.code, table.err], [0, ''])
  const lines = table.out.trimEnd().split('\n')
  assert.match(lines[0], /^edge +user +socket +state +transport +since +confirmed +waiting +queued +rooms$/)
  assert.match(lines[1], new RegExp(`^one +${ann.id} +${all[0].id} +open +websocket +20\\S+Z +\\S+ +\\d+ +\\d+ +1: participants:${chat.id}$`))
  assert.match(lines[2], new RegExp(`^two +${ann.id} +${all[1].id} +open +polling `))
  assert.equal(lines.length, 3)
  const json = JSON.parse((await command(['sockets', '--user', ann.id, '--json'])).out)
  assert.deepEqual(json.map((a) => [a.name, a.answered, ids(a.body.sockets)]), [['one', true, [all[0].id]], ['two', true, [all[1].id]]])
  const rooms = await command(['rooms', '--prefix', `participants:${chat.id}`])
  assert.match(rooms.out, new RegExp(`^room +sockets  edges\\nparticipants:${chat.id}  3 +one two\\n$`))
  assert.match((await command(['sockets', '--room', `participants:${chat.id}`, '--limit', '1'])).out, /^one +\.\.\. +more than --limit/m)
  for (const c of all) c.close()
})

test('bellwire kick, emit', async () => {
  const ann = await w.user()
  const c = await w.connect(ann, { edge: two })
  assert.deepEqual(await command(['emit', '--user', ann.id, 'ops:hi', '{"text": "Привет \\"du\\""}']), { code: 0, out: '', err: '' })
  assert.deepEqual(await c.hear('ops:hi'), { text: 'Привет "du"' })
  const kicked = await command(['kick', '--user', ann.id, '--reason', 'Wartung'])
  assert.deepEqual([kicked.code, kicked.out.trimEnd().split(/\s+/), kicked.err], [0, ['edge', 'ended', 'one', '0', 'two', '1'], ''])
  assert.equal(await c.down(), 'io server disconnect')
  assert.equal((await c.hear('error')).message, 'Wartung')
})

test('bellwire tail: what is written, as it becomes visible; bodies only where they are asked for', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const tails = [start(['tail', '--user', ann.id]), start(['tail', '--user', ann.id, '--json', '--bodies']), start(['tail', '--room', `user:${bob.id}`, '--event', 'ops:b']), start(['tail', '--last', '2', '--event', 'ops:before'])]
  await rows('select rt.emit(array[$1], $2, $3)', [`user:${bob.id}`, 'ops:other', {}])
  let n = 0
  await until(async () => { // until each of them looks
    await rows('select rt.emit(array[$1, $2], $3, $4)', [`user:${ann.id}`, `user:${bob.id}`, 'ops:b', { secret: 'a\u009b[31mb', n: n++ }])
    return tails.slice(0, 3).every((t) => t.out.includes('ops:b'))
  }, () => `all three hear: ${tails.map((t) => t.out + t.err)}`)
  assert.match(tails[0].out, new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}  \\d+  ops:b  user:${ann.id} user:${bob.id}  \\d+ bytes\\n`))
  const row = JSON.parse(tails[1].out.split('\n')[0])
  assert.deepEqual([row.event, row.rooms, row.data.secret], ['ops:b', [`user:${ann.id}`, `user:${bob.id}`], 'a\u009b[31mb'])
  assert.doesNotMatch(tails.map((t) => t.out).join(''), /ops:other/)
  assert.doesNotMatch(tails[0].out + tails[2].out, /secret/)
  for (const t of tails) t.child.kill()
  for (const t of tails) assert.equal((await t.gone).code, 'SIGTERM')
  // bytes that a terminal would obey are not written to it
  const last = start(['tail', '--event', 'ops:b', '--last', '1', '--bodies'])
  await until(() => last.out.includes('secret'), 'the last one')
  assert.match(last.out, /"a\?\[31mb"/)
  last.child.kill()
  await last.gone
})

test('bellwire top: a screen of 80 by 24 that is left as it was, and once for scripts', async () => {
  const once = await command(['top', '--once'])
  assert.equal(once.code, 0)
  assert.match(once.out, /^bellwire \d\d:\d\d:\d\d  edges \d+ \(\d+ without an answer\)  sockets \d+  users \d+\n\nedge +pump +lag_ms +sockets +users +rooms +rows\/s +in\/s +out\/s +waiting +version\n/)
  assert.match(once.out, /^one +(busy|drain|asleep) /m)
  assert.match(once.out, /^room +sockets  edges$/m)
  const answers = JSON.parse((await command(['top', '--json'])).out)
  assert.ok(answers.some((a) => a.name === 'one' && a.body.sockets >= 0))
  assert.deepEqual((await command(['top'])).code, 2)
  const top = async (end) => {
    const screen = spawn('script', ['-qefc', `stty rows 24 cols 80; exec ${BIN} top`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, OPERATOR_DATABASE_URL: w.url(w.role('operator'), 'bellwire-test') } })
    let out = ''
    screen.stdout.on('data', (d) => { out += d })
    const gone = new Promise((resolve) => screen.on('close', resolve))
    await until(() => /edges \d/.test(out), () => `a frame: ${out}`)
    await end(screen)
    return [await gone, out]
  }
  const [code, out] = await top((screen) => screen.stdin.write('q'))
  const [failed, lost] = await top(() => until(async () => {
    await w.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = $1 and query ~ 'rt.answers' and application_name ~ '^bellwire'", [w.role('operator')])
    return w.value("select count(*) = 0 from pg_stat_activity where datname = current_database() and usename = $1 and application_name ~ '^bellwire'", [w.role('operator')])
  }, 'its session has ended'))
  assert.equal(code, 0)
  // what is wrong stands on the terminal that the screen has given back
  assert.match(lost, /\x1b\[\?1049lbellwire: [^\n]*terminating connection[^\n]*\n$/)
  assert.equal(failed, 1)
  assert.ok(out.startsWith('\x1b[?1049h\x1b[?25l') && out.endsWith('\x1b[?25h\x1b[?1049l'), JSON.stringify(out))
  const frame = out.slice(out.indexOf('\x1b[H') + 3).split('\x1b[J')[0].replaceAll('\x1b[K', '').split('\r\n')
  assert.ok(frame.length > 5 && frame.length <= 24 && frame.every((l) => [...l].length <= 80), JSON.stringify(frame))
})

test('exit codes: 1 where it failed or an edge did not answer, 2 where it was called wrongly', async () => {
  for (const args of [['kick'], ['kick', '--user', 'x', '--room', 'y'], ['emit', '--everyone', 'e'], ['emit', 'e', '{}'], ['tail', 'x'], ['rooms', '--nonsense']]) {
    const { code, out, err } = await command(args)
    assert.deepEqual([code, out], [2, ''], `${args}`)
    assert.match(err, /--help` shows what there is/)
  }
  for (const verb of ['sockets', 'rooms', 'kick', 'emit', 'tail', 'why', 'top']) {
    const { code, out } = await command([verb, '--help'])
    assert.equal(code, 0)
    assert.match(out, new RegExp(`\\nExample: bellwire ${verb} [^]*OPERATOR_DATABASE_URL`))
  }
  // nobody of that name is no failure, and edges run
  for (const args of [['sockets', '--user', randomUUID()], ['rooms', '--prefix', 'none:']])
    assert.deepEqual(((r) => [r.code, r.err, r.out.split('\n').length])(await command(args)), [0, '', 2], `${args}`)
  const failures = [[['sockets', '--user', 'nobody'], /^bellwire: invalid input syntax for type uuid: "nobody"\n$/], [['rooms', '--limit', '0'], /^bellwire: limit: a number from 1 to 1000\n$/],
    [['emit', '--everyone', 'e', 'x'], /invalid input syntax for type json/], [['emit', '--everyone', 'error', '{}'], /"error" cannot be sent/], [['kick', '--room', 'r', '--reason', 'Invalid token'], /not "Invalid token"/]]
  for (const [args, what] of failures) {
    const { code, out, err } = await command(args)
    assert.deepEqual([code, out], [1, ''], `${args}`)
    assert.match(err, what)
  }
  const denied = await command(['sockets'], { OPERATOR_DATABASE_URL: w.edgeUrl() })
  assert.deepEqual([denied.code, /is no member of bellwire_operator/.test(denied.err)], [1, true], denied.err)
  assert.match((await command(['rooms'], { OPERATOR_DATABASE_URL: '' })).err, /DATABASE_URL is not set/)
  const hung = await w.edge({ BELLWIRE_NAME: 'hung' })
  hung.signal('SIGSTOP')
  const partly = await command(['sockets', '--json'])
  hung.signal('SIGCONT')
  assert.equal(partly.code, 1)
  assert.match(partly.err, /^bellwire: edge hung did not answer, last seen 20/m)
  assert.ok(JSON.parse(partly.out).length >= 3)
  await hung.stop()
})

test('an edge that hangs, and one that is dead, are named within the time that was given', async () => {
  const nobody = await w.user()
  const [hung, dead] = [await w.edge({ BELLWIRE_NAME: 'hung' }), await w.edge({ BELLWIRE_NAME: 'dead' })]
  hung.signal('SIGSTOP')
  await dead.kill()
  // the page waits for those that live, for two seconds
  const page = one.admin(`/page/user?id=${nobody.id}`).then((r) => r.json())
  const began = Date.now()
  const answers = await ask('rt.ask_edges()', [], '500 ms')
  assert.ok(Date.now() - began < 20000)
  assert.deepEqual(Object.values(answers).map((a) => [a.name, a.answered]), [['dead', false], ['hung', false], ['one', true], ['two', true]])
  assert.match(answers.hung.problem, /^did not answer, last seen 20/)
  await until(async () => /^did not answer: its session is gone, last seen 20/.test((await ask('rt.ask_edges()', [], '0')).dead.problem), 'its session is gone')
  assert.deepEqual((await page).answers.map((a) => [a.name, a.answered, a.problem === null]),
    [['dead', false, false], ['hung', false, false], ['one', true, true], ['two', true, true]])
  hung.signal('SIGCONT')
  await until(async () => (await ask('rt.ask_edges()', [], '1 s')).hung.answered, 'it answers again')
  await hung.stop()
  assert.deepEqual(((r) => [r.code, /^dead {2}did not answer: its session is gone/m.test(r.out)])(await command(['top', '--once'])), [1, true])
})

test('where no edge runs it is said, and is a failure', async () => {
  await Promise.all([one.stop(), two.stop()])
  await w.sql('delete from bellwire.edges') // the dead one has a lease
  for (const args of [['sockets'], ['rooms'], ['rooms', '--json'], ['kick', '--socket', 'x'], ['top', '--json']])
    assert.deepEqual(((r) => [r.code, r.err])(await command(args)), [1, 'bellwire: no edge runs\n'], `${args}`)
  assert.equal((await command(['top', '--once'])).code, 1)
})
