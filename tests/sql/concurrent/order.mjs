// Order per chat: seq, created_at, commits and delivery agree, whoever writes (docs/event-path.md, "Order within a chat").
import { Pump, connect, connectEdge, is, item, many, ok, outcome, random, run, sleep, uuid } from './lib.mjs';

async function writers() {
  const admin = await connect();
  await admin.query('select tests.users(1, 32); select tests.chat(c, variadic array(select generate_series(1, 32))) from generate_series(101, 103) c');
  const pumps = [await Pump.start(901), await Pump.start(902)];
  const clients = await many(24);
  const edges = await many(8, connectEdge);
  let running = true;
  let deferred = 0;
  const work = Promise.all([
    ...clients.map(async (client, w) => {
      const rnd = random(w + 1);
      for (let i = 0; i < 12; i++) {
        await client.query('begin');
        await client.query('select pg_current_xact_id()');
        if (rnd() < 0.5) await sleep(rnd() * 5);
        await client.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3)", [uuid(101 + Math.floor(rnd() * 3)), uuid(w + 1), `${w} ${i}`]);
        await sleep(rnd() * 5);
        await client.query(rnd() < 0.1 ? 'rollback' : 'commit');
      }
    }),
    ...edges.map(async (edge, e) => {
      const rnd = random(e + 100);
      for (let i = 0; i < 12; i++) {
        await edge.query('begin');
        const items = [0, 1, 2].map((k) => item('chat:message:send', e + 25, `s${k}`, { chat_id: uuid(101 + Math.floor(rnd() * 3)), type: 'text', content: `e${e} ${i} ${k}` }));
        deferred += (await edge.rows('select outcome from rt.dispatch($1)', [items])).filter((r) => r.outcome === 'deferred').length;
        await sleep(rnd() * 5);
        await edge.query('commit');
      }
    }),
  ]).finally(() => { running = false; });
  await Promise.all(pumps.map((p) => p.pollWhile(() => running)));
  await work;
  const messages = Number(await admin.one('select count(*) from platform.messages'));
  ok(messages > 200, '32 writers', messages);
  ok(deferred > 0, 'which met', deferred);
  is(await admin.one('select count(*)::int from (select seq, row_number() over (partition by chat_id order by seq) as n from platform.messages) m where seq <> n'), 0, 'seq counts from 1 without a gap');
  is(await admin.one('select count(*)::int from (select created_at, lag(created_at) over (partition by chat_id order by seq) as before from platform.messages) m where created_at < before'), 0, 'time never goes back');
  for (const [n, pump] of pumps.entries()) {
    const last = new Map();
    let wrong = 0;
    const seen = pump.rows.filter((r) => r.event === 'chat:message:new').map((r) => JSON.parse(r.data));
    for (const m of seen) {
      if (m.seq !== (last.get(m.chat_id) ?? 0) + 1) wrong++;
      last.set(m.chat_id, m.seq);
    }
    is(seen.length, messages, `pump ${n + 1} brings each`);
    is(wrong, 0, 'in order of seq in every chat');
  }
}

// A snapshot from before somebody's message cannot number the next one: refused, never misplaced.
async function repeatable() {
  const [admin, old] = await many(2);
  await admin.query("insert into platform.users (id, name) values (tests.u(901), 'X'); select tests.chat(111, 901)");
  const insert = (client) => outcome(client.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x')", [uuid(111), uuid(901)]));
  for (const level of ['repeatable read', 'serializable']) {
    await old.query(`begin isolation level ${level}`);
    await old.query('select 1 from platform.users limit 1');
    await insert(admin);
    ok(['40001', '23505'].includes(await insert(old)), `${level}, over somebody's message: refused`);
    await old.query('rollback');
    await old.query(`begin isolation level ${level}`);
    is(await insert(old), 'ok', `${level}, alone`);
    is(await insert(old), 'ok', 'and again in the same transaction');
    await old.query('commit');
  }
  is(await admin.one('select string_agg(seq::text, $1 order by seq) from platform.messages where chat_id = $2', [' ', uuid(111)]), '1 2 3 4 5 6', 'places without a gap');
  // a message that is written and deleted meanwhile: the snapshot shows neither it nor that its place was given
  for (const level of ['repeatable read', 'serializable']) {
    await old.query(`begin isolation level ${level}`);
    await old.query('select count(*) from platform.messages');
    const { id, seq } = (await admin.rows("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'goes') returning id, seq", [uuid(111), uuid(901)]))[0];
    await admin.query('delete from platform.messages where id = $1', [id]);
    is(await outcome(old.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'late')", [uuid(111), uuid(901)])), '40001', `${level}: place ${seq} is not given twice`);
    await old.query('rollback');
    is(await admin.one("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'next') returning seq", [uuid(111), uuid(901)]), String(Number(seq) + 1), 'the next one is behind it');
  }
}

await run([['order: 32 writers', writers], ['order: repeatable read', repeatable]]);
