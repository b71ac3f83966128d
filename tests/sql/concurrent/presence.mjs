// Presence with several sessions: bellwire.presence is one row a user, and its lock serialises the user's transitions (docs/event-path.md, "Presence").
import { Pump, closing, connect, connectEdge, is, many, ok, opening, random, run, uuid } from './lib.mjs';

// As an edge does: sockets whose row somebody held are asked for again.
async function open(edge, id, sockets) {
  for (let left = sockets; left.length;) {
    const rows = await opening(edge, id, left);
    left = left.filter((_, i) => !rows.some((r) => r.ord === i + 1));
  }
}

async function close(edge, id, sockets) {
  for (let left = sockets; left.length;) {
    const rows = await closing(edge, id, left);
    left = rows.map((r) => left[r.ord - 1]);
  }
}

async function transitions() {
  const admin = await connect();
  const users = 30;
  await admin.query('select tests.users(1, $1)', [users]);
  await admin.query("update bellwire.settings set value = '0' where name like 'presence_grace%'");
  const pump = await Pump.start(900);
  const edges = await many(6, connectEdge);
  for (const [e, edge] of edges.entries()) await edge.query('select * from rt.pump_open($1, $2)', [uuid(910 + e), 'edge']);
  let running = true;
  const work = Promise.all(edges.map(async (edge, e) => {
    const rnd = random(e + 1);
    const mine = new Map();
    let n = 0;
    const end = (some, clean) => close(edge, uuid(910 + e), some.map((s) => JSON.stringify({ socket_id: s, user_id: uuid(mine.get(s)), clean: clean() })));
    for (let i = 0; i < 100; i++) {
      const roll = rnd();
      if (roll < 0.45) {
        const some = Array.from({ length: 1 + Math.floor(rnd() * 3) }, () => [`s${e}-${n++}`, 1 + Math.floor(rnd() * users)]);
        for (const [s, u] of some) mine.set(s, u);
        await open(edge, uuid(910 + e), some.map(([s, u]) => JSON.stringify({ socket_id: s, user_id: uuid(u) })));
      } else if (roll < 0.9) {
        const some = [...mine.keys()].filter(() => rnd() < 0.9);
        await end(some, () => rnd() < 0.7);
        for (const s of some) mine.delete(s);
      } else {
        await edge.query('select * from rt.maintain($1)', [uuid(910 + e)]);
      }
    }
    await end([...mine.keys()], () => true);
  })).finally(() => { running = false; });
  await pump.pollWhile(() => running);
  await work;
  for (let i = 0; i < 3; i++) await edges[0].query('select * from rt.maintain($1)', [uuid(910)]);
  await pump.poll();
  const state = new Map();
  let wrong = 0;
  const told = pump.rows.filter((r) => /^user:o/.test(r.event ?? ''));
  for (const r of told) {
    const { user_id: user, online } = JSON.parse(r.data);
    if ((state.get(user) ?? false) === online) wrong++;
    state.set(user, online);
  }
  ok(told.length > 100, `${told.length} transitions`);
  is(wrong, 0, 'online and offline take turns for every user, none is told twice');
  is([...state.values()].filter((o) => o).length, 0, 'in the end everybody is offline');
  is(await admin.one('select count(*)::int from bellwire.presence where online'), 0, 'by the rows, too');
  is(await admin.one('select count(*)::int from bellwire.sockets'), 0, 'no socket is left');
}

// Open at the moment in which the last other socket ends.
async function crossing() {
  const admin = await connect();
  const [one, two] = await many(2, connectEdge);
  await admin.query('select tests.edge(921, 922)');
  const pump = await Pump.start(900);
  const socket = (s, more) => [JSON.stringify({ socket_id: s, user_id: uuid(3), ...more })];
  await opening(one, uuid(921), socket('a'));
  await one.query('begin');
  await closing(one, uuid(921), socket('a', { clean: true }));
  const opens = open(two, uuid(922), socket('b'));
  await one.query('commit');
  await opens;
  const { rows } = await pump.poll();
  is(rows.map((r) => r.event).join(), 'user:online,user:offline,user:online', 'a close and an open that meet');
  await two.query('begin');
  await opening(two, uuid(922), socket('c'));
  const closes = close(one, uuid(922), socket('b', { clean: true }));
  await two.query('commit');
  await closes;
  is((await pump.poll()).rows.length, 0, 'an open and a close that meet: still online');
  await admin.end();
}

await run([['presence: transitions', transitions], ['presence: crossing', crossing]]);
