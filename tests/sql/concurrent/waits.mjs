// Connecting, leaving and maintenance wait for no row that somebody else holds: one open transaction of a service, a psql that was
// forgotten, would stop all sockets of an edge, or let the leases of all edges lapse.
import { Pump, blocked, closing, connect, connectEdge, is, many, ok, opening, outcome, run, uuid } from './lib.mjs';

const sockets = (...users) => users.map((u) => JSON.stringify({ socket_id: `w${u}`, user_id: uuid(u), clean: true }));
// A statement that waits for a lock now fails, and none that only has a busy machine below it.
const impatient = async (client) => { await client.query("set statement_timeout = '10s'"); return client; };

async function users() {
  const [admin, holder, service] = await many(3);
  await admin.query('select tests.users(1, 20), tests.edge(901)');
  const edge = await impatient(await connectEdge());
  const pump = await Pump.start(900);
  for (const [what, lock] of [['changed', 'update platform.users set name = name where id = $1'], ['locked', 'select from platform.users where id = $1 for update']]) {
    await holder.query('begin');
    await holder.query(lock, [uuid(5)]);
    const before = await admin.one('select last_seen_at::text from platform.users where id = $1', [uuid(5)]);
    is(await outcome(edge.query('select * from rt.socket_open($1, $2)', [uuid(901), sockets(4, 5, 6)])), 'ok', `a user whose row is being ${what} connects, and so do others`);
    is(await outcome(edge.query('select rt.socket_close($1, $2)', [uuid(901), sockets(4, 5, 6)])), 'ok', 'and leaves');
    const { rows } = await pump.poll();
    is(rows.filter((r) => r.event === 'user:offline').length, 3, 'all are told offline');
    is(await outcome(opening(edge, uuid(901), sockets(5))), 'ok', 'alone, too');
    is(await outcome(closing(edge, uuid(901), sockets(5))), 'ok', 'and leaves alone');
    is((await pump.poll()).rows.map((r) => r.event).join(), 'user:online,user:offline', 'and is told');
    is(await admin.one('select last_seen_at::text from platform.users where id = $1', [uuid(5)]), before, 'last_seen_at is not written');
    is(await outcome(edge.query('select rt.sweep($1)', [uuid(901)])), 'ok', 'nor waited for');
    await holder.query('commit');
    await edge.query('select rt.sweep($1)', [uuid(901)]);
    is(await admin.one("select last_seen_at > now() - interval '1 minute' from platform.users where id = $1", [uuid(5)]), true, 'but written when the row is free');
    is(await admin.one('select count(*)::int from bellwire.presence where last_seen_owed is not null'), 0, 'once');
    await admin.query("update platform.users set last_seen_at = null");
  }
  await service.end();
}

// A user who is deleted while connecting ends by the control row, which the snapshot of the rooms does not see.
async function deleted() {
  const [admin, holder] = await many(2);
  await admin.query('select tests.users(31, 31)');
  const edge = await impatient(await connectEdge());
  const pump = await Pump.start(900);
  await holder.query('begin');
  await holder.query('delete from platform.users where id = $1', [uuid(31)]);
  const [row] = await opening(edge, uuid(901), sockets(31));
  await holder.query('commit');
  const kick = (await pump.poll()).rows.find((r) => r.control === 'user_kick');
  ok(row.ok && !(await admin.one('select pg_visible_in_snapshot($1::xid8, $2::pg_snapshot)', [kick.xid, row.snapshot])), 'the kick comes after the rooms');
  await closing(edge, uuid(901), sockets(31));
  is(await admin.one('select count(*)::int from bellwire.presence where user_id = $1', [uuid(31)]), 0, 'and nothing of the user is left');
}

async function leases() {
  const [admin, holder] = await many(2);
  await admin.query('select tests.users(41, 60)');
  const edge = await impatient(await connectEdge());
  await edge.query('select * from rt.pump_open($1, $2)', [uuid(951), 'live']);
  await admin.query("insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at) values ($1, 'dead', 0, now(), now() - interval '1 hour')", [uuid(952)]);
  await admin.query("insert into bellwire.sockets (socket_id, edge_id, user_id) select 'd' || n, $1, tests.u(n) from generate_series(41, 60) n", [uuid(952)]);
  await admin.query('insert into bellwire.presence (user_id, online, offline_due) select tests.u(n), true, null from generate_series(41, 60) n');
  await admin.query("update bellwire.edges set seen_at = now() - interval '20 s' where edge_id = $1", [uuid(951)]);
  await holder.query('begin');
  await holder.query('select from bellwire.presence where user_id = $1 for no key update', [uuid(45)]);
  is(await outcome(edge.query('select rt.maintain($1)', [uuid(951)])), 'ok', 'a presence row in use is not waited for');
  is(await admin.one("select seen_at > now() - interval '5 s' from bellwire.edges where edge_id = $1", [uuid(951)]), true, 'the lease is renewed');
  is(await admin.one('select string_agg(socket_id, $1) from bellwire.sockets where edge_id = $2', [',', uuid(952)]), 'd45', 'the others are swept');
  await holder.query('commit');
  await edge.query('select rt.maintain($1)', [uuid(951)]);
  is(await admin.one('select count(*)::int from bellwire.edges where edge_id = $1', [uuid(952)]), 0, 'and the last one when its row is free');
}

// One presence row that somebody holds: the others of the batch connect and leave, and that user comes again.
async function presence() {
  const [admin, holder] = await many(2);
  await admin.query('select tests.users(61, 70), tests.edge(901)');
  const edge = await impatient(await connectEdge());
  const open = async (...users) => (await opening(edge, uuid(901), sockets(...users))).map((r) => r.ord).join();
  const register = async (...users) => (await edge.rows('select ord from rt.socket_register($1, $2)', [uuid(901), sockets(...users)])).map((r) => r.ord).join();
  const close = async (...users) => (await closing(edge, uuid(901), sockets(...users))).map((r) => r.ord).join();
  const there = () => admin.one("select string_agg(socket_id, ',' order by socket_id) from bellwire.sockets where edge_id = $1", [uuid(901)]);
  is(await open(61, 62, 63), '1,2,3', 'nobody holds one');
  await holder.query('begin');
  await holder.query('select from bellwire.presence where user_id = $1 for update', [uuid(62)]);
  is(await open(62, 64), '2', 'opening: a row for the others');
  is(await open(62), '', 'alone: none');
  is(await close(62), '1', 'closing alone: it comes again');
  is(await close(61, 62, 63), '2', 'closing: who comes again');
  is(await register(62, 65), '1', 'registering: the same');
  is(await there(), 'w62,w64,w65', 'what was done');
  is(await admin.one('select online from bellwire.presence where user_id = $1', [uuid(61)]), false, 'the others are offline');
  await holder.query('commit');
  is(await close(62), '', 'a free row: it closes');
  await edge.query('select rt.socket_close($1, $2)', [uuid(901), sockets(64, 65)]);
  // a row that somebody else is making
  await holder.query('begin');
  await holder.query('insert into bellwire.presence (user_id) values ($1)', [uuid(66)]);
  is(await open(66, 67), '2', 'a first opening of two users, one of whose rows is being made');
  is(await open(66), '', 'and of one alone');
  await holder.query('commit');
  is(await open(66), '1', 'until it is there');
  // a row that is held for a moment is waited for (rt_private.presence_wait)
  await holder.query('begin');
  await holder.query('select from bellwire.presence where user_id = $1 for update', [uuid(66)]);
  const waiting = close(66, 67);
  await blocked(admin, edge);
  await holder.query('commit');
  is(await waiting, '', 'a moment is waited for');
  for (const [what, alone, answer] of [['opening', open, '1'], ['closing', close, '']]) {
    await holder.query('begin');
    await holder.query('select from bellwire.presence where user_id = $1 for update', [uuid(66)]);
    const one = alone(66);
    await blocked(admin, edge);
    await holder.query('commit');
    is(await one, answer, `${what} alone, too`);
  }
}

await run([['waits: rows of users', users], ['waits: a presence row that somebody holds', presence], ['waits: a user who is being deleted', deleted], ['waits: leases', leases]]);
