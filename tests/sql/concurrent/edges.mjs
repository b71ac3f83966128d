// An edge that is stuck with the bell armed makes everybody ring for nobody: another one ends its session (docs/event-path.md, "A sleeper that is stuck"). bellwire.edges.
import { blocked, connect, connectAs, connectEdge, is, outcome, many, run, until, uuid } from './lib.mjs';

const lapse = (admin, edge) => admin.query("update bellwire.edges set seen_at = clock_timestamp() - interval '31 s' where edge_id = $1", [uuid(edge)]);
const gone = (admin, client) => admin.one('select not exists (select from pg_stat_activity where pid = $1)', [client.processID]);
const armed = (admin) => admin.one("select count(*)::int from pg_locks where locktype = 'advisory' and (classid::bigint << 32) + objid::bigint = rt_private.bell_key() and objsubid = 1");

async function stuck() {
  const admin = await connect();
  const [stuckOne, live] = await many(2, connectEdge);
  await stuckOne.query('select * from rt.pump_open($1, $2)', [uuid(901), 'stuck']);
  await stuckOne.query('select * from rt.bell_arm()');
  await live.query('select * from rt.pump_open($1, $2)', [uuid(902), 'live']);
  await live.query('select * from rt.maintain($1)', [uuid(902)]);
  is(await armed(admin), 1, 'an edge whose lease runs is left alone');
  await lapse(admin, 901);
  await live.query('select * from rt.maintain($1)', [uuid(902)]);
  await until(() => gone(admin, stuckOne));
  is(await armed(admin), 0, 'one that lapsed is ended, and its bell with it');
  is(await admin.one('select string_agg(name, $1) from bellwire.edges', [',']), 'live', 'its row is gone');

  // its own session a second time: no row to sweep, and nothing else is ended
  const heir = await connectEdge();
  await heir.query('select * from rt.pump_open($1, $2)', [uuid(903), 'heir']);
  await admin.query("update bellwire.edges set backend_start = backend_start - interval '1 s' where edge_id = $1", [uuid(903)]);
  await lapse(admin, 903);
  await live.query('select * from rt.maintain($1)', [uuid(902)]);
  is(await admin.one('select count(*)::int from bellwire.edges where edge_id = $1', [uuid(903)]), 0, 'a lapsed row whose pid is now somebody else\'s is swept');
  is(await gone(admin, heir), false, 'but that session lives');
  await lapse(admin, 902);
  await live.query('select * from rt.maintain($1)', [uuid(902)]);
  is(await gone(admin, live), false, 'no edge ends itself');
}

// Everybody sweeps at once: leases that lapse together, users in common. What one of them finds locked by another comes with a later portion.
async function sweep() {
  const admin = await connect();
  await admin.query('select tests.users(1, 20)');
  const edges = await many(4, connectEdge);
  for (const [e, edge] of edges.entries()) await edge.query('select * from rt.pump_open($1, $2)', [uuid(931 + e), 'edge']);
  await admin.query("insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at) select tests.u(n), 'dead', 0, now(), now() - interval '1 hour' from generate_series(941, 946) n");
  await admin.query("insert into bellwire.sockets (socket_id, edge_id, user_id) select e || '-' || u, tests.u(e), tests.u(u) from generate_series(941, 946) e, generate_series(1, 20) u");
  await admin.query('insert into bellwire.presence (user_id, online) select tests.u(u), true from generate_series(1, 20) u');
  await Promise.all(edges.map((edge, e) => edge.query('select * from rt.maintain($1)', [uuid(931 + e)])));
  const dead = () => admin.one("select count(*)::int from bellwire.edges where name = 'dead'");
  await until(async () => {
    await edges[0].query('select rt.sweep($1)', [uuid(931)]);
    return await dead() === 0;
  });
  is(await dead(), 0, 'six dead edges, four that sweep at once');
  is(await admin.one('select count(*)::int from bellwire.sockets'), 0, 'their sockets are gone');
  is(await admin.one('select count(*)::int from bellwire.presence where online and offline_due is not null'), 20, 'their users have their grace');
}

// A login that is only a member of bellwire_edge, which the owner of the functions may not end.
async function member() {
  const admin = await connect();
  const name = `edge_${await admin.one('select current_database()')}`;
  await admin.query(`drop role if exists ${name}; create role ${name} login password 'member' in role bellwire_edge`);
  await admin.query('select tests.users(21, 22)');
  try {
    const [stuckOne, again, calls, live] = [await connectAs(name, 'member'), await connectAs(name, 'member'), await connectAs(name, 'member'), await connectEdge()];
    const socket = (s, u) => [JSON.stringify({ socket_id: s, user_id: uuid(u), clean: true })];
    await stuckOne.query('select * from rt.pump_open($1, $2)', [uuid(951), 'member']);
    await stuckOne.query('select * from rt.bell_arm()');
    is(await outcome(calls.query('select * from rt.socket_open($1, $2)', [uuid(951), socket('m', 21)])), 'ok', 'a member opens sockets');
    is(await outcome(calls.query('select * from rt.maintain($1)', [uuid(951)])), 'ok', 'and has a lease');
    await live.query('select * from rt.pump_open($1, $2)', [uuid(952), 'live']);
    await lapse(admin, 951);
    await live.query('select * from rt.maintain($1)', [uuid(952)]);
    is(await admin.one('select count(*)::int from bellwire.sockets where edge_id = $1', [uuid(951)]), 0, 'one that lapsed is swept');
    is(await outcome(calls.query('select * from rt.maintain($1)', [uuid(951)])), 'RT410', 'hears that it is not registered');
    is(await outcome(calls.query('select * from rt.socket_open($1, $2)', [uuid(951), socket('n', 21)])), 'RT410', 'and opens nothing');
    is(await stuckOne.one('show idle_session_timeout'), '35s', 'its pump, with the bell armed, ends by itself');
    await stuckOne.query("set idle_session_timeout = '1ms'");
    await until(() => gone(admin, stuckOne));
    is(await armed(admin), 0, 'and the bell with it');
    is(await outcome(again.query('select * from rt.pump_open($1, $2)', [uuid(951), 'member'])), 'ok', 'it registers again');
    is(await outcome(calls.query('select * from rt.socket_open($1, $2)', [uuid(951), socket('n', 21)])), 'ok', 'and opens sockets');
    await calls.query('select rt.socket_close($1, $2)', [uuid(951), socket('n', 21)]);
  } finally {
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [name]);
    await admin.query(`drop role ${name}`);
  }
}

// Another edge has found a step of the clock, and moves what all have, while this one renews its lease: its time is of before the step.
async function steps() {
  const [admin, other] = [await connect(), await connect()];
  const [edge] = await many(1, connectEdge);
  const at = () => admin.one('select clock_at::text from bellwire.edges where edge_id = $1', [uuid(961)]);
  await edge.query('select * from rt.pump_open($1, $2)', [uuid(961), 'renews']);
  await edge.query('select * from rt.maintain($1, 1000)', [uuid(961)]);
  const before = await at();
  await other.query('begin');
  await other.query("select rt_private.clock_move('1 hour')");
  const renewal = edge.query('select * from rt.maintain($1, 1000)', [uuid(961)]);
  await blocked(admin, edge);
  await other.query('commit');
  await renewal;
  is(await admin.one("select $1::text::timestamptz - $2::text::timestamptz = '1 hour'", [await at(), before]), true, 'what has moved is not written over with the time of before');
  await edge.query('select rt.edge_close($1)', [uuid(961)]);
  await edge.query('select rt.sweep($1)', [uuid(961)]);
}

await run([['edges: a step of the clock', steps], ['edges: a stuck sleeper', stuck], ['edges: sweeping', sweep], ['edges: a login that is only a member', member]]);
