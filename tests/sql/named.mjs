// Everything of ours has its test. A function that is called from outside is tested by the file that lies in tests/sql where its own
// lies in sql/, a table of the service by a file of its name, and what is inside is called by some test. The runner leaves this
// for last, when all the others have run in the database that it asks.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { connect, ok, run } from './concurrent/lib.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const files = (dir) => readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
  if (e.isDirectory()) return files(join(dir, e.name));
  return /\.(sql|mjs)$/.test(e.name) && !['named.mjs', 'mutants.mjs', 'lib.sql'].includes(e.name) ? [join(dir, e.name)] : [];
});
const tested = (path) => ['sql', 'mjs'].some((ext) => existsSync(join(here, path.replace(/sql$/, ext))));
const sources = readFileSync(join(here, '../../sql/manifest'), 'utf8').trim().split('\n')
  .map((path) => ({ path, text: readFileSync(join(here, '../../sql', path), 'utf8') }));
const source = (name) => sources.find(({ text }) => text.includes(`create or replace function ${name}(`)).path;
// Tables of the edge of one subject share a file.
const shared = { outbox_ephemeral: 'publish', outbox: 'publish', outbox_state: 'rotation', ticks: 'rotation', epochs: 'epoch', epoch: 'epoch', looks: 'watch', marks: 'mark', asks: 'ask_edges', answers: 'answers', edges: 'pump_open', edges_gone: 'sweep',
  sockets: 'socket_open', presence: 'presence', deploys: 'code', migrations: 'code', recoveries: 'recover', places: 'messages', read_marks: 'unread', recovery_key: 'recovery_key', push_consumers: 'undelivered', pushes: 'undelivered', push_cursor: 'undelivered', notifications_taken: 'undelivered',
  verify_runs: 'verify_open', verify_people: 'verify_open', verify_chats: 'verify_open' };

async function named() {
  const db = await connect();
  const text = files(here).map((f) => readFileSync(f, 'utf8')).join('\n');
  const word = (name) => new RegExp(`\\b${name}\\b`).test(text);
  const paths = files(here);

  for (const { schema, name } of await db.rows(`select distinct pronamespace::regnamespace::text as schema, proname::text as name from pg_proc
      where pronamespace in ('rt'::regnamespace, 'platform'::regnamespace) order by 1, 2`))
    ok(tested(source(`${schema}.${name}`)), `${schema}.${name} has a file`);
  for (const { schema, name } of await db.rows(`select relnamespace::regnamespace::text as schema, relname::text as name from pg_class
      where relnamespace in ('platform'::regnamespace, 'bellwire'::regnamespace) and relkind in ('r', 'p') and not relispartition order by 1, 2`))
    ok(paths.some((p) => p.includes(`/${schema === 'bellwire' ? shared[name] ?? name : name}.`)), `${schema}.${name} has a file`);
  for (const { name, table } of await db.rows(`select tgname::text as name, tgrelid::regclass::text as table from pg_trigger
      where not tgisinternal and tgparentid = 0 and tgrelid::regclass::text ~ '^(platform|bellwire)\\.' order by 2, 1`))
    ok(word(name), `trigger ${name} on ${table} is tested by name`);

  // what Postgres counts, which is neither what it inlines nor what raises, or what a test names
  await db.query('select pg_stat_force_next_flush()');
  for (const { name, calls } of await db.rows(`select p.oid::regproc::text as name, coalesce(s.calls, 0)::int as calls
      from pg_proc p left join pg_stat_user_functions s on s.funcid = p.oid
      where p.pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'platform'::regnamespace, 'bellwire'::regnamespace) order by 1`))
    ok(calls > 0 || word(name.split('.')[1]), `${name} is called by a test`);
}

await run([['named', named]]);
