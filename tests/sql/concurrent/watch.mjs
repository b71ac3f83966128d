// Who looks after the outbox while no edge does (docs/decisions/0029-no-edge.md): bellwire.epoch, bellwire.looks, trigger looks_due.
import { Pump, blocked, connect, connectEdge, is, listen, many, ok, outcome, run, uuid } from './lib.mjs';

// The slots of now: the present one, the next, the former. Not just before the clock makes another one that.
async function slots(admin) {
  await admin.query('select pg_sleep(case when s > 570 then 600.1 - s else 0 end) from (select extract(epoch from clock_timestamp())::numeric % 600 as s) t');
  const now = await admin.one('select rt_private.outbox_slot(clock_timestamp())');
  return [now, (now + 1) % 3, (now + 2) % 3];
}
const put = (client, into, rows = 1) => client.query(`insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data)
  select $1, rt_private.epoch_n(), array['r'], '{}', 'old', '{}' from generate_series(1, $2)`, [into, rows]);
const left = async (admin, which) => (await Promise.all(which.map((s) => admin.one(`select count(*)::int from bellwire.outbox_${s}`)))).join();
const lapse = (admin) => admin.query("update bellwire.epoch set watched = 'empty'");
const write = (client, event = 'new') => client.query("select rt_private.publish(array['r'], $1, '{}')", [event]);
const dropped = (admin) => admin.one('select dropped::text from bellwire.outbox_state');
const control = async (client, cursor, epoch) => (await client.rows('select * from rt.fetch($1, $2)', [cursor, epoch]))[0].control;

// An empty outbox, nobody looks after it, and there is no edge.
async function alone(n = 2) {
  const sessions = await many(n);
  const [admin] = sessions;
  await admin.query("truncate bellwire.outbox, bellwire.outbox_ephemeral, bellwire.ticks, bellwire.edges; update bellwire.outbox_state set dropped = null, tried_at = '-infinity'");
  await admin.query("update bellwire.settings set value = '10' where name = 'outbox_retention'");
  await admin.query('truncate bellwire.outbox');
  await lapse(admin);
  return [await slots(admin), ...sessions];
}

async function bounded() {
  const [s, admin, writer] = await alone();
  const head = (await admin.rows('select rooms, except_rooms from rt.fetch(null, null)'))[0];
  const count = () => admin.one("select pg_sequence_last_value('bellwire.outbox_ephemeral_written')::int");
  const counted = await count();
  let most = 0;
  for (let round = 0; round < 4; round++) {
    for (const slot of s) await put(admin, slot, 5000);
    await lapse(admin);
    await write(writer);
    most = Math.max(most, await admin.one("select sum(pg_total_relation_size(inhrelid))::int from pg_inherits where inhparent = 'bellwire.outbox'::regclass"));
    if (round === 0) var once = most;
  }
  is(await left(admin, s.slice(1)), '0,0', 'no edge: what nobody reads goes');
  ok(most < 4 * once, 'and the table stays small', `${most} bytes, ${once} after the first round`);
  is(await left(admin, s.slice(0, 1)), '20004', 'what is being written stays');
  is(await control(admin, head.rooms, head.except_rooms), 'gap', 'a cursor from before has a gap');
  ok(await count() > counted, 'and an edge that has the count asks');
  const pump = await Pump.start();
  await write(writer, 'after');
  await pump.poll();
  is(`${pump.gaps} ${pump.rows.map((r) => r.event)}`, ' after', 'an edge that comes then has none');
}

async function seldom() {
  const [s, admin, writer] = await alone();
  await write(writer);
  ok(await admin.one("select watched @> clock_timestamp() and upper(watched) - lower(watched) between '5 minutes' and '5 minutes 1 second' from bellwire.epoch"), 'the next look is in five minutes');
  await put(admin, s[1]);
  await write(writer);
  is(await left(admin, s.slice(1)), '1,0', 'none before');
  await admin.query("update bellwire.epoch set watched = tstzrange(clock_timestamp() + interval '1 minute', clock_timestamp() + interval '1 year')");
  await write(writer);
  is(await left(admin, s.slice(1)), '0,0', 'but where the clock was set back');
  is(await admin.one('select count(*)::int from bellwire.looks'), 0, 'nothing is left of it');
  const edge = await connectEdge();
  await admin.query('select tests.edge(950)');
  const maintain = async () => {
    await admin.query('delete from bellwire.ticks');
    await edge.query('select * from rt.maintain($1)', [uuid(950)]);
    return admin.one('select xmin::text || upper(watched) - lower(watched) from bellwire.epoch');
  };
  const first = await maintain();
  ok(/00:15:00$/.test(first), 'an edge puts it off by fifteen', first);
  is(await maintain(), first, 'and does not write that each time: every writer would read the old versions');
  await admin.query("update bellwire.epoch set watched = tstzrange(lower(watched) - interval '6 minutes', upper(watched) - interval '6 minutes')");
  ok(await maintain() !== first, 'but in time');
}

// Every way into the outbox asks, and what it writes is there.
async function ways() {
  const [s, admin, writer] = await alone();
  await admin.query('select tests.users(1, 2); select tests.chat(11, 1, 2)');
  const event = (n) => `select rt_private.publish_each(array['a', 'b'], array['each ${n}', 'each ${n}'], array['{}', '{}']::jsonb[])`;
  for (const [what, sql] of [
    ['a message', "insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(11), tests.u(1), 'text', 'x')"],
    ['publish', "select rt_private.publish(array['r'], 'e', '{}')"],
    ['publish, ephemeral', "select rt_private.publish(array['r'], 'e', '{}', p_ephemeral => true)"],
    ['publish_each', event(1)],
    ['presence', 'select rt_private.presence_publish(array[tests.u(1), tests.u(2)], true)']]) {
    await put(admin, s[1]);
    await lapse(admin);
    await writer.query('begin');
    const before = await writer.one('select count(*)::int from bellwire.outbox');
    const early = await writer.one('select count(*)::int from bellwire.outbox_ephemeral');
    await writer.query(sql);
    ok(await writer.one('select count(*)::int from bellwire.outbox') > before
      || await writer.one('select count(*)::int from bellwire.outbox_ephemeral') > early, `${what}: written`);
    await writer.query('commit');
    is(await left(admin, s.slice(1)), '0,0', `${what}: looks after the outbox`);
  }
  const ear = await listen(admin);
  const pump = await Pump.start();
  await pump.client.query('select rt.bell_arm()');
  await lapse(admin);
  await ear.mark();
  await write(writer);
  is((await ear.mark()).length, 1, 'an edge that sleeps is rung for, once');
}

async function atTheEnd() {
  const [s, admin, one, two] = await alone(3);
  await put(admin, s[1]);
  await put(admin, s[2]);
  await one.query('begin');
  await write(one);
  is(await left(admin, s.slice(1)), '1,1', 'while the transaction lasts, nothing is locked and nothing is gone');
  await one.query('rollback');
  is(await left(admin, s.slice(1)), '1,1', 'it is rolled back: nothing is gone');
  await one.query('begin');
  await write(one);
  await write(one);
  await two.query('begin');
  await write(two);
  await one.query('commit');
  is(await left(admin, s.slice(1)), '0,0', 'one of two that wrote: the first to commit');
  const was = await dropped(admin);
  await put(admin, s[1]);
  await two.query('commit');
  is(await left(admin, s.slice(1)), '1,0', 'the second one has nothing to do');
  is(await dropped(admin), was, 'and says nothing');
  // in a savepoint that is rolled back
  await lapse(admin);
  await one.query('begin; savepoint a');
  await write(one);
  await one.query('rollback to a');
  await write(one);
  await one.query('commit');
  is(await left(admin, s.slice(1)), '0,0', 'a look that went with a savepoint is noted again');
  // both at once: neither waits for the other
  await put(admin, s[1]);
  await lapse(admin);
  await one.query('begin');
  await write(one);
  await one.query('set constraints all immediate');
  await two.query("set statement_timeout = '20s'");
  is(await outcome(write(two)), 'ok', 'a second one commits while the first one is at it');
  await one.query('commit');
}

async function inTheWay() {
  const [s, admin, one, two] = await alone(3);
  const again = async () => {
    for (const slot of s.slice(1)) await put(admin, slot);
    await lapse(admin);
  };
  await again();
  await two.query('begin');
  await put(two, s[1]);
  await two.query("set statement_timeout = '20s'");
  await write(one);
  is(await left(admin, s.slice(1)), '1,0', 'a slot that somebody writes is left alone, and nobody waits');
  await two.query('commit');
  await lapse(admin);
  await write(one);
  is(await left(admin, s.slice(1)), '0,0', 'it goes with the next look');
  await again();
  await one.query('begin');
  await put(one, s[1]);
  await write(one);
  await one.query('commit');
  is(await left(admin, s.slice(1)), '2,0', 'nor one in which the transaction itself has rows');
  await again();
  await one.query('begin isolation level repeatable read');
  await one.query('select 1');
  await put(admin, s[2]);
  await write(one);
  await one.query('commit');
  is(await left(admin, s.slice(1)), '3,2', 'an older snapshot does not see all rows: it leaves the slots to others');
  await write(two);
  is(await left(admin, s.slice(1)), '0,0', 'who have it to do');
  // where nothing may be deferred, it is done at once
  await again();
  await admin.query("create materialized view public.restricted as select rt_private.publish(array['r'], 'restricted', '{}')::text as nothing");
  is(await left(admin, s.slice(1)), '0,0', 'a restricted operation');
  await admin.query('drop materialized view public.restricted');
}

// A pump lives. What it has not read stays, what is old goes as always.
async function alive() {
  const [s, admin, writer] = await alone();
  const pump = await Pump.start();
  await put(admin, s[2]);
  await admin.query('truncate bellwire.ticks');
  await lapse(admin);
  await write(writer);
  is(await left(admin, s.slice(1)), '0,1', 'an edge that reads and does not maintain: nothing is taken from it');
  await pump.poll();
  is(pump.rows.map((r) => r.event).sort().join(), 'new,old', 'it reads all of it');
  is(await admin.one('select count(*)::int from bellwire.ticks'), 1, 'a tick is left in its place');
  await admin.query("update bellwire.ticks set at = at - interval '1 minute'; update bellwire.outbox_state set tried_at = '-infinity'");
  await lapse(admin);
  await write(writer);
  is(await left(admin, s.slice(1)), '0,0', 'and what is older than the retention goes');
  await pump.poll();
  is(pump.gaps.join(), '', 'without a gap');
}

// It comes while the slots are being emptied.
async function coming() {
  const [s, admin, writer] = await alone();
  for (const slot of s.slice(1)) await put(admin, slot);
  const early = await Pump.start();
  const cursor = { from: early.cursor, epoch: early.epoch };
  await early.client.end();
  await put(admin, s[1]);
  await lapse(admin);
  await writer.query('begin');
  await write(writer);
  await writer.query('set constraints all immediate');
  const pump = await Pump.start();
  await pump.client.query("set statement_timeout = '20s'");
  const poll = outcome(pump.client.query('select * from rt.fetch($1, $2)', [cursor.from, cursor.epoch]));
  await blocked(admin, pump.client);
  await writer.query('commit');
  is(await poll, '40001', 'a fetch that waited for the slot asks again');
  is(await control(pump.client, cursor.from, cursor.epoch), 'gap', 'and is told the gap');
  await pump.poll();
  is(pump.gaps.length + pump.rows.length, 1, 'an edge that came meanwhile hears what that transaction wrote, or is told a gap');
  await write(writer, 'after');
  await pump.poll();
  is(pump.rows.at(-1)?.event, 'after', 'and hears all behind it');
}

// What is dropped grows: a tick from before does not take it back.
async function forward() {
  const [s, admin, writer, holder] = await alone(3);
  await put(admin, s[2]);
  await admin.query("insert into bellwire.ticks (at) values (clock_timestamp() - interval '1 minute')");
  await put(admin, s[1]);
  const head = (await admin.rows('select rooms, except_rooms from rt.fetch(null, null)'))[0];
  await put(admin, s[1]);
  await holder.query('begin');
  await holder.query(`select from bellwire.outbox_${s[2]}`);
  await write(writer);
  is(await left(admin, s.slice(1)), '0,1', 'a slot that is being read is left');
  const was = await dropped(admin);
  await holder.query('commit');
  const edge = await connectEdge();
  await admin.query('select tests.edge(950)');
  await edge.query('select * from rt.maintain($1)', [uuid(950)]);
  is(await left(admin, s.slice(1)), '0,0', 'an edge empties it by its ticks');
  is(await dropped(admin), was, 'and does not say that less is gone than is');
  is(await control(admin, head.rooms, head.except_rooms), 'gap', 'a cursor between the two has its gap');
}

// Consumers of pushes read the outbox as well.
async function pushes() {
  const [s, admin, writer, other] = await alone(3);
  await admin.query('truncate bellwire.push_consumers cascade; truncate bellwire.push_cursor; select tests.users(21, 22); select tests.chat(23, 21, 22)');
  await admin.query("select * from rt.undelivered('0', 10)");
  const message = await admin.one("insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(23), tests.u(21), 'text', 'x') returning id");
  await admin.query(`with gone as (delete from bellwire.outbox where data ->> 'id' = $1 returning *)
    insert into bellwire.outbox select xid, id, ${s[1]}, epoch, at, rooms, except_rooms, event, data, confirm, control from gone`, [message]);
  await lapse(admin);
  await other.query('begin; select from bellwire.push_cursor for update');
  await write(writer);
  is(await left(admin, s.slice(1, 2)), '1', 'somebody fills at this moment: the slot is left');
  await other.query('rollback');
  await lapse(admin);
  await write(writer);
  is(await left(admin, s.slice(1, 2)), '0', 'the slot goes');
  is((await admin.rows("select * from rt.undelivered('0', 10)")).map((r) => r.payload.id).join(), message, 'what it had for a consumer is kept');
  await admin.query('truncate bellwire.push_consumers cascade; truncate bellwire.push_cursor');
}

// Writers at work while others look, lapse after lapse, and a reader who has gaps and nothing else.
async function together() {
  const [s, admin] = await alone(1);
  const writers = await many(6);
  const reader = await connectEdge();
  let at = (await reader.rows('select * from rt.fetch(null, null)'))[0];
  let over = false;
  let seen = 0;
  let gaps = 0;
  const odd = [];
  const reading = (async () => {
    while (!over) {
      try {
        const [head, ...rows] = await reader.rows('select * from rt.fetch($1, $2)', [at.rooms, at.except_rooms]);
        if (head.control === 'gap') gaps++;
        seen += rows.length;
        at = head;
      } catch (error) {
        if (error.code !== '40001') odd.push(error.message);
      }
    }
  })();
  await Promise.all(writers.map(async (w, n) => {
    for (let i = 0; i < 25; i++) {
      if (n === 0) await lapse(admin);
      await put(w, s[1 + i % 2]).catch((e) => odd.push(e.message));
      await write(w).catch((e) => odd.push(e.message));
    }
  }));
  over = true;
  await reading;
  is(odd.join(), '', 'nobody meets an error');
  ok(gaps > 0, 'a cursor that lost rows was told so', `${gaps} gaps, ${seen} rows`);
}

await run([
  ['watch: bounded', bounded],
  ['watch: seldom', seldom],
  ['watch: ways', ways],
  ['watch: at the end', atTheEnd],
  ['watch: in the way', inTheWay],
  ['watch: alive', alive],
  ['watch: coming', coming],
  ['watch: forward', forward],
  ['watch: pushes', pushes],
  ['watch: together', together],
]);
