// A deploy of sql/ (bellwire.code_begin, code_end, code_functions, ensure_trigger; bellwire.code, deploys, migrations), and migrations
// down and up again. `bellwire migrate` as a command is in tests/checks/migrate.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { NO_DUMP, pgDump } from '../../env/programs.mjs';
import { connect, is, many, ok, run, uuid } from '../concurrent/lib.mjs';

const url = process.env.BELLWIRE_TEST_DATABASE;
const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../..');
const call = promisify(execFile);

async function migrate(...options) {
  try {
    const { stdout, stderr } = await call(process.env.BELLWIRE_BIN, ['migrate', ...options], { env: { ...process.env, MIGRATE_DATABASE_URL: url }, timeout: 120000 });
    return { good: true, said: stdout + stderr };
  } catch (error) {
    return { good: false, said: `${error.stdout}${error.stderr}` };
  }
}
const force = () => migrate('--force');
const triggers = (admin) => admin.one("select string_agg(tgrelid::regclass || ' ' || tgname || ' ' || oid, ', ' order by tgrelid::regclass::text, tgname) from pg_trigger where not tgisinternal and tgparentid = 0");
const functions = (admin) => admin.one("select string_agg(oid || ' ' || oid::regprocedure::text, ', ' order by oid) from pg_proc where pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'platform'::regnamespace)");

async function readers() {
  const [admin, reader, writer] = await many(3);
  await admin.query('select tests.users(1, 2); select tests.chat(11, 1, 2)');
  const before = [await triggers(admin), await functions(admin)];
  const tables = (await admin.rows("select oid::regclass::text as name from pg_class where relnamespace in ('platform'::regnamespace) and relkind in ('r', 'p') union all select unnest('{bellwire.routes,bellwire.settings,bellwire.outbox}'::text[])")).map((r) => r.name);
  await reader.query('begin isolation level repeatable read');
  for (const t of tables) await reader.query(`select from ${t} limit 1`);
  await reader.query('select rt.get_chats($1, $2)', [uuid(1), {}]);
  await writer.query('begin');
  await writer.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x')", [uuid(11), uuid(1)]);
  await writer.query('update platform.users set name = name');
  const { good, said } = await force();
  ok(good && !/waiting/.test(said), 'a deploy waits neither for a long reader nor for a writer', said);
  await writer.query('commit');
  await reader.query('commit');
  is(await triggers(admin), before[0], 'triggers that did not change are the same');
  is(await functions(admin), before[1], 'functions are replaced, not made anew');
}

async function triggersFollow() {
  const admin = await connect();
  const oid = () => admin.one("select oid from pg_trigger where tgrelid = 'platform.messages'::regclass and tgname = 'messages_check'");
  const was = await oid();
  await admin.query("comment on trigger messages_check on platform.messages is 'bellwire of another version'");
  await admin.query("create function rt_private.old_trigger() returns trigger language plpgsql as 'begin return new; end'; alter function rt_private.old_trigger() owner to bellwire_owner");
  await admin.query("create trigger old_trigger before insert on platform.chats for each row execute function rt_private.old_trigger()");
  await admin.query("create trigger not_ours before insert on platform.chats for each row execute function rt_private.keys_fixed()");
  await admin.query("insert into bellwire.code (kind, name) values ('trigger', 'old_trigger on platform.chats'), ('function', 'rt_private.old_trigger()')");
  const { good, said } = await force();
  ok(good, 'a deploy', said);
  ok(await oid() !== was, 'a trigger whose definition changed is made again');
  is(await admin.one("select string_agg(tgname, ',' order by tgname) from pg_trigger where tgrelid = 'platform.chats'::regclass and not tgisinternal"), 'chats_gone,chats_truncated,not_ours,replicated', 'one that the code no longer has is dropped, somebody else\'s is not');
  is(await admin.one("select to_regprocedure('rt_private.old_trigger()')"), null, 'with its function');
  await admin.query('drop trigger not_ours on platform.chats');
}

async function others() {
  const admin = await connect();
  await admin.query("create function rt.shop_opened(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$; grant execute on function rt.shop_opened(uuid, jsonb) to bellwire_owner");
  await admin.query("insert into bellwire.routes (event, function) values ('shop:opened', 'rt.shop_opened'); update bellwire.routes set rate_burst = 7 where event = 'chat:join'");
  ok((await force()).good, 'a deploy beside somebody else\'s function');
  is(await admin.one("select to_regprocedure('rt.shop_opened(uuid, jsonb)') is not null and exists (select from bellwire.routes where event = 'shop:opened')"), true, 'leaves it and its route');
  is(await admin.one("select rate_burst from bellwire.routes where event = 'chat:join'"), 7, 'and a limit that an operator changed');
  is(await admin.one("select count(*)::int from bellwire.code where name like '%shop%'"), 0, 'and does not take it for its own');

  // something of a service depends on an object of ours: it is not dropped with cascade
  await admin.query("set role bellwire_owner; create function rt.was_ours() returns int language sql as 'select 1'; insert into bellwire.code (kind, name) values ('function', 'rt.was_ours()'); reset role; create view tests.built as select rt.was_ours() as n");
  const sum = await admin.one('select at from bellwire.deploys');
  const bad = await force();
  ok(!bad.good && /was_ours/.test(bad.said), 'a function that the code no longer has, in use by somebody: the deploy fails by name', bad.said);
  is(await admin.one('select n from tests.built'), 1, 'nothing of his is lost');
  is(String(await admin.one('select at from bellwire.deploys')), String(sum), 'and nothing was deployed');
  await admin.query('drop view tests.built');
  ok((await force()).good, 'without the user');
  is(await admin.one("select to_regprocedure('rt.was_ours()')"), null, 'it goes');

  // an overload of one of ours
  await admin.query("create function rt.rooms(p int) returns int language sql as 'select 1'");
  ok((await force()).good, 'an overload of somebody else\'s');
  is(await admin.one('select rt.rooms(1)'), 1, 'stays');
  await admin.query('drop function rt.rooms(int); drop function rt.shop_opened(uuid, jsonb) cascade; delete from bellwire.routes where event = $$shop:opened$$');
}

async function downAndUp() {
  const program = pgDump(url);
  if (!program) return ok(true, `migrations down and up # SKIP ${NO_DUMP}`);
  const admin = await connect();
  const dump = () => execFileSync(program, ['--schema-only', '--exclude-schema=tests', '--exclude-schema=public', url], { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, PGOPTIONS: '' } })
    .split('\n').filter((line) => !/^(--|\\(un)?restrict|$)/.test(line)).join('\n');
  const files = readdirSync(join(root, 'migrations')).filter((f) => f.endsWith('.sql')).sort().reverse();
  const down = async (file) => {
    const part = readFileSync(join(root, 'migrations', file), 'utf8').split('-- migrate:down\n')[1];
    await admin.query(`begin; set local role bellwire_owner; set local search_path = pg_catalog, pg_temp; ${part}; reset role; commit`);
  };
  const before = dump();
  ok(before.length > 20000, 'a schema', before.length);
  // back by one, two, four ..., and forth
  for (const [n, file] of files.slice(0, -1).entries()) {
    if ((n + 1) & n) continue;
    for (const one of files.slice(0, n + 1)) {
      await down(one);
      await admin.query('delete from bellwire.migrations where name = $1', [one.replace('.sql', '')]);
    }
    // triggers that depended on it are there again, since they are made with the code
    const { good, said } = await migrate();
    ok(good && /code .*: deployed/.test(said), `${file}: down, and up again with the code`, said);
    if (n === 0) is(dump(), before, `${file}: the same schema as before`);
  }
  const differs = (a, b) => a.split('\n').filter((l) => !b.includes(l)).concat(b.split('\n').filter((l) => !a.includes(l))).slice(0, 5).join(' | ');
  is(differs(dump(), before), '', 'back and forth: nothing is missing, nothing is new');
  for (const file of files) await down(file);
  is(await admin.one("select string_agg(nspname, ',') from pg_namespace where nspname in ('platform', 'bellwire', 'rt', 'rt_private')"), null, 'all down: nothing is left');
  const { good, said } = await migrate();
  ok(good, 'all up', said);
  is(differs(dump(), before), '', 'the same schema as before');
}

await run([
  ['code: readers and writers', readers],
  ['code: triggers', triggersFollow],
  ['code: others', others],
  ['code: migrations down and up', downAndUp],
]);
