// Rotation by ticks (docs/event-path.md, "Rotation of the outbox"): bellwire.outbox_state, bellwire.ticks, rt_private.rotate.
import { PlainPump, Pump, blocked, connect, connectEdge, is, many, ok, outcome, run, until, uuid } from './lib.mjs';

// The slot that is neither written nor next, as rt_private.rotate chooses it; not just before the clock makes another one that.
async function slot(admin) {
  await admin.query('select pg_sleep(case when s > 570 then 600.1 - s else 0 end) from (select extract(epoch from clock_timestamp())::numeric % 600 as s) t');
  return admin.one('select (rt_private.outbox_slot(clock_timestamp()) + 2) % 3');
}
const put = (client, into, event) => client.query(`insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data) values ($1, rt_private.epoch_n(), array['r'], '{}', $2, '{}')`, [into, event]);
const tick = (client, age) => client.query("insert into bellwire.ticks (at) values (clock_timestamp() - $1::interval)", [age]);
const maintain = async (admin, edge) => {
  await admin.query("update bellwire.outbox_state set tried_at = '-infinity'");
  await admin.query('select tests.edge(950)');
  await edge.query('select * from rt.maintain($1)', [uuid(950)]);
};
const left = (admin, into) => admin.one(`select count(*)::int from bellwire.outbox_${into}`);

async function ticks() {
  const [admin, old] = await many(2);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  await admin.query("update bellwire.settings set value = '10' where name = 'outbox_retention'");
  const pump = await Pump.start();
  const early = { cursor: pump.cursor };
  await admin.query('truncate bellwire.outbox, bellwire.outbox_ephemeral');
  const s = await slot(admin);
  // younger than the only tick that is old enough
  await tick(admin, '1 minute');
  await put(admin, s, 'young');
  await maintain(admin, edge);
  is(await left(admin, s), 1, 'a row younger than the tick stays');
  is(await admin.one('select dropped from bellwire.outbox_state'), null, 'nothing was dropped');
  // in flight at the tick
  await old.query('begin');
  await put(old, s, 'in flight');
  await admin.query('delete from bellwire.ticks');
  await tick(admin, '1 minute');
  await old.query('commit');
  await maintain(admin, edge);
  is(await left(admin, s), 2, 'a row whose transaction was in flight at the tick stays');
  await pump.poll();
  await admin.query('delete from bellwire.ticks');
  await tick(admin, '5 s');
  await maintain(admin, edge);
  is(await left(admin, s), 2, 'a tick younger than the retention does not count');
  await admin.query('delete from bellwire.ticks');
  await tick(admin, '11 s');
  await pump.poll();
  await maintain(admin, edge);
  is(await left(admin, s), 0, 'what is older than an old tick goes');
  is(await admin.one('select dropped from bellwire.outbox_state'), await admin.one("select snapshot from bellwire.ticks where at < clock_timestamp() - interval '10 s'"), 'and that tick is what was dropped');
  const fetch = async (cursor) => (await edge.rows('select * from rt.fetch($1, $2)', [cursor, pump.epoch])).map((r) => r.control ?? r.event).join();
  is(await fetch(early.cursor), 'gap', 'a cursor from before: a gap');
  await pump.poll();
  is(pump.gaps.join(), '', 'the pump, which had read it, has none');
  is(await fetch(pump.cursor), 'ok', 'a cursor from after: none');
  is(await outcome(edge.query('select * from rt.fetch_page($1, $2, 0, 10, $3)', [early.cursor, pump.cursor, pump.epoch])), '40001', 'a page of a fetch that began before: again');
}

async function tries() {
  const admin = await connect();
  const edges = await many(3, connectEdge);
  await admin.query("update bellwire.settings set value = '10' where name = 'outbox_retention'");
  const s = await slot(admin);
  const age = () => admin.query("delete from bellwire.ticks; insert into bellwire.ticks (at) values (clock_timestamp() - interval '1 minute')");
  await put(admin, s, 'a');
  await age();
  const count = () => admin.one("select pg_sequence_last_value('bellwire.outbox_ephemeral_written')::int");
  const counted = await count();
  await maintain(admin, edges[0]);
  is(await left(admin, s), 0, 'an attempt');
  ok(await count() > counted, 'which is counted');
  await put(admin, s, 'b');
  await age();
  await admin.query('select tests.edge(951, 952)');
  await Promise.all(edges.map((e, i) => e.query('select * from rt.maintain($1)', [uuid(950 + i)])));
  is(await left(admin, s), 1, 'at most one in ten seconds, by whichever edge');
  await admin.query("update bellwire.outbox_state set tried_at = clock_timestamp() - interval '9 s'");
  await edges[0].query('select * from rt.maintain($1)', [uuid(950)]);
  is(await left(admin, s), 1, 'nine');
  await admin.query("update bellwire.outbox_state set tried_at = clock_timestamp() - interval '11 s'");
  await edges[0].query('select * from rt.maintain($1)', [uuid(950)]);
  is(await left(admin, s), 0, 'eleven');
  // neither the slot being written nor the next one
  for (const n of [0, 1, 2]) await put(admin, n, 'c');
  await age();
  await maintain(admin, edges[0]);
  is((await Promise.all([0, 1, 2].map((n) => left(admin, n)))).map((n, i) => (n ? '' : i)).join(''), String(s), 'only the last slot is emptied');
}

// A TRUNCATE that waits makes the pumps wait behind it: not for long.
async function waiting() {
  const [admin, writer] = await many(2);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  await admin.query("update bellwire.settings set value = '10' where name = 'outbox_retention'");
  const s = await slot(admin);
  await admin.query('truncate bellwire.outbox');
  await put(admin, s, 'old');
  await tick(admin, '1 minute');
  await writer.query('begin');
  await put(writer, s, 'being written');
  const pump = await Pump.start();
  await pump.client.query("set statement_timeout = '20s'");
  const attempt = maintain(admin, edge);
  let polls = 0;
  let over = false;
  const polling = (async () => {
    while (!over) {
      await pump.poll();
      polls++;
    }
  })();
  await attempt;
  is(await left(admin, s), 1, 'a writer is in the slot: it is left for later');
  ok(await admin.one("select tried_at > clock_timestamp() - interval '10 s' from bellwire.outbox_state"), 'ten seconds later');
  const so = polls;
  while (polls < so + 3) await pump.client.query('select 1');
  over = true;
  await polling;
  ok(polls > 0, 'and pumps go on, with the writer still there');
  await writer.query('commit');
}

// Truncated between the two looks of one fetch.
async function during() {
  const [admin, other] = await many(2);
  const pump = await Pump.start();
  await pump.poll();
  const s = await slot(admin);
  await put(admin, s, 'not fetched yet');
  await other.query('begin');
  await other.query(`lock table bellwire.outbox_${s} in access exclusive mode`);
  const fetch = outcome(pump.client.query('select * from rt.fetch($1, $2)', [pump.cursor, pump.epoch]));
  await blocked(admin, pump.client);
  await other.query(`truncate bellwire.outbox_${s}`);
  await other.query('update bellwire.outbox_state set dropped = pg_current_snapshot()');
  await other.query('commit');
  is(await fetch, '40001', 'a slot that is truncated during a fetch: the fetch is asked again');
  await pump.poll();
  is(pump.gaps.length, 1, 'and then tells the gap');
}

// A poll has its locks before its snapshot: what it waited for, rt.poll sees in `dropped`, and rt.poll_few in the count.
async function plainly(kind, after) {
  const [admin, other] = await many(2);
  const pump = await PlainPump.start();
  pump.knowsFew = kind === 'poll_few';
  pump.nobody = kind === 'poll_ids';
  const polls = async () => {
    await admin.query('select pg_current_xact_id()');
    pump.asked = [];
    await pump.poll();
    return pump.asked.join();
  };
  await until(async () => await polls() === kind);
  const s = await slot(admin);
  await put(admin, s, 'fetched');
  is(await polls(), kind, 'it brings a row');
  await put(admin, s, 'not fetched yet');
  await other.query('begin');
  await other.query(`lock table bellwire.outbox_${s} in access exclusive mode`);
  const poll = polls();
  await blocked(admin, pump.client);
  await other.query(`truncate bellwire.outbox_${s}`);
  await other.query('update bellwire.outbox_state set dropped = pg_current_snapshot()');
  await other.query('commit');
  is(await poll, after, 'a slot that is truncated while the poll waits for it: rt.fetch is asked');
  is(pump.gaps.join(), 'older than what the outbox keeps', 'which tells the gap');
  await put(admin, s, 'after');
  await until(async () => await polls() === kind); // and on from there
  is(pump.rows.at(-1).id, (await admin.one(`select max(id) from bellwire.outbox_${s}`)), 'with what is new');
}

// Other locks that rt.maintain meets do not keep it from the slot.
async function last() {
  const [admin, other] = await many(2);
  const edge = await connectEdge();
  await edge.query("set statement_timeout = '20s'");
  const pump = await Pump.start();
  await pump.client.query("set statement_timeout = '5s'");
  await admin.query("update bellwire.settings set value = '10' where name = 'outbox_retention'");
  await admin.query("insert into platform.users (id, name) values ($1, 'X') on conflict do nothing", [uuid(1)]);
  await admin.query('truncate bellwire.outbox');
  const s = await slot(admin);
  await put(admin, s, 'old');
  await admin.query('delete from bellwire.ticks');
  await tick(admin, '1 minute');
  await pump.poll();
  // an edge that lapsed, a user of whose is being opened elsewhere
  await admin.query("insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at) values ($1, 'dead', 0, now(), now() - interval '1 hour')", [uuid(960)]);
  await admin.query("insert into bellwire.sockets (socket_id, edge_id, user_id) values ('dead', $1, $2)", [uuid(960), uuid(1)]);
  await admin.query('insert into bellwire.presence (user_id, online) values ($1, true) on conflict (user_id) do update set online = true', [uuid(1)]);
  await other.query('begin');
  await other.query('select from bellwire.presence where user_id = $1 for update', [uuid(1)]);
  await maintain(admin, edge);
  is(await admin.one('select count(*)::int from bellwire.sockets where edge_id = $1', [uuid(960)]), 1, 'a row that somebody holds is not swept');
  is(await left(admin, s), 0, 'and the slot is emptied all the same');
  is(await outcome(pump.poll()), 'ok', 'a pump polls meanwhile');
  await other.query('commit');
}

await run([
  ['rotation: ticks', ticks],
  ['rotation: tries', tries],
  ['rotation: waiting', waiting],
  ['rotation: during a fetch', during],
  ['rotation: during rt.poll', () => plainly('poll', 'poll,fetch')],
  ['rotation: during rt.poll_few', () => plainly('poll_few', 'poll_few,poll_both,fetch')],
  ['rotation: during rt.poll_ids', () => plainly('poll_ids', 'poll_ids,fetch')],
  ['rotation: last', last],
]);
