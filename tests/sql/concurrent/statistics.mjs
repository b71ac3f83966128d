// The path of an event reads the rows that it needs and no others, whatever Postgres knows of the tables: autovacuum is off
// from the first row on, and plans are made when the tables are empty, and made anew when they are full.
import { connect, is, item, judge, listener, lone, ok, query, run, uuid } from './lib.mjs';

const each = (n, make) => Array.from({ length: n }, (_, i) => make(i));
// ROWS=200000 by hand, for a wider look
const messages = Number(process.env.ROWS ?? 50000);
const edge = uuid(901);
const other = uuid(902);

// Chat c of the filled ones has one participant, and message n is in chat n % 19990 + 5.
const chatOf = (n) => (n % 19990) + 5;
const memberOf = (c) => (c % 20000) + 1;

// Two million rows need not ask whether they come from a subscription.
const replicated = (admin, how) => admin.query("select format('alter table %s %s trigger replicated', tgrelid::regclass, $1::text) as sql from pg_trigger where tgname = 'replicated'", [how])
  .then(({ rows }) => admin.query(rows.map((r) => r.sql).join(';')));

async function fill(admin) {
  await replicated(admin, 'disable');
  await admin.query(`set session_replication_role = replica; set synchronous_commit = off; set statement_timeout = 0;
    select tests.users(17, 20000);
    insert into platform.chats (id) select tests.u(n) from generate_series(5, 20000) n;
    insert into platform.chat_participants (chat_id, user_id) select tests.u(n), tests.u(n % 20000 + 1) from generate_series(5, 20000) n;
    insert into platform.messages (id, chat_id, seq, sender_id, type, content, created_at, client_id)
      select tests.u(n), tests.u(n % 19990 + 5), n, tests.u(1), 'text', 'x', now(), n from generate_series(1, ${messages}) n;
    insert into platform.message_receipts (message_id, user_id, delivered_at) select tests.u(n), tests.u(2), now() from generate_series(30001, 50000) n;
    insert into platform.notifications (user_id, type, title, body) select tests.u(n), 'mention', 't', 'b' from generate_series(1, 20000) n;
    insert into platform.posts (id, author_id) select tests.u(n), tests.u(1) from generate_series(251, 20000) n;
    insert into platform.post_counts (post_id) select tests.u(n) from generate_series(251, 20000) n;
    insert into platform.post_likes (post_id, user_id) select tests.u(n), tests.u(6) from generate_series(1, 20000) n;
    insert into bellwire.presence (user_id, online) select tests.u(n), true from generate_series(100, 20000) n;
    insert into bellwire.sockets (socket_id, edge_id, user_id) select 'other' || n, '${edge}', tests.u(n) from generate_series(100, 20000) n;
    insert into bellwire.recoveries (pid, user_id, socket_id) select sha256(n::text::bytea), tests.u(n), 'other' || n from generate_series(100, 20000) n;
    insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data)
      select rt_private.outbox_slot(clock_timestamp()), e.n, '{nobody}', '{}', 'old', '{}' from bellwire.epoch e, generate_series(1, 20000);
    reset session_replication_role; reset synchronous_commit`);
  await replicated(admin, 'enable replica');
}

// A pump's cursor: few rows come after it, all the rest went before.
async function cursor(admin) {
  const [header] = await admin.rows('select rooms, except_rooms, event from rt.fetch(null, null)');
  const digest = await admin.one(`select left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16)`, [header.except_rooms]);
  return { snapshot: header.rooms, epoch: header.except_rooms, digest };
}

// What an edge calls: name, rows that it may read, call. The tables have 16 000 rows and more: the bounds have room.
function path(state) {
  const first = (n) => 1000 + n * 64; // users and messages that no other round has
  const full = (n) => n >= 100;
  const chats = (n, count) => each(count, (i) => (full(n) ? { chat: first(n) + i, user: memberOf(first(n) + i) } : { chat: (i % 4) + 1, user: 1 }));
  const sockets = (n, more) => each(64, (i) => JSON.stringify({ socket_id: `e${n}-${i}`, user_id: uuid(full(n) ? first(n) + i : (i % 16) + 1), ...more(i) }));
  const confirmed = (n) => (full(n)
    ? each(64, (i) => ({ confirm: { message_id: uuid(first(n) + i) }, user_id: uuid(memberOf(chatOf(first(n) + i))) }))
    : state.last.map((m) => ({ confirm: { message_id: m }, user_id: uuid(2) })));
  const values = (n) => confirmed(n).filter((c, i) => i % 2);
  const keys = (n) => confirmed(n).filter((c, i) => i % 2 === 0);
  const send = (n, { chat, user }, i) => item('chat:message:send', user, 's', { chat_id: uuid(chat), type: 'text', content: 'x', client_id: `${n} ${i}` });
  return [
    ['a batch of messages', 32 * 60, (n) => ['select * from rt.dispatch($1)', [chats(n, 32).map((c, i) => send(n, c, i))]]],
    ['a message', 300, (n) => ['select * from rt.dispatch_one($1)', [send(n, { chat: 1, user: 1 }, 'one')]]],
    ['a message by a way of its own', 300, (n) => lone(send(n, { chat: 1, user: 1 }, 'lone'))],
    ['joins and typing', 300, () => ['select * from rt.dispatch($1)', [[item('chat:join', 1, 's', { chat_id: uuid(1) }), item('chat:typing', 2, 't', { chat_id: uuid(1), is_typing: true }), item('chat:leave', 1, 's', { chat_id: uuid(1) })]]]],
    ['a confirmation', 300, () => ['select rt.confirm($1)', [[{ confirm: { message_id: state.last[0] }, user_id: uuid(2) }]]]],
    ['a confirmation by itself', 300, () => ['select rt.confirm_lone($1, $2, false, false)', [state.last[1], uuid(2)]]],
    ['confirmations', 64 * 60, (n) => ['select rt.confirm($1)', [values(n)]]],
    ['confirmations by keys', 64 * 60, (n) => ["select rt.confirm('{}', $1, $2)", [keys(n).map((c) => c.confirm.message_id), keys(n).map((c) => c.user_id)]]],
    ['confirmations where one counts', 64 * 60, (n) => ["select rt.confirm('{}', '{}', '{}', $1, $2)", [state.last.slice(2), [uuid(2), uuid(3)]]]],
    ['a read', 300, () => ['select * from rt.dispatch($1)', [[item('chat:message:read', 3, 's', { chat_id: uuid(1), message_id: state.last[0] })]]]],
    ['a batch of reads', 32 * 60, (n) => ['select * from rt.dispatch($1)', [full(n)
      ? each(32, (i) => item('chat:message:read', memberOf(chatOf(first(n) + i)), `s${i}`, { chat_id: uuid(chatOf(first(n) + i)), message_id: uuid(first(n) + i) }))
      : each(4, (i) => item('chat:message:read', 2, 's', { chat_id: uuid(1), message_id: state.last[i] }))]]],
    ['a notification that is read', 300, () => ['select * from rt.dispatch($1)', [[item('notification:read', 3, 's', { notification_id: uuid(900000) })]]]],
    ['rooms', 64 * 60, (n) => ['select * from rt.rooms($1)', [each(64, (i) => uuid(full(n) ? first(n) + i : i))]]],
    ['a socket opens', 300, (n) => ['select * from rt.socket_open_one($1, $2, $3, $4, $5, $6)', [edge, `l${n}`, uuid(4), false, `l${n}`, true]]],
    ['a socket closes', 300, (n) => ['select * from rt.socket_close_one($1, $2, $3, $4, $5, $6, $7)', [edge, `l${n}`, uuid(4), true, true, null, true]]],
    ['sockets open', 64 * 60, (n) => ['select * from rt.socket_open($1, $2)', [edge, sockets(n, (i) => ({ pid: `${n} ${i}` }))]]],
    ['sockets register', 64 * 60, (n) => ['select * from rt.socket_register($1, $2)', [edge, sockets(n, () => ({}))]]],
    ['sockets close', 64 * 60, (n) => ['select rt.socket_close($1, $2)', [edge, sockets(n, (i) => ({ clean: i % 2 === 0, why: i % 7 ? undefined : 'shutdown' }))]]],
    ['sockets of deleted users close', 300, (n) => ['select rt.socket_close($1, $2)', [edge, each(4, (i) => JSON.stringify({ socket_id: 'x', user_id: uuid(1000000 + i), clean: true }))]]],
    ['a refused token', 300, (n) => ['select rt.token_expired($1)', [uuid(4)]]],
    ['a recovery', 3000, (n) => ['select * from rt.recover($1)', [[JSON.stringify({ socket_id: `r${n}`, user_id: uuid(full(n) ? 200 + n : 4), pid: `${full(n) ? 200 + n : 'r'}`, fresh: `f${n}`, again: false, from_socket: full(n) ? `other${200 + n}` : 'r',
      from: state.cursor.snapshot, epoch: state.cursor.digest, issued_us: Date.now() * 1000, chats: [], upto: state.cursor.snapshot, upto_epoch: state.cursor.epoch })]]]],
    ['a dead edge is swept', 64 * 60, () => ['select rt.sweep($1)', [edge]]],
  ];
}

// What services write, by what our triggers do about it.
const rows = (state) => [
  ['a receipt', () => ['insert into platform.message_receipts (message_id, user_id, delivered_at) values ($1, $2, now())', [state.last[1], uuid(3)]]],
  ['a receipt that is read', () => ['update platform.message_receipts set read_at = now() where message_id = $1 and user_id = $2', [state.last[1], uuid(3)]]],
  ['a notification', (n) => ["insert into platform.notifications (id, user_id, type, title, body) values ($1, $2, 'mention', 't', 'b')", [uuid(n + 900000), uuid(3)]]],
  ['a notification that is read', (n) => ['update platform.notifications set read_at = now() where id = $1', [uuid(n + 900000)]]],
  ['a like', (n) => ['insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(n + 1), uuid(5)]]],
  ['an unlike', (n) => ['delete from platform.post_likes where post_id = $1 and user_id = $2', [uuid(n + 1), uuid(5)]]],
  ['a comment', (n) => ["insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [uuid(n + 1), uuid(5)]]],
  ['a message is deleted', () => ['delete from platform.messages where id = $1', [state.last[3]]]],
].map(([name, call]) => [name, 300, call]);

async function statistics() {
  const admin = await connect();
  const tables = (await admin.rows("select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace in ('platform'::regnamespace, 'bellwire'::regnamespace)")).map((r) => r.name);
  for (const t of tables) await admin.query(`alter table ${t} set (autovacuum_enabled = false)`);
  // an empty table that was analyzed has no pages, so that all plans seem to cost the same
  await admin.query('truncate platform.users, platform.chats, bellwire.sockets, bellwire.presence, bellwire.recoveries, bellwire.places, bellwire.outbox, bellwire.outbox_ephemeral cascade; analyze');
  await admin.query('select tests.users(1, 16); select tests.chat(n, 1, 2, 3) from generate_series(1, 4) n; insert into platform.posts (id, author_id) select tests.u(n), tests.u(1) from generate_series(1, 250) n');
  const [client, pump, writer] = [await listener('bellwire_edge'), await listener('bellwire_edge'), await listener()];
  await pump.query('select * from rt.pump_open($1, $2)', [edge, 'statistics']);
  await pump.query('set idle_session_timeout = 0'); // filling the tables may take longer
  const state = { last: [] }; // the ids of the newest messages
  const calls = [
    ...path(state).map((c) => ['edge', client, c]),
    ['edge', pump, ['a fetch', 3000, () => ['select * from rt.fetch($1, $2)', [state.cursor.snapshot, state.cursor.epoch]]]],
    ['edge', pump, ['a page of a fetch', 3000, () => ['select * from rt.fetch_page($1, $2, 0, 100, $3)', [state.cursor.snapshot, state.upto.snapshot, state.cursor.epoch]]]],
    ...rows(state).map((c) => ['service', writer, c]),
  ];
  const before = {
    'a batch of messages': async () => { state.cursor = await cursor(admin); },
    'a confirmation': async () => {
      await admin.query("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'x' from generate_series(1, 4)", [uuid(1), uuid(1)]);
      state.last = (await admin.rows('select id from platform.messages where chat_id = $1 order by seq desc limit 4', [uuid(1)])).map((r) => r.id);
    },
    'a recovery': async () => { state.upto = await cursor(admin); },
    // an edge that has not been seen for ten seconds sweeps nobody
    'a dead edge is swept': (n) => admin.query('update bellwire.edges set seen_at = clock_timestamp() where edge_id = $1', [edge])
      .then(() => admin.query(`insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at) values ($1, 'dead', 0, now(), now() - interval '1 hour') on conflict do nothing`, [other]))
      .then(() => admin.query(`insert into bellwire.sockets (socket_id, edge_id, user_id) select 'd' || u, $1, tests.u(u) from generate_series($2::int, $2::int + 15) u`, [other, n >= 100 ? 10000 + n * 16 : 1])),
  };
  const once = async (n, judged) => {
    for (const [from, session, [name, most, call]] of calls) {
      await before[name]?.(n);
      session.take();
      await session.query(...call(n));
      // of a service's own session, what our triggers make of a statement
      const plans = session.take().filter((p) => from === 'edge' || /(new|old)_rows/.test(p));
      if (!judged) continue;
      judge(`${judged}, ${from}: ${name}`, plans, most);
      const compiled = plans.filter((p) => /^JIT:/m.test(p));
      ok(compiled.length === 0, `${judged}, ${from}: ${name}: nothing is compiled`, compiled.map(query).join(' | '));
    }
  };
  for (let n = 0; n < 8; n++) await once(n, false);
  await fill(admin);
  await once(100, 'plans of the beginning');
  // as Postgres does with all plans of a session when its queue of invalidations overflows
  for (const session of [client, pump, writer]) await session.query('discard plans');
  await once(101, 'plans made anew');
  for (let n = 102; n < 108; n++) await once(n, false);
  await once(108, 'plans for all values, made anew');
  is(await admin.one("select count(*)::int from pg_class where reltuples > 0 and oid = any($1::regclass[])", [['platform.messages', 'platform.users', 'bellwire.sockets']]), 0, 'nothing was analyzed meanwhile');
  for (const t of tables) await admin.query(`alter table ${t} reset (autovacuum_enabled)`);
}

await run([['statistics', statistics]]);
