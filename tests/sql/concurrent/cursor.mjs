// The cursor: a committed row is fetched once, another one never (docs/event-path.md, "The cursor", "Large transactions").
import { PlainPump, Pump, connect, connectEdge, is, many, ok, random, run, sleep, until, uuid } from './lib.mjs';

const key = (row) => `${row.event} ${row.data} ${row.ephemeral}`;

function compare(have, want, name) {
  const counts = new Map();
  for (const k of have) counts.set(k, (counts.get(k) ?? 0) + 1);
  const lost = [...want].filter((k) => !counts.has(k));
  const twice = [...counts].filter(([, n]) => n > 1);
  const strange = [...counts.keys()].filter((k) => !want.has(k));
  ok(lost.length + twice.length + strange.length === 0, `${name}: ${want.size} rows`,
    `${lost.length} lost, ${twice.length} twice, ${strange.length} that were rolled back: ${[...lost, ...twice, ...strange].slice(0, 3)}`);
}

const publish = (client, data, ephemeral) =>
  client.query("select rt_private.publish(array['r'], 'c', $1, p_ephemeral => $2)", [data, ephemeral]);

async function write(client, writer, count, committed) {
  const rnd = random(writer + 1);
  for (let t = 0; t < count; t++) {
    const mine = [];
    let n = 0;
    const put = async (into) => {
      const data = `{"n": ${n++}, "t": ${t}, "w": ${writer}}`;
      const ephemeral = rnd() < 0.3;
      await publish(client, data, ephemeral);
      into.push(`c ${data} ${ephemeral}`);
    };
    await client.query('begin');
    if (rnd() < 0.8) await put(mine);
    for (let s = 0; s < 2; s++) {
      if (rnd() < 0.6) continue;
      const inner = [];
      await client.query('savepoint s');
      await put(inner);
      if (rnd() < 0.4) {
        await client.query('rollback to s');
      } else {
        await client.query('release s');
        mine.push(...inner);
      }
    }
    if (rnd() < 0.5) await sleep(rnd() * 20);
    // a row that is written late has an old xid and a young id
    if (rnd() < 0.3) await put(mine);
    if (rnd() < 0.15) {
      await client.query('rollback');
    } else {
      await client.query('commit');
      for (const k of mine) committed.add(k);
    }
  }
}

// dies and comes back with its cursor, as an edge whose connection drops
async function dying(pump, isRunning) {
  for (let i = 0; isRunning(); i++) {
    await pump.poll();
    if (i % 10 === 9) {
      pump.client.end();
      pump.client = await connectEdge();
    }
    await sleep(10);
  }
  await pump.poll();
}

async function exact() {
  const committed = new Set();
  const writers = await many(16);
  const [pump, plain] = [await Pump.start(), await PlainPump.start(903)];
  const [second, third] = [await Pump.start(901), await PlainPump.start(904)];
  third.knowsFew = false;
  const alone = await PlainPump.start(906);
  alone.nobody = true;
  let running = true;
  const work = Promise.all(writers.map((client, w) => write(client, w, 60, committed))).finally(() => { running = false; });
  await Promise.all([work, pump.pollWhile(() => running), plain.pollWhile(() => running), alone.pollWhile(() => running), dying(second, () => running), dying(third, () => running)]);
  const mine = (p) => p.rows.filter((r) => r.event === 'c');
  compare(mine(pump).map(key), committed, '16 writers, rollbacks, savepoints, both tables');
  compare(mine(second).map(key), committed, 'the same over connections that end');
  compare(mine(plain).map(key), committed, 'by rt.poll_few');
  compare(mine(third).map(key), committed, 'by rt.poll, over connections that end');
  const ids = alone.rows.filter((r) => !r.ephemeral).map((r) => r.id); // rt.fetch brings those of the twin, too
  const kept = new Set(pump.rows.filter((r) => !r.ephemeral).map((r) => r.id));
  is(new Set(ids).size, ids.length, 'by rt.poll_ids each row once');
  is(ids.filter((id) => !kept.has(id)).join(), '', 'of the outbox alone');
  is(mine(pump).filter((r) => !r.ephemeral && !ids.includes(r.id)).map((r) => r.id).join(), '', 'and all of them');
  ok(alone.asked.filter((a) => a === 'poll_ids').length > 10, 'which was asked', alone.asked.join());
  ok(pump.rows.some((r) => r.ephemeral) && pump.rows.some((r) => !r.ephemeral), 'both tables were written');
  ok(plain.asked.filter((a) => a !== 'fetch').length > 10, 'rt.poll was asked', plain.asked.join());
  is(pump.gaps.length + plain.gaps.length, 0, 'no gap');
}

// A PlainPump whose next statement is this one.
async function plainPump(edge, next = 'poll_few') {
  const pump = await PlainPump.start(edge);
  pump.knowsFew = next === 'poll_few';
  const [other] = await many(1);
  await until(async () => {
    await publish(other, '{}', false);
    pump.asked = [];
    await pump.poll();
    return pump.asked.join() === next;
  });
  return pump;
}

async function big(pump) {
  const [writer, other] = await many(2);
  const want = new Set();
  await writer.query('begin');
  await writer.query("select rt_private.publish(array['r'], 'c', jsonb_build_object('n', n), p_ephemeral => n % 5 = 0) from generate_series(1, 4321) n");
  for (let n = 1; n <= 4321; n++) want.add(`c {"n": ${n}} ${n % 5 === 0}`);
  await publish(other, '{"n": 0, "t": "before"}', false);
  await writer.query('commit');
  want.add('c {"n": 0, "t": "before"} false');
  let between = 0;
  pump.between = async () => { await publish(other, `{"n": 0, "t": "between ${between++}"}`, false); };
  const { rows } = await pump.poll(500);
  pump.between = null;
  compare(rows.map(key), want, 'one transaction over pages');
  ok(rows.every((row, i) => i === 0 || BigInt(rows[i - 1].id) < BigInt(row.id)), 'in the order of ids');
  const next = await pump.poll();
  compare(next.rows.map(key), new Set(Array.from({ length: between }, (_, n) => `c {"n": 0, "t": "between ${n}"} false`)),
    'what is committed between two pages comes with the next fetch');
}

async function heavy() {
  const [writer] = await many(1);
  const pump = await Pump.start();
  await pump.bound(1000000);
  await writer.query(`select rt_private.publish(array['room:none'], 'c', jsonb_build_object('n', n, 't', repeat('x', 249980))) from generate_series(1, 30) n`);
  const { rows } = await pump.poll();
  is(rows.map((r) => JSON.parse(r.data).n).join(), Array.from({ length: 30 }, (_, i) => i + 1).join(), 'all rows of 250 KB, in order');
  is(pump.answers.join(), '5,5,5,5,5,5,0', 'an answer of rt.fetch, then pages: each ends with the row that fills a megabyte');
  await writer.query("select rt_private.publish(array['r'], 'c', '{}')");
  is((await pump.poll()).rows.length, 1, 'and the cursor is behind them');
}

// rt.poll ends before a row that is too long for it, and after 64; rt.poll_few brings 32 of any length, or is no answer.
async function cuts() {
  const [writer] = await many(1);
  const pump = await plainPump(905, 'poll');
  const text = (n) => `{"t": "${'x'.repeat(n - 9)}"}`;
  const rows = async (...sizes) => {
    await writer.query("select rt_private.publish(array['r'], 'c', d::jsonb) from unnest($1::text[]) with ordinality u (d, n) order by n", [sizes.map(text)]);
    pump.asked = [];
    const got = (await pump.poll()).rows.map((r) => Buffer.byteLength(r.data));
    is(got.join(), sizes.join(), `rows of ${sizes.length > 9 ? sizes.length : sizes} bytes`);
    return `${pump.asked}: ${pump.answers}`;
  };
  is(await rows(100, 32767, 200), 'poll: 3', 'short ones');
  is(await rows(100, 32768, 200), 'poll: 1,2', 'a page from the long one on');
  is(await rows(200000), 'poll: 0,1', 'a long one alone');
  is(await rows(...Array(63).fill(50)), 'poll: 63', 'as many as fit');
  is(await rows(...Array(64).fill(50)), 'poll: 64,0', 'full');
  is(await rows(...Array(70).fill(50)), 'poll: 64,6', 'and a page');
  await writer.query(`select rt_private.publish(array['r'], 'c', jsonb_build_object('t', repeat('\u20ac', 32000)))`);
  is((await pump.poll()).rows.length, 1, 'characters of three bytes');
  pump.knowsFew = true;
  is(await rows(100, 200000, 200), 'poll_few: 3', 'a long one among few');
  is(await rows(...Array(32).fill(50)), 'poll_few: 32', 'as many as few are');
  is(await rows(...Array(33).fill(50)), 'poll_few,poll: 33', 'one more: rt.poll is asked');
  is(await rows(50), 'poll: 1', 'and for the next ones as well');
  is(await rows(50), 'poll_few: 1', 'until they are few');
}

// A poll reads what is new and nothing else, whatever else there is.
async function cost() {
  const [writer, old, admin] = await many(3);
  const slot = await writer.one('select rt_private.outbox_slot(clock_timestamp())');
  await old.query('begin isolation level repeatable read');
  await old.query('select pg_current_xact_id()');
  await writer.query('set statement_timeout = 0');
  await writer.query(`insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data)
    select $1, rt_private.epoch_n(), array['r'], '{}', 'many', '{"a": "some text that makes a row as long as a short event"}' from generate_series(1, 1000000)`, [slot]);
  const pump = await Pump.start();
  const plain = await PlainPump.start(906);
  for (let i = 0; i < 8; i++) await pump.poll();
  const { client } = pump;
  let took = 0;
  for (let i = 0; i < 50; i++) {
    await publish(writer, `{"i": ${i}}`, i % 2 === 0);
    const start = process.hrtime.bigint();
    const { rows } = await pump.poll();
    took += Number(process.hrtime.bigint() - start);
    if (rows.length !== 1) return ok(false, 'a poll brings the one new row', rows.length);
  }
  console.log(`# ${(took / 50e6).toFixed(2)} ms a poll`);
  await publish(writer, '{"last": true}', false);
  await client.query('begin');
  const before = await client.rows("select sum(seq_scan)::int as seq, sum(idx_tup_fetch)::int as tuples from pg_stat_xact_all_tables where relname ~ '^outbox_(ephemeral_)?[0-9]'");
  const fetched = await client.rows('select * from rt.fetch($1, $2)', [pump.cursor, pump.epoch]);
  const after = await client.rows("select sum(seq_scan)::int as seq, sum(idx_tup_fetch)::int as tuples from pg_stat_xact_all_tables where relname ~ '^outbox_(ephemeral_)?[0-9]'");
  await client.query('rollback');
  is(fetched.length, 2, 'a header and a row');
  is(after[0].seq - before[0].seq, 0, 'no sequential scan');
  ok(after[0].tuples - before[0].tuples <= 4, 'only the new row is read', after[0].tuples - before[0].tuples);
  plain.asked = [];
  await publish(writer, '{"plain": 1}', false);
  await plain.poll();
  is(plain.asked.join(), 'fetch', 'many rows are behind an old transaction: rt.fetch passes them over');
  await old.query('rollback');
  await plain.poll();
  plain.asked = [];
  await publish(writer, '{"plain": 2}', false);
  const tuples = () => admin.one("select sum(idx_tup_fetch + seq_tup_read)::int from pg_stat_all_tables where relname ~ '^outbox_(ephemeral_)?[0-9]'");
  const settled = async () => { await plain.client.query('select pg_stat_force_next_flush()'); await writer.query('select pg_stat_force_next_flush()'); return tuples(); };
  const so = await settled();
  is((await plain.poll()).rows.map((r) => r.data).join(), '{"plain": 2}', 'then rt.poll brings a row');
  is(plain.asked.join(), 'poll_both', 'by itself');
  ok(await settled() - so <= 4, 'and reads no other', await settled() - so);
  await writer.query('truncate bellwire.outbox');
}

// One writer whose xid lies above the xmax of the snapshot that does not see it.
async function above(pump) {
  const [early, late] = await many(2);
  await early.query('begin');
  await late.query('begin');
  const xid = await late.one('select pg_current_xact_id()::text');
  await publish(late, '{"who": "late"}', false);
  await early.query('select pg_current_xact_id()');
  await pump.poll();
  ok(BigInt(xid) >= BigInt(pump.cursor.split(':')[1]), 'in flight, with an xid not below the cursor\'s xmax', pump.cursor);
  await early.query('commit');
  await pump.poll();
  ok(pump.cursor.split(':')[2].split(',').includes(xid), 'then among those in flight', pump.cursor);
  await late.query('commit');
  const { rows } = await pump.poll();
  is(rows.map((r) => r.data).join(), '{"who": "late"}', 'and fetched once it is there');
  is((await pump.poll()).rows.length, 0, 'once');
}

// A session that has seen nobody write the twin looks there no more, until somebody does (sql/edge/fetch.sql, ephemeral_note).
async function idle(pump, looksAwayFrom) {
  const [writer, other] = await many(2);
  const polls = async () => {
    await publish(other, '{}', false);
    return (await pump.poll()).rows.filter((r) => r.ephemeral).map((r) => r.data).join();
  };
  const looksAway = async () => {
    await polls();
    const since = await looksAwayFrom();
    return since && BigInt(pump.cursor.split(':')[0]) >= BigInt(since);
  };
  await until(looksAway);
  await publish(writer, '{"a": 1}', true);
  is(await polls(), '{"a": 1}', 'a row of the twin, after a time without');
  await until(looksAway);
  await writer.query('begin');
  await publish(writer, '{"a": 2}', true);
  is([await polls(), await polls(), await polls()].join(''), '', 'one that is written, and not committed');
  await writer.query('commit');
  is(await polls(), '{"a": 2}', 'comes then');
  await until(looksAway);
  await writer.query('begin');
  await writer.query('select pg_current_xact_id()');
  is([await polls(), await polls(), await polls()].join(''), '', 'a transaction that began before, and has not written');
  await publish(writer, '{"a": 3}', true);
  await writer.query('commit');
  is(await polls(), '{"a": 3}', 'does so');
  is(await polls(), '', 'once');
  await until(looksAway);
  const before = await many(2);
  for (const c of before) await c.query('begin; select pg_current_xact_id()');
  await writer.query('begin');
  await publish(writer, '{"a": 5}', true);
  for (const c of before) { // snapshots whose xmax is the writer, which has been counted
    await c.query('commit');
    await pump.poll();
  }
  await writer.query('commit');
  is((await pump.poll()).rows.map((r) => r.data).join(), '{"a": 5}', 'one that was written before the counter was noted, by the last transaction of all');
  await until(looksAway);
  await writer.query('set session_replication_role = replica');
  await publish(writer, '{"a": 4}', true);
  is(await polls(), '{"a": 4}', 'written by a session that acts as a replica');
}

async function strangers() {
  const [other] = await many(1);
  const stranger = new Pump(await connectEdge());
  await stranger.begin();
  for (let i = 0; i < 3; i++) {
    await publish(other, '{}', false);
    await stranger.poll();
  }
  is(await stranger.client.one("select current_setting('bellwire.ephemeral_counted', true)"), null, 'only a pump notes that in its session');
}

async function standingPlans() {
  const client = await connectEdge();
  await client.query('select * from rt.pump_open($1, $2)', [uuid(902), 'test']);
  const admin = await connect();
  const row = (await admin.rows('select pid, backend_start from bellwire.edges where edge_id = $1', [uuid(902)]))[0];
  const stat = (await admin.rows('select pid, backend_start from pg_stat_activity where pid = $1', [row.pid]))[0];
  is(String(row.backend_start), String(stat.backend_start), 'an edge is known by pid and start of its backend');
  const again = await connectEdge();
  const gone = new Promise((resolve) => { client.once('end', () => resolve('ended')); });
  await again.query('select * from rt.pump_open($1, $2)', [uuid(902), 'test']);
  is(await Promise.race([gone, sleep(20000)]), 'ended', 'an edge that comes again ends its earlier session');
  is(await admin.one('select rt_private.edge_alive($1)', [uuid(902)]), true, 'and is alive');
  again.end();
  ok(await until(async () => !(await admin.one('select rt_private.edge_alive($1)', [uuid(902)]))), 'until its session ends');
}

await run([
  ['cursor: exact', exact],
  ['cursor: a big transaction', async () => big(await Pump.start())],
  ['cursor: a big transaction, by rt.poll', async () => big(await plainPump(900))],
  ['cursor: a heavy transaction', heavy],
  ['cursor: cuts of rt.poll', cuts],
  ['cursor: above xmax', async () => above(await Pump.start())],
  ['cursor: above xmax, by rt.poll', async () => above(await plainPump(900))],
  ['cursor: an idle twin', async () => {
    const pump = await Pump.start();
    await idle(pump, () => pump.client.one("select current_setting('bellwire.ephemeral_since', true)"));
  }],
  ['cursor: an idle twin, by rt.poll', async () => {
    const pump = await PlainPump.start();
    await idle(pump, () => pump.since);
    ok(pump.asked.includes('poll_few') && pump.asked.join().includes('poll_few,poll_both'), 'an answer without the twin was thrown away', pump.asked.join());
  }],
  ['cursor: strangers', strangers],
  ['cursor: cost', cost],
  ['pump: sessions', standingPlans],
]);
