// rt.undelivered, bellwire.push_consumers, pushes, push_cursor, notifications_taken: what no socket has taken, once for each consumer. Within:
// rt_private.push_consumer, push_fill, push_rows, push_items, push_recipients, and push_tick of rt.maintain.
import { connect, is, ok, run } from '../concurrent/lib.mjs';

const u = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

async function world() {
  const db = await connect();
  await db.query(`delete from bellwire.push_consumers; delete from bellwire.push_cursor; delete from platform.chats; delete from platform.users;
    delete from bellwire.presence; select tests.users(1, 4); select tests.chat(10, 1, 2, 3)`);
  db.take = async (...args) => (await db.rows(`select * from rt.undelivered(${args.join(', ') || "'0 s', 100"})`))
    .map((r) => [r.event.split(':')[0], r.payload.content ?? r.payload.title, Number(r.user_id.slice(-2))].join(' ')).sort();
  db.say = (content) => db.one(`insert into platform.messages (chat_id, sender_id, type, content) values ('${u(10)}', '${u(1)}', 'text', $1) returning id`, [content]);
  db.notify = (user, title) => db.one(`select platform.notify('${u(user)}', 'mention', $1, 'b', '{}')`, [title]);
  return db;
}
const same = (have, want, name) => is(JSON.stringify(have), JSON.stringify(want), name);

async function once() {
  const db = await world();
  await db.say('before anybody asked');
  same(await db.take(), [], 'what was written before the first call is not kept');
  const first = await db.say('one');
  await db.notify(4, 'bell');
  same(await db.take("'1 hour'", 100), [], 'nothing is as old as that');
  same(await db.take(), ['chat one 2', 'chat one 3', 'notification bell 4'], 'a row each recipient, with the event');
  same(await db.take(), [], 'once');
  await db.query("select rt.undelivered('0 s', 1, 'mail')");
  await db.say('two');
  same(await db.take("'0 s'", 100), ['chat two 2', 'chat two 3'], 'one consumer');
  same(await db.take("'0 s'", 100, "'mail'"), ['chat two 2', 'chat two 3'], 'and the other');
  ok(first, 'a message');
  await db.query('begin');
  await db.say('three');
  await db.query('rollback');
  same(await db.take(), [], 'what did not commit');
}

async function taken() {
  const db = await world();
  await db.take();
  const id = await db.say('hello');
  await db.query(`select rt.confirm(array[jsonb_build_object('user_id', '${u(2)}', 'confirm', jsonb_build_object('message_id', $1::uuid))])`, [id]);
  const note = await db.notify(2, 'taken');
  await db.notify(2, 'not taken');
  const read = await db.notify(2, 'read');
  const confirm = await db.one(`select o.confirm from bellwire.outbox o where o.data ->> 'id' = $1`, [note]);
  is(JSON.stringify(confirm), JSON.stringify({ notification_id: note }), 'a notification is confirmed while there are consumers');
  await db.query(`select rt.confirm(array[jsonb_build_object('user_id', '${u(2)}', 'confirm', $1::jsonb)])`, [confirm]);
  await db.query('update platform.notifications set read_at = now() where id = $1', [read]);
  await db.query(`update platform.users set disabled_at = now() where id = '${u(3)}'`);
  const gone = await db.say('deleted');
  await db.query('delete from platform.messages where id = $1', [gone]);
  const noted = await db.say('noted');
  await db.query(`insert into platform.message_receipts (message_id, user_id) values ($1, '${u(2)}')`, [noted]);
  same(await db.take(), ['chat noted 2', 'notification not taken 2'], 'not what a socket has taken, nor what was read or is gone, nor for who is disabled');
  await db.query("delete from bellwire.push_consumers");
  const quiet = await db.notify(2, 'nobody pushes');
  is(await db.one(`select o.confirm from bellwire.outbox o where o.data ->> 'id' = $1`, [quiet]), null, 'without consumers it costs nothing');
}

async function workers() {
  const [db, other] = [await world(), await connect()];
  await db.take();
  for (let i = 0; i < 6; i++) await db.notify(2, `n${i}`);
  await db.query("select rt_private.push_fill()");
  const titles = (rows) => rows.map((r) => r.title).join(' ');
  const take = (c) => c.rows("select payload ->> 'title' as title from rt.undelivered('0 s', 2)");
  await db.query('begin');
  await other.query('begin');
  is(titles(await take(db)), 'n0 n1', 'the oldest first, as many as asked for');
  is(titles(await take(other)), 'n2 n3', 'another worker has others, and does not wait');
  await other.query('rollback');
  is(titles(await take(other)), 'n2 n3', 'what was rolled back is handed out again');
  await db.query('commit');
  is(titles(await take(other)), 'n4 n5', 'the rest');
  is(titles(await take(db)), '', 'nothing twice');
}

async function late() {
  const [db, slow] = [await world(), await connect()];
  await db.take();
  await slow.query('begin');
  await slow.query(`select platform.notify('${u(2)}', 'mention', 'slow', 'b', '{}')`);
  await db.notify(2, 'quick');
  same(await db.take(), ['notification quick 2'], 'one is still open');
  await slow.query('commit');
  same(await db.take(), ['notification slow 2'], 'and comes when it has committed, though it is older');
  // more than a page of the outbox
  await db.query(`select platform.notify('${u(2)}', 'mention', 'many', 'b', '{}') from generate_series(1, 2300)`);
  is((await db.take("'0 s'", 10000)).length, 2300, 'more than two pages');
  // rt.maintain fills for who does not come, and forgets who never does
  await db.notify(2, 'meanwhile');
  await db.query("update bellwire.push_cursor set at = now() - interval '1 hour'");
  await db.query('select rt_private.push_tick()');
  is(await db.one('select count(*)::int from bellwire.pushes'), 1, 'filled');
  await db.query("update bellwire.push_consumers set called_at = now() - interval '2 days'");
  await db.query('select rt_private.push_tick()');
  is(await db.one('select count(*)::int from bellwire.pushes'), 0, 'forgotten');
  is(await db.one('select count(*)::int from bellwire.push_cursor'), 0, 'and the cursor with the last of them');
}

async function large() {
  const db = await world();
  await db.query("update bellwire.settings set value = '2' where name = 'receipts_max_participants'");
  await db.query(`insert into bellwire.presence (user_id, online) values ('${u(2)}', true)`);
  await db.take();
  await db.say('to many');
  same(await db.take(), ['chat to many 3'], 'a large chat has no receipts: who is online has it');
  await db.query("update bellwire.settings set value = '1000' where name = 'receipts_max_participants'");
}

async function refused() {
  const db = await world();
  for (const args of ["null, 1", "'1 s', null", "'1 s', 0", "'1 s', 1, 'No name'"]) {
    const why = await db.query(`select rt.undelivered(${args})`).then(() => null, (e) => e.code);
    ok(['RT400', '23514'].includes(why), `refused: ${args}`, why);
  }
  await db.query('delete from platform.chats; delete from platform.users; delete from bellwire.push_consumers; delete from bellwire.push_cursor');
}

await run([['once', once], ['taken', taken], ['workers', workers], ['late', late], ['large', large], ['refused', refused]]);
