// docs/metrics.md: every metric moves when the thing it counts happens, and docs/metrics.md says which labels there are.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import WebSocket from 'ws'
import { fails } from './lib/client.mjs'
import { seconds, sign, token, until, world } from './lib/world.mjs'

const path = (p) => fileURLToPath(new URL(`../../${p}`, import.meta.url))
const w = await world(import.meta.url)
const edge = await w.edge()

// ---- reading ----

// name{label="value"} -> number
async function series(e = edge) {
  const all = new Map()
  for (const line of (await (await e.admin('/metrics')).text()).split('\n')) {
    if (!line || line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    all.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return all
}

const value = async (name, e = edge) => {
  const v = (await series(e)).get(name)
  assert.ok(v !== undefined, `${name} is there`)
  return v
}

// Runs fn and answers how far each of the counters went, once cond of those differences holds.
async function moved(names, fn, cond = (...d) => d.every((x) => x >= 1), e = edge) {
  const before = await series(e)
  await fn()
  let d
  await until(async () => {
    const now = await series(e)
    d = names.map((n) => (now.get(n) ?? 0) - (before.get(n) ?? 0))
    return cond(...d)
  }, () => `${names} moved by ${d}`)
  return d
}

const is = (name, wanted, e = edge) => {
  let v
  const good = typeof wanted === 'function' ? wanted : (x) => x === wanted
  return until(async () => good(v = await value(name, e)), () => `${name}: ${v}, wanted ${wanted}`).then(() => v)
}

// A session without a client library: says hello and then only what it is told to say.
async function raw(user, e = edge) {
  const ws = new WebSocket(`${e.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
  const heard = []
  ws.on('message', (m) => heard.push(String(m)))
  ws.on('error', () => {})
  ws.gone = new Promise((resolve) => ws.on('close', resolve))
  await until(() => heard.some((m) => m.startsWith('0')), 'the handshake')
  ws.send(`40${JSON.stringify({ token: token(user) })}`)
  await until(() => heard.some((m) => m.includes('sync:required')), 'connected')
  return ws
}

const get = (query, options = {}) => fetch(`${edge.url}/socket.io/?${query}`, options)

// A client event of SQL alone.
async function event(name, body) {
  await w.sql(`create function rt.${name.replaceAll(':', '_')}(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as $$ begin ${body} end $$`)
  await w.sql("insert into bellwire.routes (event, function, rate_class, rate_per_s, rate_burst) values ($1, $2, 'test', 1000, 1000)", [name, `rt.${name.replaceAll(':', '_')}`])
}
await event('test:sleep', "perform pg_sleep((p_payload ->> 's')::float8); return '{}';")
await event('test:fail', "raise exception 'a bug'; return '{}';")
await event('test:busy', "raise exception 'later' using errcode = 'RT503'; return '{}';")
edge.expected.push(/event function failed.*test:fail/)

async function pair(options) {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const [a, b] = await Promise.all([w.connect(ann, { edge, ...options }), w.connect(bob, { edge, ...options })])
  return { ann, bob, chat, a, b, text: { chat_id: chat.id, type: 'text', content: 'x' } }
}

// Another session of the superuser's.
async function session(fn) {
  const c = new pg.Client(w.url())
  c.on('error', () => {})
  await c.connect()
  try { return await fn(c) } finally { await c.end() }
}

// ---- the page ----

describe('the page', () => {
  test('promtool finds nothing to complain about', async () => {
    const input = await (await edge.admin('/metrics')).text() // first: a connection that is kept does not outlive what is unpacked below
    const promtool = execFileSync(path('tests/env/tools'), ['promtool'], { encoding: 'utf8' }).trim()
    const p = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' })
    assert.deepEqual([p.status, p.stderr, p.stdout], [0, '', ''])
  })

  test('it has the metrics of docs/metrics.md, with its labels and no others', async () => {
    const doc = readFileSync(path('docs/metrics.md'), 'utf8')
    const rows = [...doc.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \|/gm)].map((m) => [m[1], m[2]])
    const labels = new Map()
    let last
    for (const [, name, label] of doc.split('## Labels')[1].matchAll(/^\| (?:`([a-z_]+)`)? *\| `([a-z_]+)` \|/gm)) {
      last = name ?? last
      labels.set(last, [...(labels.get(last) ?? []), label])
    }
    const seen = new Map()
    for (const s of (await series()).keys()) {
      const [, name, text] = /^([a-z_]+?)(?:\{(.*)\})?$/.exec(s)
      const base = rows.find(([n, type]) => n === name || (type === 'histogram' && [`${n}_bucket`, `${n}_sum`, `${n}_count`].includes(name)))?.[0]
      assert.ok(base, `${name} is documented`)
      const names = [...(text ?? '').matchAll(/([a-z_]+)="/g)].map((m) => m[1]).filter((l) => l !== 'le')
      seen.set(base, names)
      assert.deepEqual(names, labels.get(base) ?? [], `labels of ${name}`)
    }
    assert.deepEqual([...seen.keys()].sort(), rows.map(([n]) => n).sort())
  })
})

// ---- clients: exact figures, on an edge of its own ----

test('connections, sessions, sockets, users, rooms', async () => {
  const other = await w.edge({ BELLWIRE_MAX_CONNECTIONS: '10', BELLWIRE_MAX_SESSIONS_PER_ADDRESS: '3' })
  assert.deepEqual([await value('bellwire_connections_limit', other), await value('bellwire_connections', other)], [10, 0])
  const [ann, bob] = await w.users('Анна', 'Борис')
  await w.chat(ann, bob)
  const a = await w.connect(ann, { edge: other })
  const a2 = await w.connect(ann, { edge: other, transport: 'upgrade' })
  const b = await w.connect(bob, { edge: other, transport: 'polling' })
  await is('bellwire_sockets', 3, other)
  await is('bellwire_sessions{transport="websocket"}', 2, other)
  await is('bellwire_sessions{transport="polling"}', 1, other)
  await is('bellwire_users', 2, other)
  await is('bellwire_rooms', 1, other) // the chat's participants
  assert.equal(await value('bellwire_room_members', other), 3)
  assert.equal(await value('bellwire_sessions_opened_total', other), 3)
  assert.equal(await value('bellwire_upgrades_total', other), 1)
  assert.ok(await value('bellwire_connections', other) >= 2)
  assert.ok([...await series(other)].some(([name, v]) => /^bellwire_build_info\{version="\d+\.\d+\.\d+"\}$/.test(name) && v === 1))
  // one session too many for an address
  await moved(['bellwire_handshakes_refused_total{code="4"}'], () => fetch(`${other.url}/socket.io/?EIO=4&transport=polling`).then((r) => r.text()), undefined, other)
  // one connection too many for the edge
  const holes = []
  await moved(['bellwire_connections_closed_total{reason="limit"}'], async () => { for (let i = 0; i < 12; i++) holes.push(connect(other.port, '127.0.0.1').on('error', () => {})) }, undefined, other)
  for (const s of holes) s.destroy()
  await moved(['bellwire_disconnects_total{reason="client_left"}'], () => { for (const c of [a, a2, b]) c.close() }, (d) => d === 3, other)
  for (const n of ['bellwire_sockets', 'bellwire_users', 'bellwire_rooms', 'bellwire_room_members', 'bellwire_sessions{transport="websocket"}', 'bellwire_sessions{transport="polling"}']) await is(n, 0, other)
  const c = await w.connect(ann, { edge: other })
  const lost = ['bellwire_disconnects_total', 'bellwire_sessions_closed_total', 'bellwire_connections_closed_total'].map((n) => `${n}{reason="peer"}`)
  await c.barrier() // unread bytes make the end a reset
  await moved(lost, () => c.drop(), undefined, other)
  await other.stop()
})

test('reasons of sync:required', async () => {
  const { ann, a } = await pair()
  const name = (r) => `bellwire_connects_total{reason="${r}"}`
  await moved([name('connection_established')], async () => (await w.connect(await w.user(), { edge })).close())
  await moved([name('token_refresh')], () => a.ask('auth:refresh', { token: token(ann) }), (d) => d === 1)
  const user = await w.user()
  const c = await w.connect(user, { edge })
  await moved([name('reconnection')], async () => {
    c.drop()
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [user.id]) === 0, 'gone')
    await w.connect(user, { edge })
  }, (d) => d === 1)
})

test('recoveries', async () => {
  const user = await w.user()
  const c = await w.connect(user, { edge, auth: { token: token(user), recovery: true } })
  await c.barrier()
  await until(() => c.events.at(-1).event === '$o', 'an offset')
  const again = async (auth) => {
    const n = c.heard('connected').length
    c.drop()
    await until(() => c.socket.disconnected, 'lost')
    Object.assign(c.socket.auth, auth)
    c.socket.connect()
    await c.hear('connected', undefined, n + 1)
  }
  const name = (outcome) => `bellwire_recoveries_total{outcome="${outcome}"}`
  await moved([name('recovered'), name('refused'), 'bellwire_recovered_events_total'], async () => {
    const back = again()
    await w.notify(user)
    await back
  }, (yes, no, events) => yes === 1 && no === 0 && events >= 1)
  await moved([name('recovered'), name('refused')], () => again({ offset: 'forged' }), (yes, no) => yes === 0 && no === 1)
})

test('tokens refused, by cause', async () => {
  const user = await w.user()
  const head = { alg: 'HS256', typ: 'JWT' }
  const good = { sub: user.id, exp: seconds() + 60 }
  const bad = {
    malformed: 'no token', algorithm: sign({ alg: 'HS512' }, good), signature: sign(head, good, 'another secret that is long enough'), expired: token(user, { exp: seconds() - 9 }),
    not_yet: token(user, { nbf: seconds() + 600 }), no_subject: sign(head, { exp: seconds() + 60 }), no_exp: token(user, { exp: undefined }), user: token('11111111-2222-4333-8444-555555555555'),
  }
  for (const [cause, t] of Object.entries(bad)) {
    const c = w.client(null, { edge, auth: { token: t } })
    await moved([`bellwire_tokens_refused_total{cause="${cause}"}`, 'bellwire_errors_total{code="UNAUTHORIZED"}', 'websocket_messages_total{event="error",status="ok"}'], () => c.down())
  }
})

test('handshakes refused, by code', async () => {
  const bad = { 0: ['EIO=4&transport=pigeon'], 1: ['EIO=4&transport=polling&sid=nosuchsessionatall00'], 2: ['EIO=4&transport=polling', { method: 'POST', body: 'x' }],
    3: ['EIO=4&transport=websocket'], 5: ['EIO=3&transport=polling'] }
  for (const [code, args] of Object.entries(bad)) await moved([`bellwire_handshakes_refused_total{code="${code}"}`], () => get(...args).then((r) => r.text()), (d) => d === 1)
})

// ---- messages ----

test('messages by event and status, latency, confirmation, answers', async () => {
  const { chat, ann, a, b, text } = await pair()
  await Promise.all([a.barrier(), b.barrier()])
  const names = ['websocket_messages_total{event="chat:message:send",status="ok"}', 'websocket_messages_total{event="chat:message:new",status="ok"}', 'websocket_message_latency_seconds_count',
    'bellwire_confirmed_latency_seconds_count', 'bellwire_ack_seconds_count', 'websocket_messages_total{event="chat:message:delivered",status="ok"}']
  const before = await series()
  const d = await moved(names, async () => {
    assert.equal((await a.ask('chat:message:send', text)).status, 'sent')
    await a.hear('chat:message:delivered')
  }, (...x) => x[3] >= 1 && x[5] === 1 && x[2] >= 3)
  assert.deepEqual([d[0], d[1], d[4]], [1, 2, 1])
  const after = await series()
  for (const h of ['websocket_message_latency_seconds', 'bellwire_confirmed_latency_seconds', 'bellwire_ack_seconds']) {
    const sum = after.get(`${h}_sum`) - before.get(`${h}_sum`)
    assert.ok(sum > 0.0001 && sum < 10, `${h}: ${sum}`)
    // the specification's bounds, and finer ones; they only grow, up to the count
    const buckets = [...after].filter(([k]) => k.startsWith(`${h}_bucket`)).map(([k, v]) => [/le="(.*)"/.exec(k)[1], v])
    for (const le of ['0.001', '0.01', '0.1', '0.5', '1', '2', '5', '+Inf']) assert.ok(buckets.some(([x]) => x === le), `${h} has ${le}`)
    assert.deepEqual(buckets.map(([, v]) => v), buckets.map(([, v]) => v).sort((x, y) => x - y))
    assert.equal(buckets.at(-1)[1], after.get(`${h}_count`))
  }
  await moved(['websocket_messages_total{event="chat:message:send",status="error"}'], () => a.ask('chat:message:send', {}), (n) => n === 1)
  await moved(['websocket_messages_total{event="other",status="error"}'], () => a.ask('no:such:event', {}), (n) => n === 1)
  await moved(['websocket_messages_total{event="other",status="ok"}'], () => a.barrier(), (n) => n === 1)
  // a row that was written 0.4 s before its transaction ended has been on its way for so long
  const slow = await series()
  await w.transaction(async (sql) => {
    await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'slow')", [chat.id, ann.id])
    await sql('select pg_sleep(0.4)')
  })
  await b.hear('chat:message:new', { content: 'slow' })
  await until(async () => (await series()).get('websocket_message_latency_seconds_sum') - slow.get('websocket_message_latency_seconds_sum') > 0.8, 'two deliveries, 0.4 s each')
})

test('errors by code', async () => {
  const { a, ann, text } = await pair()
  const stranger = await w.chat(await w.user())
  const cause = {
    INVALID_DATA: ['chat:join', {}], FORBIDDEN: ['chat:join', { chat_id: stranger.id }], CHAT_NOT_FOUND: ['chat:join', { chat_id: ann.id }],
    MESSAGE_TOO_LARGE: ['chat:message:send', { ...text, content: 'x'.repeat(20000) }], UNAVAILABLE: ['test:busy', {}], INTERNAL: ['test:fail', {}],
  }
  for (const [code, [name, payload]] of Object.entries(cause)) await moved([`bellwire_errors_total{code="${code}"}`], async () => assert.equal((await a.ask(name, payload)).code, code), (d) => d === 1)
  await w.sql("update bellwire.routes set rate_per_s = 1, rate_burst = 1 where event = 'chat:leave'")
  await moved(['bellwire_errors_total{code="RATE_LIMIT"}'], () => until(async () => (await a.ask('chat:leave', { chat_id: text.chat_id })).code === 'RATE_LIMIT'))
  await moved(['bellwire_errors_total{code="UNAUTHORIZED"}'], () => fails(a, 'auth:refresh', [{ token: 'x' }], 'UNAUTHORIZED'), (d) => d === 1)
})

test('slow readers: bytes that wait, and the end', async () => {
  assert.equal(await value('bellwire_queue_bytes_limit'), 536870912)
  const user = await w.user()
  const ws = await raw(user)
  ws._socket.pause()
  const big = { x: 'x'.repeat(200000) }
  const emit = () => w.sql("select rt.emit(array['user:' || $1::text], 'test:big', $2)", [user.id, big])
  await moved(['bellwire_sessions_closed_total{reason="slow"}'], async () => {
    // until the kernel's buffers are full
    await until(async () => { await emit(); return await value('bellwire_queue_bytes') > 0 }, 'bytes wait')
    await until(async () => { await emit(); return await value('bellwire_sessions_closed_total{reason="slow"}') > 0 }, 'cut')
  })
  ws.terminate()
  await is('bellwire_queue_bytes', 0)
})

test('fences that would be too many are counted', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const ws = await raw(bob)
  const [d] = await moved(['bellwire_fences_skipped_total'], () => w.sql("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'x' from generate_series(1, 600)", [chat.id, ann.id]),
    (n) => n >= 600 - 512) // the edge reads them in several turns
  assert.equal(d, 600 - 512)
  ws.terminate()
})

test('bytes, writes, processor time, memory, descriptors', async () => {
  const { a } = await pair()
  await moved(['bellwire_bytes_total{direction="in"}', 'bellwire_bytes_total{direction="out"}', 'bellwire_writes_total', 'process_cpu_seconds_total'], async () => {
    for (let i = 0; i < 100; i++) await a.ask('chat:leave', { chat_id: 'none' })
  }, (i, o, n, cpu) => i > 1000 && o > 1000 && n > 99 && cpu > 0)
  const s = await series()
  assert.ok(s.get('process_resident_memory_bytes') > 1e6 && s.get('process_open_fds') > 5 && s.get('process_max_fds') >= s.get('process_open_fds'))
  assert.ok(s.get('bellwire_memory_limit_bytes') > s.get('process_resident_memory_bytes'))
  assert.equal(s.get('bellwire_certificate_end_time_seconds'), 0) // no TLS
  assert.ok(Math.abs(s.get('process_start_time_seconds') - Date.now() / 1000) < 600)
})

test('presence that was superseded', async () => {
  const user = await w.user()
  await moved(['bellwire_presence_coalesced_total'], () => w.sql('select rt_private.presence_publish(array[$1::uuid], n % 2 = 0) from generate_series(1, 6) n', [user.id]), (d) => d >= 4)
})

// ---- the database ----

test('batches, their sizes, what waits, what meets a lock', async () => {
  const { a, text, chat } = await pair()
  const [calls, events, one, many] = ['bellwire_dispatch_batch_size_count', 'bellwire_dispatch_batch_size_sum', 'bellwire_dispatch_batch_size_bucket{le="1"}', 'bellwire_dispatch_batch_size_bucket{le="32"}']
  await moved([calls, events, one, many], () => a.ask('chat:message:send', text), (...d) => d.join() === '1,1,1,1')
  // while one call is out, the rest waits, and goes together
  await moved([calls, events], async () => {
    const sleeping = a.ask('test:sleep', { s: 0.5 })
    const rest = Array.from({ length: 20 }, () => a.ask('test:sleep', { s: 0 }))
    await is('bellwire_database_queue', (n) => n > 0)
    await is('bellwire_waiting_bytes', (n) => n > 0)
    await Promise.all([sleeping, ...rest])
  }, (c, e) => e === 21 && c <= 4)
  await is('bellwire_database_queue', 0)
  await is('bellwire_waiting_bytes', 0)
  await moved(['bellwire_dispatch_deferred_total'], () => session(async (c) => {
    await c.query('begin')
    await c.query('select from platform.chats where id = $1 for update', [chat.id])
    assert.equal((await a.ask('chat:message:send', text)).code, 'UNAVAILABLE')
    await c.query('rollback')
  }))
})

test('links that are lost, calls by outcome, events left open', async () => {
  const { a } = await pair()
  const links = await value('bellwire_database_links')
  assert.ok(links >= 4)
  await moved(['bellwire_database_calls_total{outcome="ok"}'], async () => (await w.connect(await w.user(), { edge })).close())
  await moved(['bellwire_dispatch_uncertain_total', 'bellwire_database_reconnects_total'], async () => {
    const answer = a.ask('test:sleep', { s: 6 })
    await until(() => w.value("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'bellwire_edge' and wait_event = 'PgSleep'"), 'terminated')
    assert.equal((await answer).code, 'UNAVAILABLE')
  })
  await is('bellwire_database_links', links)
  // a table that nobody gets past: calls that are out are given up, calls that wait were never sent
  const impatient = await w.edge({ BELLWIRE_DB_TIMEOUT_MS: '300' })
  const user = await w.user()
  await moved(['bellwire_database_calls_total{outcome="failed"}', 'bellwire_database_calls_total{outcome="uncertain"}'], () => session(async (c) => {
    await c.query('begin')
    await c.query('lock table platform.chats in access exclusive mode')
    const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(`${impatient.url}/api/v2/chats`, { headers: { authorization: `Bearer ${token(user)}` } })))
    assert.deepEqual(new Set(answers.map((r) => r.status)), new Set([503]))
    await c.query('rollback')
  }), (f, u) => f + u >= 8 && f > 0 && u > 0, impatient)
  await is('bellwire_ready', 1, impatient)
  await impatient.stop()
  // Postgres says no to a call that is not an event
  edge.expected.push(/maintain failed|monitor failed/)
  await w.sql('revoke execute on function rt.maintain(uuid, bigint) from bellwire_edge')
  await moved(['bellwire_database_calls_total{outcome="error"}'], () => {})
  await w.sql('grant execute on function rt.maintain(uuid, bigint) to bellwire_edge')
})

test('the pump: reads, rows, bells, states, lag, silence', async () => {
  const { b, chat, ann } = await pair()
  await is('bellwire_pump_state', 3)
  await moved(['bellwire_pump_fetches_total', 'bellwire_pump_rows_total', 'bellwire_pump_bells_total'], () => w.message(chat, ann))
  await is('bellwire_pump_lag_seconds', 0)
  assert.ok(await value('bellwire_pump_last_read_seconds') < 5)
  // writers that take 0.3 s from row to commit, one after the other
  let stop = false
  const writers = Promise.all(Array.from({ length: 8 }, async () => {
    while (!stop) await w.transaction(async (sql) => { await sql("select rt.emit(array[$1], 'test:x', '{}')", [b.id]); await sql('select pg_sleep(0.3)') })
  }))
  await is('bellwire_pump_lag_seconds', (v) => v >= 0.3 && v < 10)
  await is('bellwire_pump_state', (v) => v === 1 || v === 2)
  stop = true
  await writers
  // a read that does not come back
  await session(async (c) => {
    await c.query('begin')
    await c.query('lock table bellwire.outbox in access exclusive mode')
    await is('bellwire_pump_last_read_seconds', (v) => v > 1.5)
    await c.query('rollback')
  })
  await is('bellwire_pump_last_read_seconds', (v) => v < 1.5)
})

test('the outbox, the NOTIFY queue, foreign locks, edges', async () => {
  const { chat, ann } = await pair()
  await w.message(chat, ann)
  await is('bellwire_outbox_rows', (n) => n >= 1)
  const age = await is('bellwire_outbox_oldest_seconds', (n) => n > 0)
  await is('bellwire_outbox_oldest_seconds', (n) => n > age)
  await is('bellwire_foreign_locks', 0)
  await session(async (c) => {
    await c.query('select pg_advisory_lock_shared(rt_private.bell_key())')
    await is('bellwire_foreign_locks', 1)
    await c.query('select pg_advisory_lock(rt_private.alive_class(), 77777)')
    await is('bellwire_foreign_locks', 2)
  })
  await is('bellwire_foreign_locks', 0)
  await session(async (c) => {
    // a listener that sits in a transaction pins the queue
    await c.query('listen test_metrics')
    await c.query('begin')
    await c.query('select 1')
    for (let i = 0; i < 20; i++) await w.sql("select pg_notify('test_metrics', repeat('x', 7000) || n) from generate_series(1, 100) n")
    await is('bellwire_notify_queue_usage', (v) => v > 0.0005 && v < 0.1)
    await c.query('rollback')
  })
  const other = await w.edge()
  await is('bellwire_edges', 2)
  await other.stop()
  await is('bellwire_edges', 1)
})

test('a gap and another epoch', async () => {
  const { b } = await pair()
  const dropped = await w.value('select pg_current_snapshot()::text')
  await moved(['bellwire_pump_gaps_total'], async () => {
    await session(async (c) => {
      await c.query('begin')
      await c.query('lock table bellwire.outbox in access exclusive mode') // the pump's cursor stays where it is
      for (let i = 0; i < 3; i++) await w.value('select pg_current_xact_id()::text')
      await w.sql('update bellwire.outbox_state set dropped = pg_current_snapshot()')
      await c.query('commit')
    })
  })
  await b.hear('sync:required', undefined, 2)
  await w.sql('update bellwire.outbox_state set dropped = $1', [dropped])
  // as after a crash of Postgres: the unlogged table is empty, and sessions end
  await moved(['bellwire_pump_epochs_total'], async () => {
    await w.sql('delete from bellwire.epoch')
    await w.endPumps()
  }, (d) => d === 1)
})

test('away and back: readiness', async () => {
  assert.deepEqual([await value('bellwire_ready'), await value('bellwire_database_up')], [1, 1])
  edge.expected.push(/ error /)
  const admin = new pg.Client(process.env.BELLWIRE_TEST_PG)
  await admin.connect()
  await moved(['bellwire_database_reconnects_total'], async () => {
    await admin.query(`alter database ${w.database} allow_connections false`)
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'bellwire_edge'", [w.database])
    for (const n of ['bellwire_ready', 'bellwire_database_up', 'bellwire_database_links', 'bellwire_pump_state']) await is(n, 0)
  }, (lost) => lost >= 4)
  await admin.query(`alter database ${w.database} allow_connections true`)
  await admin.end()
  await is('bellwire_ready', 1)
})
