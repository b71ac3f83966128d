// Receipts with several sessions (docs/event-path.md, "Receipts"): sorted, so that confirmations never wait for each other crosswise; told once.
import { Pump, blocked, connect, connectEdge, is, many, outcome, run, uuid } from './lib.mjs';

async function crosswise() {
  const admin = await connect();
  await admin.query('select tests.users(1, 6); select tests.chat(11, 1, 2, 3, 4, 5, 6)');
  await admin.query("insert into platform.messages (id, chat_id, sender_id, type, content) select tests.u(n), tests.u(11), tests.u(1), 'text', 'x' from generate_series(1001, 1600) n");
  const pump = await Pump.start();
  const edges = await many(4, connectEdge);
  const results = [];
  for (let round = 0; round < 10; round++) {
    const all = Array.from({ length: 60 }, (_, n) => n).flatMap((n) => [2, 3, 4, 5, 6].map((u) => ({ confirm: { message_id: uuid(1001 + round * 60 + n) }, user_id: uuid(u) })));
    // as values the trigger announces them, as keys the statement that writes them
    const call = (edge, list) => (round % 2 ? edge.query('select rt.confirm($1)', [list]) : edge.query("select rt.confirm('{}', $1, $2)", [list.map((c) => c.confirm.message_id), list.map((c) => c.user_id)]));
    results.push(...await Promise.all(edges.map((edge, e) => outcome(call(edge, e % 2 ? all : [...all].reverse())))));
  }
  is(results.filter((r) => r !== 'ok').join(), '', 'the same confirmations by four edges, in opposite order');
  await pump.poll();
  const told = pump.rows.filter((r) => r.event === 'chat:message:delivered').map((r) => JSON.parse(r.data)).map((d) => `${d.message_id} ${d.delivered_to}`);
  is(told.length, 3000, 'each is told');
  is(new Set(told).size, 3000, 'once');
  await Promise.all(edges.map((edge) => edge.query('select rt.dispatch($1)', [[2, 3].map((u) => JSON.stringify({ event: 'chat:message:read', user_id: uuid(u), socket_id: `s${u}`, payload: { chat_id: uuid(11), message_id: uuid(1001) } }))])));
  is((await pump.poll()).rows.filter((r) => r.event === 'chat:message:read').length, 2, 'read by four at once: the first counts');
}

// A message, its reader or the reader's place goes away at the moment of the confirmation.
async function gone() {
  const [admin, other] = await many(2);
  const [edge, keys, lone] = await many(3, connectEdge);
  await admin.query("insert into platform.messages (id, chat_id, sender_id, type, content) select tests.u(n), tests.u(11), tests.u(1), 'text', 'x' from generate_series(2001, 2010) n");
  const confirmLone = (message, user) => lone.one('select rt.confirm_lone($1, $2, false, false)', [uuid(message), uuid(user)]);
  const confirm = (user) => outcome(edge.query('select rt.confirm($1)', [Array.from({ length: 10 }, (_, n) => ({ confirm: { message_id: uuid(2001 + n) }, user_id: uuid(user) }))]));
  const confirmKeys = (user) => outcome(keys.query("select rt.confirm('{}', $1, $2)", [Array.from({ length: 10 }, (_, n) => uuid(2001 + n)), Array(10).fill(uuid(user))]));
  for (const [what, sql, user, message] of [
    ['a message is deleted', 'delete from platform.messages where id = tests.u(2005)', 2, 2005],
    ['a user is deleted', 'delete from platform.users where id = tests.u(3)', 3, 2006],
    ['a participant leaves', 'delete from platform.chat_participants where user_id = tests.u(4)', 4, 2005],
  ]) {
    await other.query('begin');
    await other.query(sql);
    const done = [confirm(user), confirmLone(message, user), confirmKeys(user)];
    if (user < 4) await Promise.all([edge, lone, keys].map((waits) => blocked(admin, waits))); // who leaves holds nothing that a receipt needs
    else await new Promise((resolve) => { setTimeout(resolve, 20); });
    await other.query('commit');
    is(await done[0], 'ok', `${what} under the confirmation: the others are receipts`);
    is(await done[1], null, 'and of one alone nothing is written');
    is(await done[2], 'ok', 'as keys, too');
  }
  is(await admin.one('select count(*)::int from platform.message_receipts where message_id >= tests.u(2001) and user_id = tests.u(2)'), 9, 'nine of ten');
}

// The outbox becomes ready between the statement of a call, which has found it unwatched and written nothing, and its end.
async function ready() {
  const [admin, holder] = await many(2);
  const edge = await connectEdge();
  await admin.query("insert into platform.messages (id, chat_id, sender_id, type, content) select tests.u(2101), tests.u(11), tests.u(1), 'text', 'x'");
  await admin.query('create function tests.pause() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(2101); return null; end $$');
  await admin.query('create trigger pause after insert on platform.message_receipts for each statement execute function tests.pause()');
  await admin.query("update bellwire.epoch set watched = 'empty'");
  await holder.query('select pg_advisory_lock(2101)');
  const done = edge.query("select rt.confirm('{}', $1, $2)", [[uuid(2101)], [uuid(2)]]);
  await blocked(admin, edge);
  await admin.query("update bellwire.epoch set watched = tstzrange(now() - interval '1 hour', now() + interval '1 hour')");
  await holder.query('select pg_advisory_unlock(2101)');
  await done;
  is(await admin.one('select count(*)::int from platform.message_receipts where message_id = $1', [uuid(2101)]), 1, 'the outbox is ready since: the receipt is written');
  await admin.query('drop trigger pause on platform.message_receipts');
  await edge.query('begin');
  await edge.query('select rt.confirm_lone($1, $2, false, false)', [uuid(2101), uuid(2)]);
  is(await edge.one('select pg_current_xact_id_if_assigned()::text'), null, 'one that is there already takes no transaction id');
  await edge.query('commit');
}

// A newer message comes while a page is read: the page shows the messages that its reader counts to have.
async function page() {
  const [admin, other, reader] = await many(3);
  await admin.query('select tests.users(7, 8); select tests.chat(12, 7, 8)');
  const say = (n) => admin.query("insert into platform.messages (id, chat_id, sender_id, type, content) values ($1, $2, $3, 'text', 'x')", [uuid(n), uuid(12), uuid(7)]);
  await say(3001);
  await other.query('begin');
  await other.query('insert into platform.message_receipts (message_id, user_id, delivered_at) values ($1, $2, now())', [uuid(3001), uuid(8)]);
  const answer = reader.one('select rt.get_messages($1, $2)', [uuid(8), { chat_id: uuid(12), limit: '1' }]);
  await blocked(admin, reader);
  await say(3002);
  await other.query('rollback');
  const shown = (await answer).items.map((m) => m.id).join();
  is(await admin.one('select string_agg(message_id::text, $2) from platform.message_receipts where user_id = $1 and delivered_at is not null', [uuid(8), ',']), shown, 'what counts as delivered is on the page');
}

await run([['receipts: crosswise', crosswise], ['receipts: gone', gone], ['receipts: ready', ready], ['receipts: page', page]]);
