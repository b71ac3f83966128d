// The silenced bell: which writers ring, and that no wake-up is lost (docs/architecture.md, "The bell, and why it is silent"). bellwire.outbox and its twin: outbox_written; edge_sleeps, may_ring, must_ring, which are inlined; ring_carrying.
import { closing, connect, connectEdge, dispatch, is, item, listen, many, ok, opening, outcome, Pump, random, run, sleep, until, uuid, world } from './lib.mjs';

const publish = (client, ephemeral = false) => client.query("select rt_private.publish(array['r'], 'b', '{}', p_ephemeral => $1)", [ephemeral]);

async function rings() {
  const [admin, writer] = await many(2);
  const ear = await listen(admin);
  const sleeper = await connectEdge();
  await publish(writer);
  await publish(writer, true);
  is((await ear.mark()).length, 0, 'nobody sleeps: no writer rings');
  await sleeper.query('select * from rt.bell_arm()');
  await publish(writer);
  is(JSON.stringify(await ear.mark()), '[""]', 'an edge sleeps: a write rings, without content');
  await publish(writer, true);
  is((await ear.mark()).length, 1, 'an ephemeral one, too');
  await writer.query("select rt_private.publish_each('{a,b}', '{e,e}', array['{}', '{}']::jsonb[])");
  is((await ear.mark()).length, 1, 'many at once, once');
  await writer.query('begin');
  for (let i = 0; i < 5; i++) await publish(writer);
  await writer.query('commit');
  is((await ear.mark()).length, 1, 'a transaction rings once');
  await writer.query('begin');
  await publish(writer);
  await writer.query('rollback');
  is((await ear.mark()).length, 0, 'one that is rolled back does not');
  // the probe comes after the insert: a write that began before the edge armed
  await sleeper.query('select rt.bell_disarm()');
  await writer.query('begin');
  await writer.query('select pg_current_xact_id()');
  await sleeper.query('select * from rt.bell_arm()');
  await publish(writer);
  await writer.query('commit');
  is((await ear.mark()).length, 1, 'armed in the middle of a transaction: its writes ring');
  is(await admin.one("select count(*)::int from pg_locks where locktype = 'advisory' and pid = $1", [writer.processID]), 0, 'the question leaves no lock behind');
  await writer.query('begin');
  await publish(writer);
  await outcome(writer.query('select 1 / 0'));
  is(await admin.one("select count(*)::int from pg_locks where locktype = 'advisory' and pid = $1", [writer.processID]), 0, 'nor where the transaction fails');
  await writer.query('rollback');
  const { processID } = sleeper;
  sleeper.end();
  await until(() => admin.one('select not exists (select from pg_stat_activity where pid = $1)', [processID]));
  await ear.mark();
  await publish(writer);
  is((await ear.mark()).length, 0, 'a sleeper that dies leaves no bell armed');
}

// A transaction that NOTIFYs stands in line with all others of the cluster: never one with a batch in it.
async function batches() {
  const admin = await connect();
  await world(admin, 2, { 11: [1, 2] });
  const ear = await listen(admin);
  const [edge, sleeper] = await many(2, connectEdge);
  const say = (n) => item('chat:message:send', 1, 's', { chat_id: uuid(11), type: 'text', content: `m${n}` });
  is((await dispatch(edge, [say(0)])).join(), 'ok,published', 'a batch that publishes');
  await sleeper.query('select * from rt.bell_arm()');
  is((await dispatch(edge, [say(1), say(2), item('chat:typing', 1, 's', { chat_id: uuid(11), is_typing: true })])).join(), 'ok,ok,ok,asleep', 'a batch that publishes while an edge sleeps');
  is((await ear.mark()).length, 0, 'rings nobody by itself');
  await edge.query('select * from rt.dispatch_one($1)', [say(3)]);
  is((await ear.mark()).length, 0, 'nor alone');
  await edge.query('select rt.ring()');
  is((await ear.mark()).length, 1, 'the edge does, afterwards');
  // as server/events/confirm.c asks while no other edge is there
  const receipts = () => admin.one("select count(*)::int from bellwire.outbox where event = 'chat:message:delivered'");
  const confirmed = async (sql) => {
    const { message_id } = JSON.parse(await edge.one('select body from rt.dispatch_one($1) where ord = 1', [say(3)]));
    await edge.query(sql, [[JSON.stringify({ user_id: uuid(2), confirm: { wanted: 'all', message_id } })]]);
  };
  const before = await receipts();
  await confirmed(`select c.ord, q.xact from (select set_config('bellwire.dispatch', pg_current_xact_id()::text, true) as xact) q
    left join lateral rt.confirm(case when q.xact <> '' then $1::jsonb[] end) c on true`);
  is(`${await receipts() - before} ${(await ear.mark()).length}`, '1 0', 'a confirmation that is marked as a batch tells of its receipt, and rings nobody');
  await confirmed('select * from rt.confirm($1::jsonb[])');
  is(`${await receipts() - before} ${(await ear.mark()).length}`, '2 1', 'any other one rings');
  await confirmed(`select c.ord from (select ($1::jsonb[])[1] as v) q,
    rt.confirm('{}', array[(q.v -> 'confirm' ->> 'message_id')::uuid], array[(q.v ->> 'user_id')::uuid]) c`);
  is(`${await receipts() - before} ${(await ear.mark()).length}`, '3 1', 'one by its keys as well');
  await admin.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'psql')", [uuid(11), uuid(1)]);
  is((await ear.mark()).length, 1, "everybody else's writes ring");
  await admin.query("set bellwire.dispatch = '1'");
  await admin.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'psql')", [uuid(11), uuid(1)]);
  is((await ear.mark()).length, 1, 'whatever they say they are');
  await edge.query('begin');
  await dispatch(edge, [say(4)]);
  await edge.query('commit');
  await admin.query('select tests.edge(900)');
  const socket = [JSON.stringify({ socket_id: 'x', user_id: uuid(1), clean: true })];
  await opening(edge, uuid(900), socket);
  is((await ear.mark()).length, 1, 'a session that has dispatched rings for what it writes otherwise');
  for (const [what, call] of [['ends', closing], ['opens', opening]]) {
    const [{ xact }] = await call(edge, uuid(900), socket, true);
    is(`${await admin.one("select count(*)::int from bellwire.outbox where xid = $1::xid8 and event like 'user:o%'", [xact])} ${(await ear.mark()).length}`, '1 0',
      `what ${what} at an edge that is alone rings nobody, and says its transaction`);
  }
}

// The first message of a transaction rides on its bell (docs/decisions/0052-carried.md).
async function carries() { // in the chat of batches()
  const [admin, writer] = await many(2);
  const ear = await listen(admin);
  const [edge, sleeper] = await many(2, connectEdge);
  const nobody = (await sleeper.rows('select pg_listening_channels() as c')).map((r) => r.c).join();
  const channel = await sleeper.one('select rt.bell_hear(true)');
  is(`${nobody} ${(await sleeper.rows('select pg_listening_channels() as c')).map((r) => r.c).sort().join()}`, ` bellwire,${channel}`, 'an edge hears both channels');
  await sleeper.one('select rt.bell_hear(false)');
  is((await sleeper.rows('select pg_listening_channels() as c')).length, 0, 'or none');
  await ear.query(`listen ${channel}`);
  const say = (content = 'x') => writer.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [uuid(11), uuid(1), content]);
  const heard = async () => (await ear.mark()).map((text) => (text.includes('\x1e') ? 'row' : text || 'bell')).join();
  await say();
  is(await heard(), '', 'nobody sleeps');
  await sleeper.query('select * from rt.bell_arm()');
  const before = await writer.one('select pg_current_xact_id()');
  await writer.query('begin');
  const xid = await writer.one('select pg_current_xact_id()');
  await say('with a bell');
  await writer.query('commit');
  const [row, bell, ...more] = await ear.mark();
  is(`${bell} ${more}`, 'carried ', 'the bell of everybody says that a row went with it, on the channel that edges know');
  const [snapshot, ...parts] = row.split('\x1e');
  const kept = (await admin.rows(`select xid::text, xmin::text, id::text, epoch::text, (extract(epoch from at) * 1000000)::bigint::text, rooms[1], event, data::text, confirm::text
    from bellwire.outbox where event = 'chat:message:new' order by id desc limit 1`))[0];
  is(parts.join('\n'), Object.values(kept).join('\n'), 'the row, as a poll reads it');
  is(await admin.one(`select array[pg_visible_in_snapshot($1::xid8, $3::pg_snapshot), pg_visible_in_snapshot($2::xid8, $3::pg_snapshot)]::text`, [before, xid, snapshot]), '{t,f}',
    'and the snapshot of its transaction, which sees those before it');
  await writer.query('begin');
  await say();
  await say();
  await say();
  await writer.query('commit');
  is(await heard(), 'row,carried,bell', 'the first of a transaction, and that there is more');
  await writer.query('begin');
  await publish(writer);
  await say();
  await writer.query('commit');
  is(await heard(), 'bell,row,carried', 'behind another event: that comes first');
  await writer.query('begin; savepoint s');
  await say();
  await writer.query('rollback to s');
  await say('kept');
  await writer.query('commit');
  is(await heard(), 'row,carried', 'what is undone takes its bell with it, and the next one carries');
  await writer.query('begin isolation level repeatable read');
  await say();
  await writer.query('commit');
  is(await heard(), 'bell', 'an older snapshot does not say what is over, so no row is carried');
  await say('y'.repeat(2000));
  is(await heard(), 'bell', 'a row that is too long for a notification');
  await edge.query("select * from rt.dispatch_one($1)", [item('chat:message:send', 1, 's', { chat_id: uuid(11), type: 'text', content: 'a call' })]);
  is((await ear.mark()).length, 0, 'a call rings nobody by itself');
  await admin.query('begin; delete from bellwire.bell');
  await admin.query('commit');
  await say();
  is(await heard(), 'bell', 'without a channel the bell is a bell');
  is(await sleeper.one('select rt.bell_hear(true)'), null, 'and edges are told that there is none');
  is((await sleeper.rows('select pg_listening_channels() as c')).map((r) => r.c).join(), 'bellwire', 'which they hear');
  await admin.query('insert into bellwire.bell default values');
  is(await outcome(admin.query('insert into bellwire.bell default values')), '23505', 'there is one');
  is(await outcome(admin.query("update bellwire.bell set channel = 'x; y'")), '23514', 'of that form');
}

async function twoPhases() {
  const [admin, writer] = await many(2);
  const pump = await Pump.start();
  await writer.query('begin');
  await publish(writer);
  is(await outcome(writer.query("prepare transaction 'bell'")), 'ok', 'two-phase commit, while no edge sleeps');
  is((await pump.poll()).rows.length, 0, 'prepared is not committed');
  await admin.query("commit prepared 'bell'");
  is((await pump.poll()).rows.filter((r) => r.event === 'b').length, 1, 'the poll delivers it');
  is((await pump.poll()).rows.length, 0, 'once');
  const sleeper = await connectEdge();
  await sleeper.query('select * from rt.bell_arm()');
  await writer.query('begin');
  await publish(writer);
  const asleep = await outcome(writer.query("prepare transaction 'bell'"));
  is(asleep, '0A000', 'with an edge asleep Postgres refuses it: such writers need BELLWIRE_BELL=off at the edges');
  // a prepared one would outlive this test, and hold the database fast
  await writer.query(asleep === 'ok' ? "rollback prepared 'bell'" : 'rollback');
}

// A pump that falls asleep while something is being written: it has seen it by the end of DRAIN, or the bell rings.
async function wakeUps() {
  const writer = await connect();
  const pump = await Pump.start();
  let ring = () => {};
  pump.client.on('notification', () => ring());
  await pump.client.query('listen bellwire');
  const rnd = random(5);
  const lost = [];
  let slept = 0;
  for (let i = 0; i < 150; i++) {
    const write = (async () => {
      await writer.query('begin');
      if (rnd() < 0.5) await writer.query('select pg_current_xact_id()');
      if (rnd() < 0.5) await sleep(rnd() * 4);
      await publish(writer);
      if (rnd() < 0.7) await sleep(rnd() * 6);
      await writer.query('commit');
    })();
    if (rnd() < 0.7) await sleep(rnd() * 6);
    let seen = 0;
    let rung = false;
    const bell = new Promise((resolve) => { ring = () => { rung = true; resolve(true); }; });
    const poll = async () => {
      const { header, rows } = await pump.poll();
      seen += rows.filter((r) => r.event === 'b').length;
      return BigInt(header.xid);
    };
    // nobody holds the lock but writers for the moment of their question
    let armed = null;
    while (!armed) [{ xid: armed }] = await pump.client.rows('select * from rt.bell_arm()');
    while (await poll() <= BigInt(armed)) await sleep(1);
    // asleep: nothing but the bell
    if (!seen) {
      slept++;
      if (!rung && !(await Promise.race([bell, sleep(5000)]))) lost.push(i);
    }
    await write;
    await poll();
    if (seen !== 1) lost.push(i);
    await pump.client.query('select rt.bell_disarm()');
  }
  is(lost.join(), '', '150 writes around the moment of falling asleep: each seen once, or rung for');
  ok(slept > 10 && slept < 140, 'both happened', slept);
}

// An edge that knows of no other one does not ring for what it dispatches: the sleeper is itself. It rings all the same where the fetch
// after that commit tells of an edge that has come: every edge that slept when the batch asked had registered before.
async function newcomers() { // in the chat of batches()
  const admin = await connect();
  const one = await Pump.start(700);
  await one.client.query('select * from rt.bell_arm()');
  const lane = await connectEdge();
  await admin.query("delete from bellwire.edges where edge_id <> $1", [uuid(700)]);
  const rnd = random(7);
  const lost = [];
  const count = { slept: 0, rung: 0, spared: 0 };
  for (let i = 0; i < 60; i++) {
    let registered = () => {};
    const there = new Promise((resolve) => { registered = resolve; });
    const newcomer = (async () => {
      const two = await Pump.start(701 + i);
      registered();
      let ring = () => {};
      const bell = new Promise((resolve) => { ring = resolve; });
      two.client.on('notification', () => ring(true));
      await two.client.query('listen bellwire');
      let seen = 0;
      const poll = async () => {
        const { header, rows } = await two.poll();
        seen += rows.filter((r) => r.event === 'chat:message:new').length;
        return BigInt(header.xid);
      };
      const [{ xid: armed }] = await two.client.rows('select * from rt.bell_arm()');
      while (await poll() <= BigInt(armed)) await sleep(1);
      return { two, bell, seen: () => seen, poll };
    })();
    const dispatched = (async () => {
      if (rnd() < 0.8) await there;
      await sleep(rnd() * 8);
      const outcomes = await dispatch(lane, [item('chat:message:send', 1, 's', { chat_id: uuid(11), type: 'text', content: `${i}` })]);
      const came = (await one.poll()).rows.some((r) => r.control === 'edge_came');
      const must = outcomes.at(-1) === 'asleep' && came;
      if (must) await lane.query('select rt.ring()');
      count[must ? 'rung' : 'spared']++;
    })();
    const { two, bell, seen, poll } = await newcomer;
    const before = seen();
    await dispatched;
    // what it has not seen by now comes with the bell, or was committed before it had a position
    await poll();
    if (!before && seen()) {
      count.slept++;
      if (!(await Promise.race([bell, sleep(5000)]))) lost.push(i);
    }
    two.client.end();
    await admin.query("delete from bellwire.edges where edge_id <> $1", [uuid(700)]);
    await one.poll();
  }
  is(lost.join(), '', '60 edges that came around the moment of a batch: each saw it, or was rung for');
  ok(count.slept > 3 && count.rung > 3 && count.spared > 3, 'all of it happened', JSON.stringify(count));
}

await run([
  ['bell: who rings', rings],
  ['bell: batches', batches],
  ['bell: what it carries', carries],
  ['bell: two-phase commit', twoPhases],
  ['bell: wake-ups', wakeUps],
  ['bell: newcomers', newcomers],
]);
