// A clone in the same cluster brings the rows of production's edges along: its own edge ends none of their sessions
// (docs/availability.md). rt_private.pump_end, rt_private.restored.
import { execFileSync } from 'node:child_process';
import { NO_DUMP, pgDump } from '../../env/programs.mjs';
import { Pump, connect, connectEdge, is, ok, run, session, until, uuid } from './lib.mjs';

const url = process.env.BELLWIRE_TEST_DATABASE;
const name = `${new URL(url).pathname.slice(1)}_clone`;
const at = (database) => { const u = new URL(url); u.pathname = `/${database}`; return u.href; };
const lives = (admin, client) => admin.one('select exists (select from pg_stat_activity where pid = $1)', [client.processID]);

async function clone() {
  const program = pgDump(url);
  if (!program) return ok(true, `a clone # SKIP ${NO_DUMP}`);
  const admin = await connect();
  const production = await Pump.start(901);
  await admin.query("select rt_private.publish(array['r'], 'of production', '{}')");
  await admin.query(`drop database if exists ${name}`);
  await admin.query(`create database ${name}`);
  execFileSync('bash', ['-c', 'set -o pipefail; "$0" "$1" | psql -qX -v ON_ERROR_STOP=1 "$2" > /dev/null', program, url, at(name)], { env: { ...process.env, PGOPTIONS: '' } });
  const staging = await session({ connectionString: at(name) });
  is(await staging.one("select string_agg(name, ',') from bellwire.edges"), 'test', 'the dump has the edge of production');
  await staging.query("update bellwire.edges set seen_at = clock_timestamp() - interval '1 minute'");
  await staging.query('select * from rt.pump_open($1, $2)', [uuid(902), 'staging']);
  await staging.query('select * from rt.maintain($1)', [uuid(902)]);
  is(await lives(admin, production.client), true, 'an edge of the clone sweeps: the pump of production lives');
  is(await staging.one("select string_agg(name, ',') from bellwire.edges"), 'staging', 'what belongs to production is gone from the clone');
  is(await staging.one("select count(*)::int from bellwire.outbox where event = 'of production'"), 0, 'with its outbox');

  // whatever a row says: each of the four has to fit
  const row = await admin.rows('select pid, backend_start, application_name from bellwire.edges where edge_id = $1', [uuid(901)]);
  const tried = async (db, pid, start, application) => {
    await db.query(`insert into bellwire.edges (edge_id, name, pid, backend_start, application_name, seen_at)
      values ($1, 'x', $2, $3::text::timestamptz, $4, clock_timestamp() - interval '1 minute')
      on conflict (edge_id) do update set pid = excluded.pid, backend_start = excluded.backend_start, application_name = excluded.application_name`, [uuid(903), pid, start, application]);
    await db.query('select rt_private.pump_end($1)', [uuid(903)]);
    return lives(admin, production.client);
  };
  const start = await admin.one('select backend_start::text from bellwire.edges where edge_id = $1', [uuid(901)]);
  const { pid, application_name: application } = row[0];
  is(await tried(staging, pid, start, application), true, 'of another database');
  is(await tried(admin, pid, await admin.one("select ($1::text::timestamptz - interval '1 s')::text", [start]), application), true, 'with another start');
  is(await tried(admin, pid, start, `${application}x`), true, 'with another name');
  is(await tried(admin, pid, start, null), true, 'with none');
  const own = await connectEdge();
  await own.query('select * from rt.pump_open($1, $2)', [uuid(904), 'own']);
  await own.query('select rt_private.pump_end($1)', [uuid(904)]).catch(() => {});
  is(await lives(admin, own), true, 'no session ends itself');
  await tried(admin, pid, start, application);
  is(await until(async () => !await lives(admin, production.client)), true, 'where all of it fits it is ended');
  await staging.end();
  await admin.query(`drop database ${name} with (force)`);
}

await run([['history: a clone', clone]]);
