// Crash, standby, failover, restore: a server of this test's own is killed (docs/decisions/0002-epochs.md; docs/event-path.md, "The cursor", "Restores and imports"). bellwire.epoch and epochs,
// rt_private.fetch_rows_across.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NO_DUMP, pgDump } from '../../env/programs.mjs';
import { PlainPump, Pump, is, ok, outcome, run, session, until, uuid } from './lib.mjs';

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../..');
const dir = mkdtempSync(join(root, 'build', 'test-crash-'));
const [primary, second] = [join(dir, 'primary'), join(dir, 'standby')];
const env = { ...process.env, PGOPTIONS: '', FSYNC: 'off' };
delete env.BELLWIRE_DEV_DATABASE_URL;
const server = (...args) => execFileSync(join(root, 'tests/env/postgres'), args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const database = (of, name = 'bellwire_test_crash') => server('url', of).replace(/[^/]*$/, name);
const psql = (at, ...args) => execFileSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', at, ...args], { env, encoding: 'utf8' });

async function open(of, name) {
  const { hostname, port, username, password } = new URL(server('url', of));
  return session({ host: hostname, port: Number(port), user: username, password, database: name ?? 'bellwire_test_crash' });
}
// A pump as the superuser: the role makes no difference to the rows that are fetched. Each has an edge of its own, so that none ends the session of another.
let edges = 0;
async function pumpAt(of, from, kind = Pump) {
  const pump = new kind(await open(of));
  await pump.client.query('select * from rt.pump_open($1, $2)', [uuid(910 + edges++), 'test']);
  if (from) Object.assign(pump, { cursor: from.cursor, epoch: from.epoch });
  else await pump.begin();
  return pump;
}
const publish = (db, event, ephemeral = false) => db.query("select rt_private.publish(array['r'], $1, '{}', p_ephemeral => $2)", [event, ephemeral]);
// Edges that come say so to the others: no matter here.
const news = ({ rows }) => rows.filter((r) => r.control !== 'edge_came');
const events = (answer) => news(answer).map((r) => r.event).join();

async function crash() {
  server('start', primary);
  psql(server('url', primary), '-c', 'create database bellwire_test_crash');
  execFileSync(process.env.BELLWIRE_BIN, ['migrate'], { env: { ...env, MIGRATE_DATABASE_URL: database(primary) }, stdio: 'ignore' });
  if (process.env.MUTANT) psql(database(primary), '-f', process.env.MUTANT);
  const db = await open(primary);
  const pump = await pumpAt(primary);
  await publish(db, 'one');
  await publish(db, 'typing', true);
  is(events(await pump.poll()), 'one,typing', 'before the crash');
  await publish(db, 'two');
  await publish(db, 'three');
  const durable = await db.one("select max(xid::text::bigint)::text from bellwire.outbox");
  const bare = { cursor: pump.cursor, epoch: pump.epoch };
  const ahead = await pumpAt(primary);
  const plain = await pumpAt(primary, bare, PlainPump);
  plain.light = '0'; // as if it had polled for long
  await plain.poll();
  // transactions whose ids never reach the disk, because who would write them stands still: the server gives them out again
  const walwriter = await db.one("select pid from pg_stat_activity where backend_type = 'walwriter'");
  process.kill(walwriter, 'SIGSTOP');
  await db.query('set synchronous_commit = off');
  for (let i = 0; i < 300; i++) {
    await db.query('begin');
    await db.query('select pg_current_xact_id()');
    await db.query('rollback');
  }
  // another edge has read all, the lost ids included
  await ahead.poll();
  process.kill(walwriter, 'SIGKILL');
  const back = await until(() => open(primary).catch(() => null), 60);
  ok(BigInt(await back.one('select pg_current_xact_id()::text')) < BigInt(ahead.cursor.split(':')[1]), 'transaction ids are given out again');
  is(await back.one('select count(*)::int from bellwire.epoch'), 0, 'the unlogged epoch is gone');
  for (const event of ['four', 'five']) await publish(back, event);
  await publish(back, 'typing again', true);
  const behind = await pumpAt(primary, bare);
  is(events(await behind.poll()), 'two,three,four,five,typing again', 'a cursor from before, behind: what it had not fetched and all that is new, once, in order');
  const front = await pumpAt(primary, ahead);
  is(events(await front.poll()), 'four,five,typing again', 'a cursor from before, ahead of the ids: what is new, though its ids look old');
  is(behind.gaps.length + front.gaps.length, 0, 'no gap: it is exact');
  plain.client = await open(primary);
  await plain.client.query('select * from rt.pump_open($1, $2)', [uuid(910 + edges++), 'test']);
  is(events(await plain.poll()), 'four,five,typing again', 'the same for one that asks rt.poll');
  plain.asked = [];
  is(news(await behind.poll()).length + news(await front.poll()).length + news(await plain.poll()).length, 0, 'once');
  await publish(back, 'six');
  is([events(await behind.poll()), events(await front.poll()), events(await plain.poll())].join(), 'six,six,six', 'and on from there');
  is(plain.asked.join(), 'poll_both,poll_both', 'by rt.poll again');
  is(await back.one('select count(*)::int from bellwire.epochs'), 2, 'both epochs are known');
  is((await back.rows('select control, data from rt.fetch($1, $2)', [bare.cursor, `${bare.epoch}x`])).map((r) => `${r.control} ${r.data}`).join(), 'gap an epoch that this database does not know', 'a cursor of an epoch that never was');
  ok(BigInt(durable) > 0n, 'durable rows had ids');
}

async function standby() {
  server('standby', second, primary);
  const db = await open(primary);
  const pump = await pumpAt(primary);
  const replica = await open(second);
  is(await replica.one('select pg_is_in_recovery()'), true, 'a standby');
  is(await outcome(replica.query('select * from rt.fetch(null, null)')), 'RT503', 'is not read: its snapshots hide what is in flight');
  is(await outcome(replica.query('select * from rt.fetch($1, $2)', [pump.cursor, pump.epoch])), 'RT503', 'not with a cursor either');
  is(await outcome(replica.query('select * from rt.pump_open($1, $2)', [uuid(900), 'x'])), 'RT503', 'no pump opens there');
  is(await outcome(replica.query("select * from rt.dispatch('{}')")), '25006', 'no batch runs there');
  await publish(db, 'before');
  server('kill', primary);
  await replica.query('select pg_promote(true, 60)');
  const after = new Pump(replica);
  Object.assign(after, { cursor: pump.cursor, epoch: pump.epoch });
  await after.poll();
  is(after.gaps.join(), 'another system or timeline', 'after a failover no cursor proves anything: a gap');
  await publish(replica, 'after');
  is(events(await after.poll()), 'after', 'and on from there');
}

// A dump of one cluster in another: its transaction ids, snapshots and edges mean nothing there.
async function restore() {
  const program = pgDump(database(second));
  if (!program) return ok(true, `restore # SKIP ${NO_DUMP}`);
  const db = await open(second);
  await db.query("insert into platform.users (id, name) values ('00000000-0000-4000-8000-000000000001', 'Anna')");
  await db.query('select * from rt.pump_open($1, $2)', [uuid(901), 'old']);
  await db.query("insert into bellwire.outbox (xid, slot, epoch, rooms, except_rooms, event, data) select (pg_current_xact_id()::text::bigint + n)::text::xid8, 0, 1, array['r'], '{}', 'from another world', '{}' from generate_series(1, 5000) n");
  await db.query("insert into bellwire.sockets (socket_id, edge_id, user_id) values ('s', $1, $2)", [uuid(901), uuid(1)]);
  await db.query("insert into bellwire.ticks (at, snapshot) values (now() - interval '1 hour', '900000000:900000000:')");
  await db.query("update bellwire.outbox_state set dropped = '900000000:900000000:'");
  const old = await pumpAt(second);
  // the primary of the first test is another branch of the same system: a cluster made anew is not
  const third = join(dir, 'third');
  server('start', third);
  psql(server('url', third), '-c', 'create database bellwire_test_crash', '-c', 'create role bellwire_owner', '-c', 'create role bellwire_edge login', '-c', 'create role bellwire_service', '-c', 'create role bellwire_operator', '-c', 'grant bellwire_edge to bellwire_owner');
  execFileSync('bash', ['-c', '"$0" "$1" | psql -qX -v ON_ERROR_STOP=1 "$2" > /dev/null', program, database(second), database(third)], { env });
  const there = await open(third);
  is(await there.one("select count(*)::int > 0 from bellwire.outbox where event = 'from another world'"), true, 'a dump brings the outbox along');
  const pump = await pumpAt(third);
  is(await there.one("select (select count(*) from bellwire.outbox where control is distinct from 'edge_came')::int + (select count(*) from bellwire.sockets)::int + (select count(*) from bellwire.ticks)::int"), 0, 'the first edge that comes empties what belongs to the other cluster');
  is(await there.one('select dropped from bellwire.outbox_state'), null, 'with its snapshots');
  ok(await there.one('select channel from bellwire.bell') !== await db.one('select channel from bellwire.bell'), 'the channel of bells that carry rows is a secret of its own');
  is(await there.one("select string_agg(name, ',') from bellwire.edges"), 'test', 'and its edges');
  is(await there.one('select name from platform.users'), 'Anna', 'the service\'s rows stay');
  // past the ids that were restored
  for (let i = 0; i < 20; i++) {
    await publish(there, `new ${i}`);
    await pump.poll();
  }
  is(pump.rows.length, 20, 'what is new is fetched, nothing else');
  is(pump.gaps.length, 0, 'without a gap');
  const moved = await pumpAt(third, old);
  await moved.poll();
  is(moved.gaps.join(), 'another system or timeline', 'a cursor of the other cluster: a gap');
  await publish(there, 'last');
  await pumpAt(third);
  is(events(await pump.poll()), 'last', 'the next edge empties nothing');
  server('stop', third);
}

try {
  await run([['crash', crash], ['standby', standby], ['restore', restore]]);
} finally {
  for (const d of [primary, second, join(dir, 'third')]) {
    try {
      server('stop', d);
    } catch { /* it was not made */ }
  }
  rmSync(dir, { recursive: true, force: true });
}
