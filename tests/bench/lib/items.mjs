// The items that are counted in instructions. An item says how a session gets ready, and what its n-th statement is.
//
// before: statements of the superuser. role: who then runs the others, the edge's login where nothing is said. setup: statements
// of that role. statement(n): n from 0, no two alike. each: so many of the unit in one statement.
import { BIG, DELIVERED, HISTORY, chatOf, oldMessage, person } from './people.mjs'
import { EDGE, ONLINE } from './template.mjs'

const literal = (text) => `'${text.replaceAll("'", "''")}'`
const array = (values) => literal(`{${values.map((v) => `"${JSON.stringify(v).replace(/["\\]/g, '\\$&')}"`).join(',')}}`)
const range = (n) => Array.from({ length: n }, (_, i) => i)

// People from BIG to ONLINE are not there; neighbours share a chat of ten. A stride, so that a batch is of different chats.
const ABSENT = ONLINE - BIG
const someone = (n) => BIG + ((n * 11) % ABSENT)
const socket = (n) => `socket${String(n).padStart(14, '0')}`
const event = (name, n, payload) => ({ event: name, user_id: person(someone(n)), socket_id: socket(n), payload: { chat_id: chatOf(someone(n), 0), ...payload } })
const message = (n) => event('chat:message:send', n, { type: 'text', content: `bench ${n}, a message of ordinary length` })
const typing = (n) => event('chat:typing', n, { is_typing: true })
const read = (n) => ({ ...event('chat:message:read', n, {}), ...reader(n) })
// the one who wrote the history is the first of the ten
const reader = (n) => {
  const i = BIG + (n * 10) % ABSENT + 1 + Math.floor(n / 100) % 9
  const chat = chatOf(i, 0)
  return { user_id: person(i), payload: { chat_id: chat, message_id: oldMessage(chat, DELIVERED + 1 + n % (HISTORY - DELIVERED)) } }
}

// The session of an edge has prepared it.
const dispatch = (make, size) => ({
  setup: ['prepare "rt.dispatch" as select * from rt.dispatch($1::text[])'],
  statement: (n) => `execute "rt.dispatch"(${array(range(size).map((k) => make(n * size + k)))})`,
})

// An edge binds its parameters, which costs 11 less than the expressions here.
const alone = (make) => ({
  setup: ['prepare "rt.dispatch_lone" as select rt.dispatch_lone($1, $2, $3, $4)'],
  statement: (n) => {
    const { event, user_id, socket_id, payload } = make(n)
    return `execute "rt.dispatch_lone"(${[event, user_id, socket_id, JSON.stringify(payload)].map(literal).join(', ')})`
  },
})

const opened = (n, more) => ({ socket_id: socket(n), user_id: person(someone(n)), ...more })
const openings = (n, size) => array(range(size).map((k) => opened(n * size + k, { recovery: false })))
const ends = (n, size) => array(range(size).map((k) => opened(n * size + k, { clean: true })))
// The session of an edge has prepared them. One socket has a call of its own; the edge is alone.
const OPENS = ['prepare open as select * from rt.socket_open_one($1, $2, $3, $4, $5, $6)', 'prepare opens as select * from rt.socket_open($1, $2::text[])',
  'prepare close as select * from rt.socket_close_one($1, $2, $3, $4, $5, $6, $7)', 'prepare closes as select * from rt.socket_close($1, $2::text[])']
const open1 = (n) => `execute open('${EDGE}', '${socket(n)}', '${person(someone(n))}', false, null, true)`
const close1 = (n) => `execute close('${EDGE}', '${socket(n)}', '${person(someone(n))}', true, true, null, true)`
const open = (size) => (n) => `execute opens('${EDGE}', ${openings(n, size)})`
const close = (size) => (n) => `execute closes('${EDGE}', ${ends(n, size)})`

// Confirmations of the old messages: `messages` of them by `people` each, another set in each call, and by their sender too, where
// `own` says so: in a small chat the clients of the sender confirm as all others do. The session of an edge has prepared the call.
const keys = (values) => literal(`{${values.join(',')}}`)
function confirmed(n, messages, people, own = false) {
  return range(messages).flatMap((m) => {
    const k = n * messages + m
    const first = BIG + (k * 10) % ABSENT
    const message = oldMessage(chatOf(first, 0), DELIVERED + 1 + Math.floor(k / (ABSENT / 10)) % (HISTORY - DELIVERED))
    return range(people + own).map((p) => ({ message, user: person(first + (own ? p : 1 + p)) }))
  })
}
// first: of a large chat, where one confirmation of a message counts.
const confirm = (messages, people, { first = false, own = false } = {}) => ({
  setup: ['prepare "rt.confirm" as select * from rt.confirm($1::jsonb[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[])'],
  statement: (n) => {
    const all = confirmed(n, messages, people, own)
    const both = `${keys(all.map((c) => c.message))}, ${keys(all.map((c) => c.user))}`
    return `execute "rt.confirm"('{}', ${first ? `'{}', '{}', ${both}` : `${both}, '{}', '{}'`})`
  },
})
const confirmLone = (first) => ({
  before: ['select rt_private.outbox_ready()'],
  setup: ['prepare "rt.confirm_lone" as select rt.confirm_lone($1, $2, $3, $4)'],
  statement: (n) => {
    const [{ message, user }] = confirmed(n, 1, 1)
    return `execute "rt.confirm_lone"('${message}', '${user}', ${first}, false)`
  },
})

const cursor = "select set_config('bench.from', pg_current_snapshot()::text, false), set_config('bench.low', pg_snapshot_xmin(pg_current_snapshot())::text, false)"
const emit = (n, size) => `select count(*) from generate_series(1, ${size}) i, rt.emit(array['user:${person(BIG)}'], 'bench:event', jsonb_build_object('n', i, 'of', ${n}, 'text', repeat('x', 160)))`
// An edge binds its parameters, which costs less than the expressions here.
const fetched = ['bellwire_fetch(text, text)', 'rt.fetch($1, $2)', "execute bellwire_fetch(current_setting('bench.from'), current_setting('bellwire.epoch'))"]
const polled = (name) => [`bellwire_${name}(pg_snapshot, xid8)`, `rt.${name}($1, $2)`, `execute bellwire_${name}(current_setting('bench.from')::pg_snapshot, current_setting('bench.low')::xid8)`]
const looked = ['bellwire_look', '(select pg_current_snapshot(), clock_timestamp()) look', 'execute bellwire_look']
const somebodyElse = 'select pg_current_xact_id()'
// `rows`: what lies between the cursor and now; null: the cursor is now. The session has polled before.
const fetch = (rows, [name, call, poll] = fetched) => ({
  setup: [`select rt.pump_open('${EDGE}', 'bench')`, `prepare ${name} as select * from ${call}`,
    ...Array(2).fill([cursor, somebodyElse, poll]).flat(),
    ...(rows === null ? [] : [cursor]), ...(rows ? ['set session authorization postgres', emit(0, rows), 'set session authorization bellwire_edge'] : []),
    ...(rows === 0 ? [somebodyElse] : []), ...(rows === null ? [cursor] : [])],
  statement: () => poll,
})

const short = (table) => ({
  before: ['create table platform.bench_rows (body text)', 'create table platform.bench_events (body text)',
    'create function platform.bench_event() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as ' +
    "$$ begin perform rt_private.publish(array['user:nobody'], 'bench:event', jsonb_build_object('text', new.body)); return null; end $$",
    'alter function platform.bench_event() owner to bellwire_owner',
    'create trigger bench_event after insert on platform.bench_events for each row execute function platform.bench_event()'],
  role: null,
  statement: () => `insert into platform.${table} (body) values (repeat('x', 200))`,
})
// As the measure `writers` has it: the session has prepared the statement.
const writing = (table) => ({ ...short(table),
  setup: [`prepare writing as ${short(table).statement()}`, 'select rt_private.outbox_ready()'],
  statement: () => 'execute writing',
})

const WARM = 12 // a plan is settled after the sixth call
export const ITEMS = {
  nothing: { title: '`select 1`', statement: () => 'select 1' },
  row: { title: 'a short row', ...short('bench_rows') },
  event: { title: 'a short row that is an event', ...short('bench_events') },
  writer0: { title: 'a short row of a writer', ...writing('bench_rows') },
  writer: { title: 'a short row of a writer that is an event', ...writing('bench_events') },
  emit: { title: '`rt.emit`', role: null, statement: (n) => emit(n, 1) },
  insert: { title: '`INSERT` into `platform.messages`', role: null,
    statement: (n) => `insert into platform.messages (chat_id, sender_id, type, content) values ('${chatOf(someone(n), 0)}', '${person(someone(n))}', 'text', 'bench ${n}, a message of ordinary length')` },
  send: { title: 'a send, alone', ...alone(message) },
  send32: { title: 'sends, 32 in a batch, each', each: 32, ...dispatch(message, 32) },
  read: { title: 'a read, alone', ...alone(read) },
  typing: { title: 'typing, alone', ...alone(typing) },
  typing32: { title: 'typing, 32 in a batch, each', each: 32, ...dispatch(typing, 32) },
  open: { title: '`socket_open`, alone', setup: OPENS, statement: open1 },
  open50: { title: '`socket_open`, 50 in a call, each', each: 50, setup: OPENS, warm: 6, count: 8, statement: open(50) },
  reopen: { title: '`socket_open`, alone, of somebody who was here before', setup: [...OPENS, ...range(4).flatMap((n) => [open(9)(n), close(9)(n)])], statement: open1 },
  close: { title: '`socket_close`, alone', setup: [...OPENS, open(50)(0)], statement: close1 },
  close50: { title: '`socket_close`, 50 in a call, each', each: 50, setup: [...OPENS, ...range(14).map(open(50))], warm: 6, count: 8, statement: close(50) },
  confirm: { title: '`rt.confirm_lone`, one receipt', ...confirmLone(false) },
  first: { title: '`rt.confirm_lone`, one receipt of a large chat', ...confirmLone(true) },
  confirm2: { title: '`rt.confirm`, a receipt, and its sender', ...confirm(1, 1, { own: true }) },
  confirm4: { title: '`rt.confirm`, four receipts of as many', ...confirm(4, 1) },
  confirm9: { title: '`rt.confirm`, nine receipts of a message', ...confirm(1, 9) },
  confirm12: { title: '`rt.confirm`, twelve receipts of as many', ...confirm(12, 1) },
  first12: { title: '`rt.confirm`, twelve receipts of large chats', ...confirm(12, 1, { first: true }) },
  confirm24: { title: '`rt.confirm`, twelve receipts, and their senders', ...confirm(12, 1, { own: true }) },
  own12: { title: '`rt.confirm`, twelve senders alone', before: ['select rt_private.outbox_ready()'], ...confirm(12, 0, { own: true }) },
  confirm32: { title: '`rt.confirm`, 32 receipts of as many', ...confirm(32, 1) },
  confirm72: { title: '`rt.confirm`, 72 receipts of eight', ...confirm(8, 9) },
  look: { title: 'a look, nothing new', ...fetch(null, looked) },
  poll0: { title: '`rt.poll`, no row', ...fetch(0, polled('poll')) },
  poll1: { title: '`rt.poll`, one row', ...fetch(1, polled('poll')) },
  poll63: { title: '`rt.poll`, 63 rows', ...fetch(63, polled('poll')) },
  few0: { title: '`rt.poll_few`, no row', ...fetch(0, polled('poll_few')) },
  few1: { title: '`rt.poll_few`, one row', ...fetch(1, polled('poll_few')) },
  ids0: { title: '`rt.poll_ids`, no row', ...fetch(0, polled('poll_ids')) },
  ids1: { title: '`rt.poll_ids`, one row', ...fetch(1, polled('poll_ids')) },
  ids25: { title: '`rt.poll_ids`, 25 rows', ...fetch(25, polled('poll_ids')) },
  ids250: { title: '`rt.poll_ids`, 250 rows', ...fetch(250, polled('poll_ids')) },
  poll1both: { title: '`rt.poll_both`, one row', ...fetch(1, polled('poll_both')) },
  fetch: { title: '`rt.fetch`, nothing new', ...fetch(null) },
  fetch0: { title: '`rt.fetch`, a new snapshot, no row', ...fetch(0) },
  fetch1: { title: '`rt.fetch`, one row', ...fetch(1) },
  fetch64: { title: '`rt.fetch`, 64 rows', ...fetch(64) },
}

// [unmeasured, measured] statements of an item.
export function statements(item) {
  const { before = [], role = 'bellwire_edge', setup = [], warm = WARM, count = 24, statement } = item
  const all = range(warm + count).map(statement)
  const settings = 'select count(set_config(name, value, false)) from public.edge_settings'
  const enter = role ? [settings, `set session authorization ${role}`] : []
  return [[...before, ...enter, ...setup, ...all.slice(0, warm)], all.slice(warm)]
}
