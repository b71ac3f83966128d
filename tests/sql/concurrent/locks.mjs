// Locks of a batch: first, sorted, never waited for; one item never fails the others; membership takes the chat's lock (docs/event-path.md, "Locks first, sorted" and the two rules behind it).
import { Pump, blocked, connect, connectEdge, dispatch, is, item, many, ok, outcome, random, route, run, until, uuid, world } from './lib.mjs';

const say = (user, socket, chat) => item('chat:message:send', user, socket, { chat_id: uuid(chat), type: 'text', content: `${socket} ${chat}` });
const alone = async (client, one) => (await client.rows('select * from rt.dispatch_one($1)', [one])).filter((r) => r.ord === 1).map((r) => [r.outcome, r.code, r.sqlstate].filter(Boolean).join(' '))[0];

// A statement that waits for a lock now waits for ever, so a test that passes has not waited.
async function patient(admin, f) {
  const all = (timeout) => admin.query(`alter function rt.dispatch(text[]) set lock_timeout = '${timeout}';
    alter function rt.dispatch_lone(text, uuid, text, text) set lock_timeout = '${timeout}'`);
  await all('0');
  try {
    return await f();
  } finally {
    await all('250ms');
  }
}

async function foreign() {
  const [admin, other] = await many(2);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  await world(admin, 3, { 11: [1, 2], 12: [1, 2], 13: [2, 3] });
  await other.query('begin');
  await other.query('select from platform.chats where id = $1 for update', [uuid(11)]);
  await patient(admin, async () => {
    is((await dispatch(edge, [say(2, 'c', 12), say(1, 'a', 11), say(1, 'b', 12), item('chat:leave', 1, 'a', { chat_id: uuid(12) }), say(1, 'a', 12), say(3, 'd', 13)])).join(', '),
      'ok, deferred, ok, deferred, deferred, ok, published', 'a chat that somebody holds: its item and what that socket sent later come back, the others are done');
    is((await dispatch(edge, [say(1, 'a', 11)])).join(', '), 'deferred, quiet', 'one item waits no more than many');
  });
  is((await admin.rows('select content from platform.messages order by content')).map((r) => r.content).join(), 'b 12,c 12,d 13', 'and committed');
  is(await alone(edge, say(1, 'a', 11)), 'error UNAVAILABLE 55P03', 'alone it waits, then UNAVAILABLE');
  const start = process.hrtime.bigint();
  await alone(edge, say(1, 'a', 11));
  ok(process.hrtime.bigint() - start >= 240000000n, 'for 250 ms');
  await admin.query("alter function rt.dispatch_one(text) set lock_timeout = '20s'");
  const retry = alone(edge, say(1, 'a', 11));
  await blocked(admin, edge);
  await other.query('commit');
  is(await retry, 'ok', 'and is done when the holder lets go');
  await admin.query("alter function rt.dispatch_one(text) set lock_timeout = '250ms'");
}

async function opposite() {
  const admin = await connect();
  const chats = Array.from({ length: 40 }, (_, n) => 100 + n);
  await admin.query("insert into platform.users (id, name) values (tests.u(4), 'Fourth')");
  await admin.query('select tests.chat(c, 1, 2, 3, 4) from unnest($1::int[]) c', [chats]);
  const edges = await many(4, connectEdge);
  for (const edge of edges) await edge.query("set statement_timeout = '20s'");
  const seen = new Map();
  await patient(admin, () => Promise.all(edges.map(async (edge, e) => {
    const rnd = random(e + 1);
    for (let i = 0; i < 60; i++) {
      const order = e % 2 ? chats : [...chats].reverse();
      const some = order.filter(() => rnd() < 0.4);
      for (const o of (await dispatch(edge, some.map((c) => say(e + 1, `s${e}${c}`, c)))).slice(0, -1)) seen.set(o, (seen.get(o) ?? 0) + 1);
    }
  })));
  is([...seen.keys()].sort().join(), 'deferred,ok', `batches that go through the same chats in opposite order: ${JSON.stringify([...seen])}`);
  ok(seen.get('ok') > 500, 'most are done at once', seen.get('ok'));
  is(await admin.one('select count(*)::int from platform.messages where chat_id >= $1', [uuid(100)]), seen.get('ok'), 'each of those once');
}

async function join() {
  const [admin, other] = await many(2);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  await admin.query('select tests.chat(201, 1, 2)');
  const pump = await Pump.start();
  const enter = item('chat:join', 1, 'j', { chat_id: uuid(201) });
  await other.query('begin');
  await other.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(201), uuid(1)]);
  await patient(admin, async () => is((await dispatch(edge, [enter])).join(), 'deferred,quiet', 'a join while the participant is being removed'));
  await other.query('commit');
  is(await alone(edge, enter), 'error FORBIDDEN RT403', 'is refused after it');
  await admin.query('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [uuid(201), uuid(1)]);
  await edge.query('begin');
  is((await dispatch(edge, [enter])).join(), 'ok,published', 'a join');
  const removal = other.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(201), uuid(1)]);
  await blocked(admin, other);
  await edge.query('commit');
  await removal;
  const { rows } = await pump.poll();
  const verbs = rows.filter((r) => (JSON.parse(r.data).room ?? '').startsWith('chat:')).map((r) => r.control);
  is(verbs.join(), 'user_leave,socket_join,user_leave', 'the leave of a removal follows the join');
  // not by way of the lock key: a caller who takes no lock first
  await admin.query('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [uuid(201), uuid(1)]);
  await other.query('begin');
  await other.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(201), uuid(1)]);
  is(await outcome(admin.query('select rt.chat_join($1, $2)', [uuid(1), { chat_id: uuid(201) }])), '55P03', 'nor does the function itself wait for a removal');
  await other.query('rollback');
  // a removal that has the participant's row and has not come to the chat yet: alone, a join lets it pass
  for (const [end, want] of [['commit', 'error FORBIDDEN RT403'], ['rollback', 'ok']]) {
    await admin.query('insert into platform.chat_participants (chat_id, user_id) values ($1, $2) on conflict do nothing', [uuid(201), uuid(1)]);
    await other.query('begin');
    await other.query('select from platform.chat_participants where chat_id = $1 and user_id = $2 for update', [uuid(201), uuid(1)]);
    await admin.query("alter function rt.dispatch_one(text) set lock_timeout = '20s'");
    const entry = alone(edge, enter);
    // the time that its first attempt took shows that it has been there
    await until(async () => (await admin.one("select count(*)::int from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'", [edge.processID])) === 1);
    await other.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(201), uuid(1)]);
    await other.query(end);
    is(await entry, want, `a join that meets a removal on its way to the chat: ${end}`);
    await admin.query("alter function rt.dispatch_one(text) set lock_timeout = '250ms'");
  }
}

async function membership() {
  const [admin, one, two] = await many(3);
  await admin.query('select tests.chat(211, 1)');
  const pump = await Pump.start();
  const message = (client) => client.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x')", [uuid(211), uuid(1)]);
  const enter = (client, user) => client.query('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [uuid(211), uuid(user)]);
  const leave = (client, user) => client.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(211), uuid(user)]);
  for (const [name, first, second, want] of [
    ['a message, then a member', message, (c) => enter(c, 2), 'chat:message:new,user_join'],
    ['a member, then a message', (c) => enter(c, 3), message, 'user_join,chat:message:new'],
    ['a message, then the end of participation', message, (c) => leave(c, 2), 'chat:message:new,user_leave,user_leave'],
    ['the end of participation, then a message', (c) => leave(c, 3), message, 'user_leave,user_leave,chat:message:new'],
  ]) {
    await one.query('begin');
    await first(one);
    const then = second(two);
    await blocked(admin, two);
    await one.query('commit');
    await then;
    const { rows } = await pump.poll();
    is(rows.map((r) => r.event ?? r.control).join(), want, `${name}: the second waits for the first`);
  }
  await enter(admin, 2);
  await one.query('begin');
  await message(one);
  const gone = two.query('delete from platform.users where id = $1', [uuid(2)]);
  await blocked(admin, two);
  await one.query('commit');
  await gone;
}

// A message has its chat and wants its sender, who is being deleted and wants the chat.
async function deletion() {
  const [admin, remover, other] = await many(3);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  await admin.query("insert into platform.users (id, name) select tests.u(n), 'X' from generate_series(501, 504) n");
  await admin.query('select tests.chat(221, 501, 502)');
  await remover.query('begin');
  await remover.query('delete from platform.users where id = $1', [uuid(501)]);
  await admin.query("update bellwire.lock_keys set relation = 'platform.posts'");     // so that the batch does not see it by the chat
  is((await dispatch(edge, [item('chat:typing', 502, 'b', { chat_id: uuid(221), is_typing: true }), say(501, 'a', 221)])).join(), 'ok,deferred,published', 'the message comes back');
  await admin.query("update bellwire.lock_keys set relation = 'platform.chats'");
  is((await dispatch(edge, [say(502, 'b', 221)])).join(), 'deferred,quiet', 'as everything in that chat does');
  await remover.query('commit');
  is(await alone(edge, say(501, 'a', 221)), 'error FORBIDDEN RT403', 'and is refused after it');

  // two at once who share chats, in opposite order
  await admin.query('select tests.chat(c, 502) from generate_series(230, 249) c');
  await admin.query('insert into platform.chat_participants (chat_id, user_id) select tests.u(c), tests.u(503) from generate_series(230, 249) c');
  await admin.query('insert into platform.chat_participants (chat_id, user_id) select tests.u(c), tests.u(504) from generate_series(249, 230, -1) c');
  await other.query('begin');
  await other.query('select from platform.chats where id = $1 for update', [uuid(240)]);
  const first = outcome(remover.query('delete from platform.users where id = $1', [uuid(503)]));
  await blocked(admin, remover);
  const last = await connect();
  const second = outcome(last.query('delete from platform.users where id = $1', [uuid(504)]));
  await blocked(admin, last);
  await other.query('commit');
  is(`${await first},${await second}`, 'ok,ok', 'two users with the same chats are deleted at once');
}

async function isolation() {
  const [admin, other] = await many(2);
  const edge = await connectEdge();
  await admin.query('create table tests.isolated (n int primary key, v int not null default 0); grant all on tests.isolated to bellwire_owner; insert into tests.isolated values (1), (2)');
  await route(admin, 'iso_put', "begin insert into tests.isolated values ((p_payload ->> 'n')::int); return '{}'; end");
  await route(admin, 'iso_sleep', "begin insert into tests.isolated values ((p_payload ->> 'n')::int); perform pg_sleep(30); return '{}'; end");
  await route(admin, 'iso_both', "begin update tests.isolated set v = v + 1 where n = 1; while not exists (select from tests.signal) loop perform pg_sleep(0.005); end loop; update tests.isolated set v = v + 1 where n = 2; return '{}'; end");
  const rows = async () => (await admin.rows('select n from tests.isolated where n > 2 order by n')).map((r) => r.n).join();

  // a statement timeout is the whole call's: nothing of it happened, and the edge asks again item by item
  const within = (time) => edge.query(`set statement_timeout = '${time}'`);
  await within('300ms');
  is(await outcome(dispatch(edge, [item('iso_put', 1, 'a', { n: 11 }), item('iso_sleep', 1, 'b', { n: 12 }), item('iso_put', 1, 'c', { n: 13 })])), '57014', 'a statement timeout fails the batch');
  is(await rows(), '', 'of which nothing is left');
  await within('20s');
  is(await alone(edge, item('iso_put', 1, 'a', { n: 11 })), 'ok', 'alone: one');
  await within('300ms');
  is(await outcome(alone(edge, item('iso_sleep', 1, 'b', { n: 12 }))), '57014', 'the one that is at fault');
  await within('0');
  is(await alone(edge, item('iso_put', 1, 'c', { n: 13 })), 'ok', 'the other');
  is(await rows(), '11,13', 'and they are there');

  // a real deadlock: the item is the victim, its neighbours are not
  await admin.query('create table tests.signal (n int); grant all on tests.signal to bellwire_owner');
  await admin.query("alter role bellwire_edge set deadlock_timeout = '20ms'");
  const quick = await connectEdge();
  await admin.query('alter role bellwire_edge reset deadlock_timeout');
  await other.query("set deadlock_timeout = '20s'");
  // the item has the first row; the other has the second and waits for the first; then the item wants the second
  const circle = async (items) => {
    await admin.query('delete from tests.signal');
    await other.query('begin');
    await other.query('update tests.isolated set v = 0 where n = 2');
    const batch = dispatch(quick, items);
    await until(() => admin.one("select wait_event = 'PgSleep' from pg_stat_activity where pid = $1", [quick.processID]));
    const crossed = other.query('update tests.isolated set v = 0 where n = 1');
    await blocked(admin, other);
    await admin.query('insert into tests.signal values (1)');
    const got = (await batch).join();
    await crossed;
    await other.query('commit');
    return got;
  };
  is(await circle([item('iso_both', 1, 'b', {})]), 'deferred,quiet', 'a deadlock');
  is(await circle([item('iso_put', 1, 'a', { n: 21 }), item('iso_both', 1, 'b', {}), item('iso_put', 1, 'c', { n: 22 })]), 'ok,deferred,ok,quiet', 'in a batch');
  is(await rows(), '11,13,21,22', 'its neighbours are done');
  is(await alone(quick, item('iso_both', 1, 'b', {})), 'ok', 'and it alone, afterwards');
}

await run([
  ['locks: a foreign lock', foreign],
  ['locks: opposite order', opposite],
  ['locks: join and removal', join],
  ['locks: membership', membership],
  ['locks: a user is deleted', deletion],
  ['locks: one item never fails the others', isolation],
]);
