// What a session, a role or a database sets changes nothing of ours: all the settings below at once, against the same story, in which every
// function that others call and every trigger has a part. Where that fails, each of them alone, to say which one it is.
import { connect, is, item, ok, run, uuid } from './lib.mjs';

const u = (n) => `'${uuid(n)}'::uuid`;
const call = (f, user, payload) => `select rt.${f}(${u(user)}, $json$${JSON.stringify(payload)}$json$)`;
const sent = (event, user, payload) => `select rt.dispatch_lone($json$${item(event, user, 's1', payload)}$json$)`;
const socket = (id, user, more = {}) => `array[$json$${JSON.stringify({ socket_id: id, user_id: uuid(user), ...more })}$json$]`;
const metadata = String.raw`{"width": 1080, "thumbnail": "https://x.y/t.jpg", "path": "C:\\temp\\new", "text": "\"_placeholder\": 1 \\ it''s"}`;

// Names stand with their schemas, and so do the operators of text: the sessions have a search_path where both are others.
const story = [
  `insert into platform.users (id, name) values (${u(1)}, E'Anna \\\\ O''Hara'), (${u(2)}, 'Борис'), (${u(3)}, 'Clara')`,
  `update platform.users set name = pg_catalog.repeat('x', 1025) where id in (${u(1)})`,
  `update platform.users set name = E'Anna \\\\ O''Neill' where id in (${u(1)})`,
  `insert into platform.follows (follower_id, followee_id) values (${u(1)}, ${u(2)})`,
  `update platform.follows set followee_id = ${u(3)}`,
  `insert into platform.chats (id) values (${u(10)}), (${u(11)})`,
  `insert into platform.chat_participants (chat_id, user_id) values (${u(10)}, ${u(1)}), (${u(10)}, ${u(2)}), (${u(11)}, ${u(1)})`,
  `update platform.chat_participants set joined_at = '2026-01-10T12:00:00.123456Z'`,
  `select epoch, schema_version from rt.pump_open(${u(900)}, 'test')`,
  'select * from rt.version()', 'select count(*) from rt.bell_arm()', 'select rt.bell_disarm()', 'select rt.bell_hear(false) is not null', 'select rt.ring()', 'select rt.recovery_key()', 'select rt.routes()', 'select rt.relays()', `select rt.names(array[${u(1)}, ${u(99)}])`, `select rt.relayed(${u(900)}, $json$[{"data": ${metadata}}]$json$)`,
  'select rt.socket_id()',
  `select ord, ok, pg_catalog.length(rooms), reason from rt.socket_open(${u(900)}, ${socket('s1', 1, { pid: 'a pid' })})`,
  `select ord, ok, pg_catalog.length(rooms), reason from rt.socket_open_one(${u(900)}, 's3', ${u(1)}, false, 'another pid', false)`,
  `select rt.socket_register(${u(900)}, ${socket('s1', 1)})`,
  "select pg_catalog.left(problem, 5) from rt.users_of(array['{}'])",
  "create function rt.own_rooms(uuid[]) returns table (user_id uuid, room text) language sql as 'select u, ''x'' from pg_catalog.unnest($1) u'",
  "insert into bellwire.room_sources values ('rt.own_rooms')", 'delete from bellwire.room_sources',
  `select rt.user_join(${u(1)}, E'a\\b')`, `select rt.user_leave(${u(1)}, 'a')`,
  `select pg_catalog.cardinality(people), pg_catalog.cardinality(chats), content_max, receipts_max from rt.verify_open(${u(70)}, array[E'a\\b', 'c'], '[[0,1]]')`,
  `select rt.verify_renew(${u(70)})`, `select rt.verify_close(${u(70)})`, "select pg_catalog.count(*) from rt.undelivered('0 s', 1)",
  `select user_id, active, pg_catalog.length(rooms) from rt.rooms(array[${u(1)}, ${u(2)}])`,
  ...['text', 'photo', 'location', 'nothing'].map((type) => sent('chat:message:send', 1, { chat_id: uuid(10), type, client_id: type,
    content: { photo: 'https://x.y/a.jpg?q=1', location: '55.751244,-37.618423' }[type] ?? String.raw`C:\new ' " $1 Ж`,
    metadata: type === 'location' ? { lat: 55.751244, lng: -37.618423, address: String.raw`\n` } : { a: 0.1, b: 1e-7, c: String.raw`\"_placeholder":` } })),
  `insert into platform.messages (id, chat_id, sender_id, type, content, metadata) values (${u(21)}, ${u(10)}, ${u(2)}, 'photo', 'HTTPS://x.y/z', $json$${metadata}$json$)`,
  `insert into platform.messages (chat_id, sender_id, type, content) values (${u(10)}, ${u(2)}, 'photo', E'https://x\\\\y/z')`,
  `insert into platform.messages (chat_id, sender_id, type, content, metadata) values (${u(10)}, ${u(2)}, 'text', 'x', '{"_placeholder": 1}')`,
  `update platform.messages set content = 'https://x.y/other' where id in (${u(21)})`,
  `update platform.messages set seq = 7 where id in (${u(21)})`,
  sent('chat:join', 1, { chat_id: uuid(10) }), sent('chat:leave', 1, { chat_id: uuid(10) }), sent('chat:typing', 1, { chat_id: uuid(10), is_typing: true }), sent('chat:join', 1, { chat_id: String.raw`\x00` }),
  sent('chat:message:read', 1, { chat_id: uuid(10), message_id: uuid(21) }),
  `select rt.confirm(array['{"message_id": "${uuid(21)}", "user_id": "${uuid(1)}"}'::jsonb])`,
  `select rt.confirm_lone(${u(21)}, ${u(1)}, false, false)`, `select rt.confirm_lone(${u(21)}, ${u(2)}, true, false)`,
  `update platform.message_receipts set read_at = '2026-01-10T12:00:00.5Z'`,
  `insert into platform.notifications (id, user_id, type, title, body, data, created_at) values (${u(31)}, ${u(1)}, 'mention', 't', 'b', $json$${metadata}$json$, '2026-01-10T12:00:00.123456Z')`,
  `insert into platform.notifications (id, user_id, type, title, body, created_at) values (${u(32)}, ${u(1)}, 'mention', 't', 'b', '2025-12-31T23:59:59.999999Z')`,
  `select platform.notify(${u(1)}, 'mention', 't', 'b', '{}')`,
  `update platform.notifications set read_at = '2026-01-10T12:00:00.5Z' where id in (${u(31)})`,
  sent('notification:read', 1, { notification_id: uuid(32) }),
  call('get_chats', 1, { limit: '1' }), call('get_chats', 1, { before: `1768046400123456.${uuid(11)}` }), call('get_messages', 1, { chat_id: uuid(10), limit: '2' }), call('get_messages', 1, { chat_id: uuid(10), before: '2' }),
  call('get_notifications', 1, { limit: '2' }), call('get_notifications', 1, { before: `1768046400123456.9.${uuid(99)}`, is_read: 'true' }), call('get_notifications', 1, { before: String.raw`\1` }),
  `insert into platform.posts (id, author_id, content) values (${u(41)}, ${u(3)}, 'x')`,
  `insert into platform.post_likes (post_id, user_id) values (${u(41)}, ${u(1)})`,
  `insert into platform.post_comments (id, post_id, author_id, content) values (${u(51)}, ${u(41)}, ${u(1)}, E'a \\\\ b')`,
  `update platform.post_comments set post_id = ${u(42)}`, `update platform.post_likes set post_id = ${u(42)}`,
  'delete from platform.post_likes', 'delete from platform.post_comments',
  `select ord, outcome, body, code, message, sqlstate from rt.dispatch(array[$json$${item('chat:message:send', 1, 's1', { chat_id: uuid(10), type: 'text', content: String.raw`\u0000 \ '` })}$json$,
    $json$${item('chat:join', 1, 's1', { chat_id: uuid(10) })}$json$, $json$${item('no:such', 1, 's1', {})}$json$, 'no item'])`,
  ...[item('chat:join', 1, 's1', { chat_id: uuid(10) }), item('chat:message:send', 1, 's1', { chat_id: uuid(10), type: 'text', content: String.raw`\u0000 \ '` })].map((one) => `select rt.dispatch_lone($json$${one}$json$)`),
  `select ord, outcome, body, code, message, sqlstate from rt.dispatch_one($json$${item('chat:message:send', 1, 's1', { chat_id: uuid(10), type: 'sticker', content: 'x' })}$json$)`,
  `select rt.emit(array['room:x'], 'an:event', $json$${metadata}$json$, array['room:y'])`, `select rt.emit(array['room:x'], 'connected', '{}')`,
  `select bellwire.ensure_route('profile:wave', 'rt.chat_join')`, `insert into bellwire.routes (event, function) values ('x:y', 'rt.chat-join')`, `insert into bellwire.routes (event, function) values ('x:z', 'rtxchat_join')`, `update bellwire.settings set value = '20' where name operator(pg_catalog.=) 'content_max'`,
  `select control from rt.fetch(null, null)`, `select count(*) from rt.fetch_page('1:1:', '1:1:', 0, 10, null)`,
  `select left(rt.mark(), 5)`, `select known from rt.place('mark.1.x')`, `select known from rt.place('row.1.1.1')`,
  `select ord, what from rt.recover(array[$json$${JSON.stringify({ pid: 'a pid', user_id: uuid(1), socket_id: 's2' })}$json$])`,
  `select rt.ask_rooms(E'a \\\\ ''b') is null`, `select rt.kick(p_room => 'room:x', p_reason => E'a \\\\ ''b') is null`,
  `select count(*) from rt.answers(rt.ask_rooms('room:'), '0')`, `select rooms, except_rooms, event, data from rt.events(p_event => 'an:event', p_bodies => true)`,
  `select step, verdict from rt.explain('1', ${u(1)})`,
  "select pg_catalog.set_config('session_replication_role', 'replica', true)", `insert into platform.users (id, name) values (${u(4)}, 'replica')`, "select pg_catalog.set_config('session_replication_role', 'origin', true)",
  'update bellwire.outbox_state set dropped = dropped',
  "update bellwire.epoch set watched = 'empty'", "select rt.emit(array['room:x'], 'late', '{}')", 'set constraints all immediate', 'set constraints all deferred',
  `select rt.page_answer(rt.page_ask('busy', '{}'), true)`,
  `select pg_catalog.jsonb_array_length(rt.page_answer(rt.page_ask('user', '{"user_id": "${uuid(1)}"}'), true)::jsonb -> 'events')`,
  `select pg_catalog.jsonb_array_length(rt.page_answer(rt.page_ask('recall', '{"user_id": "${uuid(1)}", "event": "1"}'), true)::jsonb)`,
  'select rt.emitter_attachment(1)', `select rt.token_expired(${u(1)})`, `select edges from rt.maintain(${u(900)})`, 'select foreign_locks from rt.monitor()',
  `select ord from rt.socket_close_one(${u(900)}, 's3', ${u(1)}, true, true, null, false)`, `select rt.socket_close(${u(900)}, ${socket('s1', 1, { clean: true })})`, `select rt.sweep(${u(900)})`, `select rt.edge_close(${u(900)})`,
  `update platform.users set disabled_at = '2026-01-10T12:00:00Z' where id in (${u(2)})`,
  'delete from platform.message_receipts', `delete from platform.messages where id in (${u(21)})`,
  'delete from platform.follows', 'delete from platform.chat_participants', `delete from platform.chats where id in (${u(11)})`, `delete from platform.users where id in (${u(3)})`,
  'truncate platform.follows, platform.post_likes, platform.post_comments, platform.messages, platform.message_receipts, platform.chat_participants, bellwire.read_marks', 'truncate platform.chats cascade', 'truncate platform.users cascade',
];

// What differs from one transaction to the next, in the form that it has to have; another form stays, and is seen.
const plain = (text) => text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>').replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, (id) => (/^00000000/.test(id) ? id : '<id>'))
  .replace(/\b[1-9]\d{6,}(\.\d+)?\b/g, '<number>').replace(/(?<=\\u001f)\d+:\d+:[\d,]*(?=\\u001e)/g, '<snapshot>').replace(/(?<=\\u001e)\d+(?=\\u001e|")/g, '<number>').replace(/log id: \w+|Internal error \w+/g, '<id>');

async function told(settings, then) {
  const client = await connect();
  await client.query("set track_functions = 'all'");
  for (const [name, value] of Object.entries(settings)) await client.query('select pg_catalog.set_config($1, $2, false)', [name, value]);
  await client.query('begin');
  const lines = [];
  for (const text of story) {
    await client.query('savepoint s');
    try {
      const { rows, rowCount } = await client.query({ text: text, rowMode: 'array', types: { getTypeParser: () => (v) => v } });
      lines.push(`${text}\n  ${plain(JSON.stringify(rows.length ? rows : rowCount))}`);
    } catch (error) {
      await client.query('rollback to s');
      lines.push(`${text}\n  ${error.code} ${plain(error.message)}`);
    }
  }
  await client.query('reset all');
  const sent = await client.rows('select rooms, except_rooms, event, data, confirm, control from bellwire.outbox where xid = pg_current_xact_id() order by id');
  for (const row of sent) lines.push(plain(JSON.stringify(row)));
  if (then) await then(client);
  await client.query('rollback');
  await client.end();
  return lines;
}

const others = {
  standard_conforming_strings: 'off', backslash_quote: 'off', escape_string_warning: 'off', search_path: 'evil, public, pg_catalog', DateStyle: 'German, DMY', IntervalStyle: 'sql_standard', bytea_output: 'escape',
  quote_all_identifiers: 'on', extra_float_digits: '-15', TimeZone: 'Asia/Kathmandu', lc_messages: 'C.utf8', lc_monetary: 'C.utf8', lc_numeric: 'C.utf8', lc_time: 'C.utf8', array_nulls: 'off', transform_null_equals: 'on',
  xmlbinary: 'hex', xmloption: 'document', timezone_abbreviations: 'India', plan_cache_mode: 'force_generic_plan', from_collapse_limit: '1', join_collapse_limit: '1',
  enable_hashjoin: 'off', enable_sort: 'off', jit_above_cost: '0', row_security: 'off', check_function_bodies: 'off',
};

async function settings() {
  const admin = await connect();
  await admin.query(`create schema evil;
    create function evil.no(text, text) returns boolean language sql as 'select false'; create operator evil.= (leftarg = text, rightarg = text, function = evil.no);
    create function evil.lost(text, text) returns text language sql as $$ select 'lost' $$; create operator evil.|| (leftarg = text, rightarg = text, function = evil.lost);
    create function evil.octet_length(text) returns int language sql as 'select 0'; create function evil.translate(text, text, text) returns text language sql as $$ select 'x' $$;
    create function evil.to_char(timestamp, text) returns text language sql as $$ select 'never' $$; create function evil.btrim(text, text) returns text language sql as $$ select '' $$;
    create table evil.users (id uuid); create table evil.messages (id uuid); create table evil.outbox (id bigint); create function evil.now() returns timestamptz language sql as $$ select '2001-01-01'::timestamptz $$;
    create function evil.clock_timestamp() returns timestamptz language sql as $$ select '2001-01-01'::timestamptz $$; create function evil.gen_random_uuid() returns uuid language sql as 'select null::uuid'`);
  await admin.query(`select setval(s, 10000000) from unnest('{bellwire.outbox_id,platform.notifications_seq_seq}'::regclass[]) s`);
  const usual = await told({}, async (client) => {
    const { left } = (await client.rows(`select coalesce(string_agg(p.oid::regprocedure::text, ', '), 'none') as left from pg_proc p
      where (p.pronamespace in ('rt'::regnamespace, 'platform'::regnamespace) and p.prolang <> (select oid from pg_language where lanname = 'sql')
        or exists (select from pg_trigger t where t.tgfoid = p.oid and not t.tgisinternal)) and p.oid not in (select funcid from pg_stat_xact_user_functions)
        and p.oid <> 'rt_private.users_bounds()'::regprocedure -- it only raises, so that Postgres does not count it`))[0];
    is(left, 'none', 'every function that others call and every trigger has a part');
    is(story.filter((s) => /^select/.test(s)).length > 30, true, 'and it is a long story');
  });
  const same = async (name, set) => {
    const now = await told(set);
    const at = now.findIndex((line, i) => line !== usual[i]);
    return ok(at < 0 && now.length === usual.length, name, `${now[at]}\nas usual: ${usual[at]}`.replaceAll('\n', '\n# '));
  };
  if (!await same('a session with other settings: the same acks, events, errors and reads', others)) {
    for (const [k, v] of Object.entries(others)) await same(`${k} = ${v}`, { [k]: v });
  }
}

await run([['settings', settings]]);
