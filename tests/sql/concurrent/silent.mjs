// bellwire.silent: for members of bellwire_service alone, and it leaves one row behind (docs/events.md, "Imports without events").
import { randomBytes } from 'node:crypto';
import { Pump, connect, connectAs, is, listen, many, outcome, run, uuid } from './lib.mjs';

async function silent() {
  const [admin, holder] = await many(2);
  const password = randomBytes(12).toString('hex');
  const roles = ['bellwire_test_member', 'bellwire_test_stranger'];
  for (const role of roles) await admin.query(`drop role if exists ${role}`);
  await admin.query(`create role ${roles[0]} login password '${password}' in role bellwire_service`);
  await admin.query(`create role ${roles[1]} login password '${password}'`);
  await admin.query(`grant usage on schema platform to ${roles[1]}; grant select, insert, update, delete on all tables in schema platform to ${roles[1]}`);
  await admin.query('select tests.users(1, 3); select tests.chat(11, 1, 2)');
  const pump = await Pump.start();
  const ear = await listen(admin);
  const [member, stranger] = await Promise.all(roles.map((r) => connectAs(r, password)));
  const bulk = "insert into platform.messages (chat_id, sender_id, type, content) select tests.u(11), tests.u(1 + n % 2), 'text', 'm' || n from generate_series(1, $1) n";
  const told = async () => (await pump.poll()).rows.map((r) => r.event ?? r.control);

  const warnings = [];
  for (const client of [member, stranger]) client.on('notice', (n) => warnings.push(`${n.severity} ${n.message} ${n.hint}`));
  await stranger.query('set client_min_messages = warning; begin; set local bellwire.silent = on');
  await stranger.query(bulk, [2]);
  await stranger.query(bulk, [1]);
  await stranger.query('commit');
  is(warnings.splice(0).join(), `WARNING bellwire.silent is not honoured: ${roles[1]} is no member of bellwire_service, every row is announced grant bellwire_service to ${roles[1]}`, 'a role that is no member is told, once');
  is((await told()).join(), 'chat:message:new,chat:message:new,chat:message:new', 'a role that is no member: not honoured');
  await stranger.query('begin; set local bellwire.silent = on');
  is(await outcome(stranger.query('update platform.messages set seq = seq + 100')), 'RT400', 'nor the right to move messages');
  await stranger.query('rollback');
  is(warnings.splice(0).length, 1, 'and again in the next transaction');

  await member.query("set statement_timeout = '30s'");
  await member.query('begin; set local bellwire.silent = on');
  await member.query(bulk, [3000]);
  await member.query('insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2)), (tests.u(2), tests.u(1))');
  await member.query("insert into platform.chat_participants (chat_id, user_id) values (tests.u(11), tests.u(3)); delete from platform.chat_participants where user_id = tests.u(3)");
  await member.query("insert into platform.posts (id, author_id) values (tests.u(41), tests.u(1)); insert into platform.post_likes (post_id, user_id) values (tests.u(41), tests.u(2)); insert into platform.post_comments (post_id, author_id, content) values (tests.u(41), tests.u(2), 'x')");
  await member.query("insert into platform.notifications (user_id, type, title, body) values (tests.u(1), 'mention', 't', 'b'); update platform.notifications set read_at = now()");
  await member.query("insert into platform.message_receipts (message_id, user_id, read_at) select id, tests.u(1), now() from platform.messages where sender_id = tests.u(2) limit 500");
  await member.query('update platform.users set disabled_at = now() where id = tests.u(3)');
  await member.query('commit');
  is((await told()).join(), 'rooms_stale', 'a member: three thousand messages and all the rest leave one "read rooms again"');
  is(await admin.one('select count(*)::int from platform.messages'), 3003, 'they are there');
  is(await admin.one('select count(*)::int from (select seq, row_number() over (order by seq) as n from platform.messages) m where seq <> n'), 0, 'numbered');
  is((await ear.mark()).length, 0, 'nobody sleeps, nobody was rung for');
  await member.query(bulk, [1]);
  is((await told()).join(), 'chat:message:new', 'after it all is as before');

  await holder.query('begin');
  await holder.query('select from platform.chats where id = $1 for no key update', [uuid(11)]);
  await member.query('begin; set local bellwire.silent = on');
  // the foreign key's share lock goes together with the lock of a message
  is(await outcome(member.query(bulk, [5])), 'ok', 'an import takes no chat lock');
  await member.query('commit');
  await holder.query('rollback');
  is(warnings.join(), '', 'a member is not warned');
  await Promise.all([member.end(), stranger.end()]);
  await admin.query(`drop owned by ${roles.join()}`);
  for (const role of roles) await admin.query(`drop role ${role}`);
}

await run([['silent', silent]]);
