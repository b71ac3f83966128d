// rt.events, and rt_private.rooms_of under it: the last events, for whom they may have been, and the rows that have become visible since a cursor.
import { connect, is, ok, run, uuid } from '../concurrent/lib.mjs';

const [anna, boris, clara] = [uuid(1), uuid(2), uuid(3)];
const chat = uuid(11);

async function people(db) {
  await db.query(`insert into platform.users (id, name) select unnest($1::uuid[]), 'x' on conflict do nothing`, [[anna, boris, clara]]);
  await db.query('insert into platform.chats (id) values ($1) on conflict do nothing', [chat]);
  await db.query('insert into platform.chat_participants (chat_id, user_id) select $1, unnest($2::uuid[]) on conflict do nothing', [chat, [anna, boris]]);
}

const publish = (db, rooms, event, except = [], ephemeral = false) =>
  db.query(`select rt_private.publish($1, $2, '{"x": "Привет 🎉"}', $3, $4)`, [rooms, event, except, ephemeral]);

// [cursor, names] of what rt.events says.
async function events(db, { from = null, user = null, room = null, event = null, limit = 100, bodies = false } = {}) {
  const rows = await db.rows('select * from rt.events($1, $2, $3, $4, $5, $6)', [from, user, room, event, limit, bodies]);
  return [rows[0].xid, rows.slice(1).map((r) => r.event ?? r.control).join(' '), rows.slice(1)];
}

async function since() {
  const [db, late] = [await connect(), await connect()];
  await people(db);
  const [before] = await events(db);
  await late.query('begin');
  await publish(late, ['r'], 't:late');
  await publish(db, ['r'], 't:one');
  await publish(db, ['r'], 't:two', [], true);
  const [cursor, seen, rows] = await events(db, { from: before });
  is(seen, 't:one t:two', 'what was committed since, in order');
  is(JSON.stringify(rows.map((r) => [r.ephemeral, r.data, r.bytes > 20])), '[[false,null,true],[true,null,true]]', 'envelopes alone');
  await late.query('commit');
  const [after, then] = await events(db, { from: cursor });
  is(then, 't:late', 'a row that was written before and committed later comes once');
  is((await events(db, { from: after }))[1], '', 'and then nothing');
  is((await events(db, { from: before, limit: 2 }))[1], 't:one t:two', 'the newest of more than there may be');
  is(JSON.stringify((await events(db, { from: before, limit: 1, bodies: true }))[2][0].data), '{"x":"Привет 🎉"}', 'bodies, where they are asked for');
}

async function whom() {
  const db = await connect();
  await people(db);
  await db.query(`insert into bellwire.sockets (socket_id, edge_id, user_id) values ('anna-socket', $1, $2)`, [uuid(901), anna]);
  const [before] = await events(db);
  await publish(db, null, 't:all');
  await publish(db, null, 't:others', [`user:${anna}`]);
  await publish(db, [`user:${anna}`], 't:anna');
  await publish(db, [`participants:${chat}`], 't:chat');
  await publish(db, [`chat:${chat}`], 't:screen');
  await publish(db, ['anna-socket', 'x'], 't:socket');
  await publish(db, [`user:${clara}`], 't:clara');
  await db.query('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [anna, clara]);
  await publish(db, [`followers:${clara}`], 't:followers');
  is((await events(db, { from: before, user: anna }))[1], 't:all t:anna t:chat t:screen t:socket user_join t:followers', 'what a user may have heard, and how she was moved');
  is((await events(db, { from: before, user: clara }))[1], 't:all t:others t:clara', 'another');
  is((await events(db, { from: before, room: `chat:${chat}` }))[1], 't:all t:others t:screen', 'a room');
  is((await events(db, { from: before, event: 't:chat' }))[1], 't:chat', 'a name');
  is((await events(db, { from: before, event: 'user_join' }))[1], 'user_join', 'a verb');
  is((await events(db, { from: before, user: uuid(999) }))[1], 't:all t:others', 'a user whom nobody knows');
  is((await events(db, { from: before, room: `"'; drop table x; -- \n 🎉` }))[1], 't:all t:others', 'a room with any name');
  const refused = await db.query('select * from rt.events(p_limit => 1001)').catch((e) => e.code);
  is(refused, 'RT400', 'a thousand at most');
  ok((await events(db, { limit: 3 }))[2].length === 3, 'without a cursor: the last ones');
}

// The cost of a look does not follow what the outbox holds.
async function bounded() {
  const db = await connect();
  await db.query(`insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data)
    select 0, n, array['r'], '{}', 't:many', '{}' from bellwire.epoch, generate_series(1, 30000)`);
  await db.query('set enable_seqscan = on');
  const plan = (await db.rows(`explain (analyze, costs off, timing off, summary off)
    select a.xid from bellwire.outbox a where a.xid >= '0'::xid8 order by 1 desc limit 10`)).map((r) => r['QUERY PLAN']).join('\n');
  ok(/Merge Append|Index/.test(plan), 'the newest are found by the index', plan);
  is((await events(db, { event: 't:one' }))[1], '', 'what lies behind 20 000 newer ones is not looked for');
}

await run([['since', since], ['whom', whom], ['bounded', bounded]]);
