// Plans of the hot statements with a million messages and a hundred thousand users, as auto_explain shows those that ran.
import { connect, connectEdge, dispatch, is, item, judge, listener, ok, run, uuid } from './lib.mjs';

// Two million rows need not ask whether they come from a subscription.
const replicated = (admin, how) => admin.query("select format('alter table %s %s trigger replicated', tgrelid::regclass, $1::text) as sql from pg_trigger where tgname = 'replicated'", [how])
  .then(({ rows }) => admin.query(rows.map((r) => r.sql).join(';')));

// The triggers are not what is tested here; they would take minutes.
async function fill(admin) {
  await replicated(admin, 'disable');
  const place = await admin.one("select pg_get_constraintdef(oid) from pg_constraint where conname = 'messages_chat_id_seq_key'");
  await admin.query(`
    set statement_timeout = 0;
    set session_replication_role = replica;
    set synchronous_commit = off;
    insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 100000) n;
    insert into platform.chats (id, created_at) select tests.u(n), now() - interval '100 days' from generate_series(1, 20000) n;
    insert into platform.chat_participants (chat_id, user_id, joined_at)
      select tests.u(c), tests.u((c * 7 + k * 9973) % 100000 + 1), now() - interval '100 days' from generate_series(1, 20000) c, generate_series(0, 9) k;
    insert into platform.chat_participants (chat_id, user_id, joined_at) select tests.u(c), tests.u(1), now() - interval '100 days' from generate_series(1, 200) c on conflict do nothing;
    insert into platform.chat_participants (chat_id, user_id, joined_at) select tests.u(1), tests.u(u), now() - interval '100 days' from generate_series(1, 900) u on conflict do nothing;
    -- indexes are made at the end: ten times cheaper than row by row
    alter table platform.messages drop constraint messages_chat_id_seq_key, drop constraint messages_sender_id_client_id_key;
    insert into platform.messages (id, chat_id, seq, sender_id, type, content, created_at)
      select tests.u(n), tests.u((n - 1) % 20000 + 1), (n - 1) / 20000 + 1, tests.u(((n - 1) % 20000 + 1) * 7 % 100000 + 1), 'text', 'a message', now() - interval '50 days' + n * interval '1 s'
      from generate_series(1, 1000000) n;
    insert into platform.messages (id, chat_id, seq, sender_id, type, content, created_at)
      select tests.u(10000000 + n), tests.u(20001), n, tests.u(99993), 'text', 'a message', now() - interval '50 days' + n * interval '1 s' from generate_series(1, 1000000) n;
    alter table platform.messages add constraint messages_chat_id_seq_key ${place}, add constraint messages_sender_id_client_id_key unique (sender_id, client_id);
    insert into platform.chats (id, created_at) values (tests.u(20001), now() - interval '200 days');
    insert into platform.chat_participants (chat_id, user_id, joined_at) select tests.u(20001), tests.u(n), now() - interval '200 days' from generate_series(99991, 99993) n;
    insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
      select tests.u(n), tests.u((((n - 1) % 20000 + 1) * 7 + 9973) % 100000 + 1), now(), case when n % 2 = 0 then now() end from generate_series(1, 200000) n;
    insert into platform.message_receipts (message_id, user_id, delivered_at, read_at) select tests.u(10000000 + n), tests.u(99991), now(), now() from generate_series(1, 1000000) n;
    insert into platform.follows (follower_id, followee_id) select tests.u(n), tests.u(n % 1000 + 1) from generate_series(1001, 51000) n;
    insert into platform.notifications (user_id, type, title, body, created_at, read_at)
      select tests.u(n % 2000 + 1), 'mention', 't', 'b', now() - n * interval '1 s', case when n % 10 <> 0 then now() end from generate_series(1, 100000) n;
    insert into platform.posts (id, author_id) select tests.u(n), tests.u(n % 100000 + 1) from generate_series(1, 20000) n;
    insert into platform.post_counts (post_id, likes_count) select tests.u(n), 2 from generate_series(1, 20000) n;
    insert into platform.post_likes (post_id, user_id) select tests.u(n), tests.u(n + k) from generate_series(1, 20000) n, generate_series(1, 2) k;
    insert into platform.post_comments (post_id, author_id, content) select tests.u(n), tests.u(n * 3), 'x' from generate_series(1, 20000) n;
    insert into bellwire.presence (user_id, online) select tests.u(n), true from generate_series(1, 100000) n;
    insert into bellwire.sockets (socket_id, edge_id, user_id) select 'sock' || n, tests.u(901), tests.u(n) from generate_series(1, 100000) n;
    reset session_replication_role;
  `);
  await replicated(admin, 'enable replica');
  await admin.query('vacuum analyze');
}

async function plans() {
  const admin = await connect();
  const began = Date.now();
  await fill(admin);
  console.log(`# filled in ${Date.now() - began} ms`);
  await admin.query('drop table if exists tests.none');
  const client = await listener('bellwire_edge');
  // six times: the first five plans are made for their values, the sixth is for all
  const each = async (name, most, sql, values) => {
    for (let i = 0; i < 5; i++) await client.query(sql, typeof values === 'function' ? values(i) : values);
    for (const i of [5, 6]) {
      client.take();
      await client.query(sql, typeof values === 'function' ? values(i) : values);
      judge(`${name} ${i === 5 ? '' : '(generic plan)'}`.trim(), client.take(), most);
    }
  };
  const chat = (n) => uuid(1000 + n);
  const member = (n) => uuid(((1000 + n) * 7) % 100000 + 1);
  await each('GET chats, 200 of them', 9000, 'select rt.get_chats($1, $2)', [uuid(1), {}]);
  const { rows: [{ place }] } = await admin.query(`select rt.get_chats($1, '{"limit": "50"}') ->> 'next_before' as place`, [uuid(1)]);
  await each('GET chats, a page', 9000, 'select rt.get_chats($1, $2)', [uuid(1), { limit: '20', before: place }]);
  await each('GET chats, a million messages that are read', 1500, 'select rt.get_chats($1, $2)', [uuid(99991), {}]);
  client.take();
  await client.query('select rt.get_chats($1, $2)', [uuid(99992), {}]);
  const million = client.take();
  judge('GET chats, a million messages that are not', million, 1002500);
  const lines = million.flatMap((p) => p.split('\n'));
  ok(lines.some((l) => /Index Only Scan using messages_chat_id_seq_key on messages .*rows=1000000(\.00)? /.test(l)), 'they are counted over the index', lines.filter((l) => /on messages/.test(l)).join('\n# '));
  is(lines.reduce((n, l) => n + Number(/Heap Fetches: (\d+)/.exec(l)?.[1] ?? 0), 0), 0, 'and it alone');
  await each('GET chats, a few', 1200, 'select rt.get_chats($1, $2)', (i) => [member(i), {}]);
  await each('GET messages', 700, 'select rt.get_messages($1, $2)', (i) => [member(i), { chat_id: chat(i) }]);
  await each('GET messages, a page', 700, 'select rt.get_messages($1, $2)', (i) => [member(i), { chat_id: chat(i), before: uuid(chat(i).slice(-6) * 1 + 20000 * 40), limit: '10' }]);
  await each('GET messages of others', 900, 'select rt.get_messages($1, $2)', (i) => [uuid((((1000 + i) * 7) + 9973) % 100000 + 1), { chat_id: chat(i) }]);
  for (const q of [{}, { is_read: 'true' }, { is_read: 'false' }, { is_read: 'false', limit: '5' }])
    await each(`GET notifications ${JSON.stringify(q)}`, 130, 'select rt.get_notifications($1, $2)', (i) => [uuid(i * 10 + 10), q]);
  await each('rooms', 2500, 'select * from rt.rooms($1)', (i) => [Array.from({ length: 64 }, (_, n) => uuid(5000 + i * 64 + n))]);
  await admin.query('select tests.edge(901)');
  await each('sockets open', 4000, 'select * from rt.socket_open($1, $2)', (i) => [uuid(901), Array.from({ length: 64 }, (_, n) => JSON.stringify({ socket_id: `new${i}-${n}`, user_id: uuid(9000 + i * 64 + n) }))]);
  await each('sockets close', 4000, 'select rt.socket_close($1, $2)', (i) => [uuid(901), Array.from({ length: 64 }, (_, n) => JSON.stringify({ socket_id: `new${i}-${n}`, user_id: uuid(9000 + i * 64 + n), clean: true }))]);
  await each('a batch of messages', 2000, 'select * from rt.dispatch($1)', (i) => [Array.from({ length: 16 }, (_, n) => item('chat:message:send', ((2000 + i * 16 + n) * 7) % 100000 + 1, `s${n}`, { chat_id: uuid(2000 + i * 16 + n), type: 'text', content: 'x', client_id: `c${i}-${n}` }))]);
  await each('a batch of reads and typing', 2000, 'select * from rt.dispatch($1)', (i) => [Array.from({ length: 16 }, (_, n) => {
    const c = 3000 + i * 16 + n;
    const user = (c * 7 + 9973 * 2) % 100000 + 1;
    return n % 2 ? item('chat:typing', user, `s${n}`, { chat_id: uuid(c), is_typing: true }) : item('chat:message:read', user, `s${n}`, { chat_id: uuid(c), message_id: uuid(c + 20000 * 30) });
  })]);
  await each('confirmations', 3000, 'select rt.confirm($1)', (i) => [Array.from({ length: 64 }, (_, n) => ({ confirm: { message_id: uuid(4001 + i * 64 + n + 20000 * 20) }, user_id: uuid(((4001 + i * 64 + n) * 7 + 9973 * 3) % 100000 + 1) }))]);
  const keys = (i, which) => Array.from({ length: 64 }, (_, n) => 4001 + i * 64 + n).map((c) => uuid(which === 'messages' ? c + 20000 * 21 : (c * 7 + 9973 * 3) % 100000 + 1));
  await each('confirmations by keys', 3000, "select rt.confirm('{}', $1, $2)", (i) => [keys(i, 'messages'), keys(i, 'users')]);
  await each('a confirmation by itself', 60, 'select rt.confirm_lone($1, $2, $3, false)', (i) => [uuid(4001 + i + 20000 * 22), uuid(((4001 + i) * 7 + 9973 * 3) % 100000 + 1), i % 2 === 0]);
  // one message in a chat of nine hundred: its size is looked at once, not once for each
  await each('confirmations in a large chat', 6000, 'select rt.confirm($1)', (i) => [Array.from({ length: 64 }, (_, n) => ({ confirm: { message_id: uuid(1 + 20000 * 10) }, user_id: uuid(100 + i * 64 + n) }))]);
  await each('confirmations in a large chat by keys', 6000, "select rt.confirm('{}', '{}', '{}', $1, $2)", (i) => [Array.from({ length: 64 }, () => uuid(1 + 20000 * 11)), Array.from({ length: 64 }, (_, n) => uuid(100 + i * 64 + n))]);
  await client.query('reset role');
  const own = await listener();
  const writer = async (name, most, sql, values) => {
    for (let i = 0; i < 6; i++) await own.query(sql, values(i));
    own.take();
    await own.query(sql, values(6));
    judge(name, own.take(), most);
  };
  await writer('a like', 60, 'insert into platform.post_likes (post_id, user_id) values ($1, $2)', (i) => [uuid(500 + i), uuid(90000)]);
  await writer('an unlike', 60, 'delete from platform.post_likes where post_id = $1 and user_id = $2', (i) => [uuid(500 + i), uuid(90000)]);
  await writer('a comment', 60, "insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", (i) => [uuid(500 + i), uuid(90000)]);
  await writer('a participant', 60, 'insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', (i) => [uuid(500 + i), uuid(90001)]);
  await writer('a follow', 60, 'insert into platform.follows (follower_id, followee_id) values ($1, $2)', (i) => [uuid(90000), uuid(500 + i)]);
  await writer('a notification', 60, "insert into platform.notifications (user_id, type, title, body) values ($1, 'mention', 't', 'b')", (i) => [uuid(i + 1)]);
  // all that hangs on a user is found by index, the cascade included
  await writer('a user is deleted', 4000, 'delete from platform.users where id = $1', (i) => [uuid(70000 + i)]);
  await writer('a chat is deleted', 4000, 'delete from platform.chats where id = $1', (i) => [uuid(15000 + i)]);

  const edge = await connectEdge();
  await edge.query('select * from rt.pump_open($1, $2)', [uuid(901), 'plans']);
  await edge.query('select * from rt.maintain($1)', [uuid(901)]);
  const start = process.hrtime.bigint();
  for (let i = 0; i < 5; i++) await edge.query('select * from rt.maintain($1)', [uuid(901)]);
  console.log(`# maintain with 100 000 online: ${Number(process.hrtime.bigint() - start) / 5e6} ms`);
  is((await dispatch(edge, [item('chat:message:send', 8, 's', { chat_id: uuid(1), type: 'text', content: 'x' })])).length, 2, 'and it all still works');
}

await run([['plans', plans]]);
