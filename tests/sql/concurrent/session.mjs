// A batch changes nothing of its session (docs/event-path.md, "Poolers"), and what it acks has been flushed ("Durability is the batch's").
import { connect, connectEdge, dispatch, dispatched, is, item, many, ok, outcome, route, run, uuid, world } from './lib.mjs';

const state = async (client) => ({
  settings: await client.rows('select name, setting from pg_settings order by name'),
  custom: JSON.stringify(await client.rows("select coalesce(current_setting('bellwire.' || n, true), '') as v from unnest('{socket_id,dispatch,published,silent,silent_noted,others}'::text[]) n")),
  advisory: await client.one("select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
  prepared: await client.one('select count(*)::int from pg_prepared_statements'),
  cursors: await client.one('select count(*)::int from pg_cursors'),
  listening: await client.one('select count(*)::int from pg_listening_channels()'),
  temporary: await client.one('select pg_my_temp_schema()::text'),
  role: await client.one('select current_user || session_user'),
});

async function unchanged() {
  const admin = await connect();
  await world(admin, 2, { 11: [1, 2] });
  await route(admin, 'ses_async', "begin perform set_config('synchronous_commit', 'off', true); return '{}'; end");
  await route(admin, 'ses_fail', "begin raise exception 'x'; end");
  const edge = await connectEdge();
  await edge.query('do $$ begin end $$');      // plpgsql brings settings of its own
  const before = await state(edge);
  const items = [
    item('chat:message:send', 1, 's', { chat_id: uuid(11), type: 'text', content: 'x' }), item('chat:join', 1, 's', { chat_id: uuid(11) }),
    item('chat:typing', 2, 't', { chat_id: uuid(11), is_typing: true }), item('ses_async', 1, 's', {}), item('ses_fail', 2, 't', {}), 'x', item('chat:leave', 1, 's', {}),
  ];
  for (let i = 0; i < 8; i++) await dispatch(edge, items);      // past the fifth, plans are generic
  for (let i = 0; i < 8; i++) for (const one of items) await dispatch(edge, [one]);
  await dispatch(edge, items.slice(0, 3));      // none that fails
  for (const one of items) await edge.query('select * from rt.dispatch_one($1)', [one]);
  await dispatch(edge, [items[2]]);
  await outcome(dispatch(edge, Array(33).fill(items[2])));
  await edge.query('select rt.confirm($1)', [[]]);
  await admin.query('select tests.edge(900)');
  await edge.query('select * from rt.socket_open($1, $2)', [uuid(900), [JSON.stringify({ socket_id: 'x', user_id: uuid(1) })]]);
  await edge.query('select rt.socket_close($1, $2)', [uuid(900), [JSON.stringify({ socket_id: 'x', user_id: uuid(1), clean: true })]]);
  await edge.query('select * from rt.maintain($1)', [uuid(900)]);
  await edge.query('select rt.get_chats($1, $2)', [uuid(1), {}]);
  const after = await state(edge);
  is(after.settings.filter((s, i) => s.setting !== before.settings[i].setting).map((s) => `${s.name} ${s.setting}`).join(), '', 'settings as before');
  delete before.settings;
  for (const what of Object.keys(before)) is(after[what], before[what], `${what} as before`);
}

// Behind an acked batch the WAL is on disk; a batch of typing does not wait for it.
async function flushed() {
  const admin = await connect();
  const edge = await connectEdge();
  await admin.query("alter system set wal_writer_delay = '10s'");
  await admin.query('select pg_reload_conf()');
  await admin.query('create table tests.flushed (n int); grant all on tests.flushed to bellwire_owner');
  await route(admin, 'flu_put', "begin insert into tests.flushed values (1); return to_jsonb(pg_current_wal_insert_lsn()::text); end");
  await route(admin, 'flu_put_off', "begin insert into tests.flushed values (1); set local synchronous_commit = off; return to_jsonb(pg_current_wal_insert_lsn()::text); end");
  await route(admin, 'flu_off', "begin set local synchronous_commit = off; return '{}'; end");
  await admin.query("update bellwire.routes set ephemeral = false where event like 'flu%'");
  await admin.query("select tests.route('flu_eph', 'begin insert into tests.flushed values (1); return to_jsonb(pg_current_wal_insert_lsn()::text); end', p_ephemeral => true)");
  const lag = async (items, at) => {
    const rows = await dispatched(edge, items);
    return edge.one('select pg_wal_lsn_diff($1, pg_current_wal_flush_lsn())::int', [JSON.parse(rows[at].body)]);
  };
  let late = 0;
  for (let i = 0; i < 20; i++) if (await lag([item('flu_put', 1, 'a', {}), item('flu_off', 1, 'b', {})], 0) > 0) late++;
  is(late, 0, 'an item that turns synchronous_commit off: what is acked is on disk all the same');
  for (let i = 0; i < 20; i++) if (await lag([item('flu_put_off', 1, 'a', {})], 0) > 0) late++;
  is(late, 0, 'alone, too');
  let early = 0;
  for (let i = 0; i < 20; i++) if (await lag([item('flu_eph', 1, 'a', {})], 0) > 0) early++;
  ok(early > 0, 'ephemeral items alone do not wait', early);
  await admin.query('alter system reset wal_writer_delay');
  await admin.query('select pg_reload_conf()');
}

// Two sends of one moment in one chat: under a snapshot from before the lock the second would get the first one's place.
async function isolation() {
  const admin = await connect();
  await admin.query('select tests.users(3, 4), tests.chat(12, 3, 4)');
  const name = await admin.one('select current_database()');
  await admin.query(`alter database ${name} set default_transaction_isolation = 'repeatable read'`);
  try {
    const edge = await connectEdge();
    is(await edge.one('select current_setting($1)', ['transaction_isolation']), 'read committed', 'a database of another isolation: the edge keeps its own');
    const edges = await many(4, connectEdge);
    const sent = await Promise.all(edges.map(async (e, n) => {
      const all = [];
      for (let i = 0; i < 50; i++) all.push(...await e.rows('select * from rt.dispatch_one($1)', [item('chat:message:send', n % 2 + 3, 's', { chat_id: uuid(12), type: 'text', content: 'x' })]));
      return all;
    }));
    is(sent.flat().filter((r) => r.ord && r.code === 'INVALID_DATA').length, 0, 'and no two messages want one place');
  } finally {
    await admin.query(`alter database ${name} reset default_transaction_isolation`);
  }
}

await run([['session: unchanged', unchanged], ['session: flushed', flushed], ['session: isolation', isolation]]);
