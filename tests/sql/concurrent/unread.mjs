// unread_count is exact, whatever bellwire.read_marks spare, whoever writes at the same time, in whatever way (docs/reads.md).
import { blocked, connect, is, many, ok, outcome, random, run, uuid } from './lib.mjs';

const exact = `select count(*)::int from platform.messages m
  join platform.chat_participants p on p.chat_id = m.chat_id and p.user_id = $1
  where m.chat_id = $2 and m.created_at >= p.joined_at and m.sender_id <> $1
    and not exists (select from platform.message_receipts r where r.message_id = m.id and r.user_id = $1 and r.read_at is not null)`;
const told = `select (i.item ->> 'unread_count')::int from jsonb_array_elements(rt.get_chats($1, '{"limit": "100"}') -> 'items') i (item) where i.item ->> 'id' = $2::text`;
const marks = (admin, user, chat) => admin.one('select string_agg(runs::text, $3) from bellwire.read_marks where user_id = $1 and chat_id = $2', [uuid(user), uuid(chat), ' ']);
const say = (client, chat, user, n = 1) => client.query("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'x' from generate_series(1, $3::int)", [uuid(chat), uuid(user), n]);
const readAll = (client, chat, user) => client.query(`insert into platform.message_receipts as r (message_id, user_id, read_at)
  select m.id, $2, now() from platform.messages m where m.chat_id = $1 and m.sender_id <> $2 order by m.id
  on conflict (message_id, user_id) do update set read_at = excluded.read_at where r.read_at is null`, [uuid(chat), uuid(user)]);
const count = (client, chat, user) => client.one(told, [uuid(user), uuid(chat)]);
const forget = (client, chat, user, seq) => client.query('update platform.message_receipts r set read_at = null from platform.messages m where m.id = r.message_id and m.chat_id = $1 and m.seq = $3 and r.user_id = $2', [uuid(chat), uuid(user), seq]);

// What tells of it: triggers receipts_unread_update, receipts_unread_delete and receipts_truncated. Ten messages are many here.
async function small(admin) {
  await admin.query('create or replace function rt_private.unread_look() returns int language sql immutable as $$ select 10 $$');
}

async function begin(admin, chat) {
  await admin.query('select tests.chat($1, 1, 2, 3)', [chat]);
  await admin.query("update platform.chat_participants set joined_at = now() - interval '1 day' where chat_id = $1", [uuid(chat)]);
  await say(admin, chat, 2, 30);
  await readAll(admin, chat, 1);
  await count(admin, chat, 1);
  return marks(admin, 1, chat);
}

async function story() {
  const admin = await connect();
  await small(admin);
  await admin.query('select tests.users(1, 3)');
  is(await begin(admin, 11), '{[1,31)}', 'thirty that are read are not looked at again');
  is(await count(admin, 11, 1), 0, 'none is unread');
  await say(admin, 11, 2, 3);
  await say(admin, 11, 1, 5);
  is(await count(admin, 11, 1), 3, 'three more');
  is(await marks(admin, 1, 11), '{[1,31)}', 'are not worth writing');
  await say(admin, 11, 2, 30);
  await admin.query("insert into platform.message_receipts (message_id, user_id, read_at) select m.id, $2, now() from platform.messages m where m.chat_id = $1 and m.seq > 45", [uuid(11), uuid(1)]);
  is(await count(admin, 11, 1), 10, 'what was passed over stays unread');
  is(await marks(admin, 1, 11), '{[1,31),[34,39),[46,69)}', 'and what came after it is not looked at again');
  await forget(admin, 11, 1, 40);
  is(await marks(admin, 1, 11), '{[1,31),[34,39),[46,69)}', 'what was not read cannot be taken back');
  await forget(admin, 11, 1, 50);
  is(await count(admin, 11, 1), 11, 'what is unread again counts');
  await readAll(admin, 11, 1);
  is(await count(admin, 11, 1), 0, 'all is read');
  await admin.query('delete from platform.message_receipts r using platform.messages m where m.id = r.message_id and m.chat_id = $1 and m.seq <= 5', [uuid(11)]);
  is(await count(admin, 11, 1), 5, 'without its receipt a message is unread');

  is(await begin(admin, 12), '{[1,31)}', 'another chat');
  await admin.query('delete from platform.messages where chat_id = $1 and seq > 28', [uuid(12)]);
  await say(admin, 12, 2, 2);
  is(await admin.one('select max(seq)::int from platform.messages where chat_id = $1', [uuid(12)]), 32, 'places of messages that went are not given again');
  is(await count(admin, 12, 1), 2, 'and who has them is unread');

  is(await begin(admin, 13), '{[1,31)}', 'another chat');
  await admin.query("begin; set local bellwire.silent = on");
  await admin.query("insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) select $1, -n, $2, 'text', 'x', now() - n * interval '10 hours' from generate_series(1, 3) n", [uuid(13), uuid(2)]);
  is(await count(admin, 13, 1), 2, 'an import brings messages with places of before');
  await admin.query("insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) select $1, 10 - n, $2, 'text', 'x', now() from generate_series(15, 16) n", [uuid(13), uuid(2)]);
  is(await count(admin, 13, 1), 4, 'in two steps');
  await admin.query('update platform.messages set sender_id = $2 where chat_id = $1 and seq = -1', [uuid(13), uuid(1)]);
  await admin.query('commit');
  is(await count(admin, 13, 1), 3, 'and may say that it was somebody else');
  is(await marks(admin, 1, 13), '{[-1,31)}', 'after it all is as before');
  await admin.query('begin; set local bellwire.silent = on');
  await admin.query('update platform.messages set sender_id = $2 where chat_id = $1 and seq = -1', [uuid(13), uuid(2)]);
  await admin.query('commit');
  is(await count(admin, 13, 1), 4, 'a sender who was another one');

  is(await begin(admin, 14), '{[1,31)}', 'another chat');
  await admin.query("begin; set local bellwire.silent = on");
  await admin.query("insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) select $1, -n, $2, 'text', 'x', now() - interval '10 days' from generate_series(0, 20) n", [uuid(14), uuid(2)]);
  await admin.query('commit');
  is(await count(admin, 14, 1), 0, 'from before one joined');
  is(await marks(admin, 1, 14), '{[-20,31)}', 'it is not looked at again');
  await admin.query("update platform.chat_participants set joined_at = now() - interval '20 days' where chat_id = $1", [uuid(14)]);
  is(await count(admin, 14, 1), 21, 'but when one has joined earlier');
  await admin.query("delete from platform.chat_participants where chat_id = $1 and user_id = $2", [uuid(14), uuid(1)]);
  await admin.query("insert into platform.chat_participants (chat_id, user_id, joined_at) values ($1, $2, now() + interval '1 hour')", [uuid(14), uuid(1)]);
  is(await count(admin, 14, 1), 0, 'who comes again begins anew');
  await admin.query("update platform.chat_participants set joined_at = now() - interval '20 days' where chat_id = $1", [uuid(14)]);
  is(await count(admin, 14, 1), 21, 'or not');

  is(await begin(admin, 15), '{[1,31)}', 'another chat');
  await admin.query('truncate platform.message_receipts');
  is(await count(admin, 15, 1), 30, 'TRUNCATE of the receipts');

  is(await begin(admin, 16), '{[1,31)}', 'another chat');
  await admin.query('delete from platform.chats where id = $1', [uuid(16)]);
  is(await marks(admin, 1, 16), null, 'goes, and what is known of it with it');
  await begin(admin, 17);
  await admin.query('begin transaction isolation level repeatable read');
  await say(admin, 17, 2, 30);
  await readAll(admin, 17, 1);
  is(await count(admin, 17, 1), 0, 'repeatable read: counted');
  await admin.query('commit');
  is(await marks(admin, 1, 17), '{[1,31)}', 'and nothing is written down');
  await admin.query('begin read only');
  is(await count(admin, 17, 1), 0, 'nor in a transaction that may not write');
  await admin.query('commit');
  await count(admin, 17, 1);
  is(await marks(admin, 1, 17), '{[1,61)}', 'as it is else');
  await admin.query('delete from platform.users where id = $1', [uuid(1)]);
  is(await admin.one('select count(*)::int from bellwire.read_marks where user_id = $1', [uuid(1)]), 0, 'a user who is deleted leaves nothing');
  await admin.query('delete from platform.chats; delete from platform.users');
}

async function atOnce() {
  const [admin, reader, service] = await many(3);
  await reader.query("set statement_timeout = '20s'");
  await admin.query('select tests.users(1, 3)');
  // the one who takes a like back comes first
  await begin(admin, 11);
  await say(admin, 11, 2, 20);
  await readAll(admin, 11, 1);
  await service.query('begin');
  await forget(service, 11, 1, 45);
  is(await count(reader, 11, 1), 0, 'what is taken back and not committed counts as before');
  is(await marks(admin, 1, 11), '{[1,31)}', 'and nothing is written down meanwhile');
  await service.query('commit');
  is(await count(reader, 11, 1), 1, 'then it counts');
  is(await marks(admin, 1, 11), '{[1,45),[46,51)}', 'and is passed over');
  // or comes second
  for (const [chat, level] of [[12, 'read committed'], [13, 'repeatable read'], [14, 'serializable']]) {
    await begin(admin, chat);
    await say(admin, chat, 2, 20);
    await readAll(admin, chat, 1);
    await service.query(`begin isolation level ${level}`);
    await service.query('select from platform.users');
    await reader.query('begin');
    is(await count(reader, chat, 1), 0, `${level}: a count that writes`);
    const second = forget(service, chat, 1, 45);
    await blocked(admin, service);
    await reader.query('commit');
    is(await marks(admin, 1, chat), '{[1,51)}', 'is written');
    await second;
    await service.query('commit');
    is(await count(reader, chat, 1), 1, 'and what is taken back at that moment counts');
  }
  // an import
  await begin(admin, 15);
  await say(admin, 15, 2, 20);
  await readAll(admin, 15, 1);
  await service.query('begin; set local bellwire.silent = on');
  await service.query("insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) values ($1, -5, $2, 'text', 'x', now())", [uuid(15), uuid(2)]);
  is(await count(reader, 15, 1), 0, 'an import that is under way');
  is(await marks(admin, 1, 15), '{[1,31)}', 'nothing is written down meanwhile');
  await service.query('commit');
  is(await count(reader, 15, 1), 1, 'its message counts, whatever its place');
  // a message that goes
  await begin(admin, 16);
  await say(admin, 16, 2, 20);
  await readAll(admin, 16, 1);
  await service.query('begin');
  await service.query('delete from platform.messages where chat_id = $1 and seq = 50', [uuid(16)]);
  is(await outcome(count(reader, 16, 1)), 'ok', 'a count does not wait for a message that goes');
  is(await marks(admin, 1, 16), '{[1,31)}', 'nor rests on it');
  await service.query('commit');
  await say(admin, 16, 2);
  is(await count(reader, 16, 1), 1, 'who gets its place counts');
  // a user who goes, and waits for a chat
  await begin(admin, 17);
  await begin(admin, 18);
  await say(admin, 18, 2, 20);
  await readAll(admin, 18, 1);
  await admin.query('delete from bellwire.read_marks where chat_id = $1', [uuid(18)]); // a first row asks for the user
  await reader.query("set lock_timeout = '5s'");
  await admin.query('begin');
  await admin.query('select from platform.chats where id = $1 for no key update', [uuid(17)]);
  const gone = service.query('delete from platform.users where id = $1', [uuid(1)]);
  await blocked(admin, service);
  is(await outcome(count(reader, 18, 1)), 'ok', 'a count does not wait for a user who goes');
  await admin.query('commit');
  await gone;
  await admin.query('delete from platform.chats; delete from platform.users');
}

// Everything at once, at random; when it rests, each count must be what docs/reads.md says.
async function anything() {
  const admin = await connect();
  const chats = [21, 22];
  const users = [1, 2, 3, 4];
  await admin.query('select tests.users(1, 4)');
  for (const chat of chats) {
    await admin.query('select tests.chat($1, 1, 2, 3, 4)', [chat]);
    await say(admin, chat, 2, 60);
  }
  const clients = await many(6);
  for (const client of clients) await client.query("set deadlock_timeout = '10ms'; set lock_timeout = '200ms'");
  const wrong = [];
  const seen = new Map();
  for (let round = 0; round < 25; round++) {
    await Promise.all(clients.map(async (client, w) => {
      const rnd = random(round * 100 + w);
      const pick = (list) => list[Math.floor(rnd() * list.length)];
      const act = async () => {
        const chat = pick(chats);
        const user = pick(users);
        const seq = async () => client.one('select seq from platform.messages where chat_id = $1 offset (random() * (select count(*) - 1 from platform.messages where chat_id = $1))::int limit 1', [uuid(chat)]);
        switch (pick(['read', 'read', 'count', 'count', 'count', 'say', 'say', 'some', 'forget', 'drop', 'delete', 'last', 'import', 'joined', 'again'])) {
          case 'read': return readAll(client, chat, user);
          case 'count': return count(client, chat, user);
          case 'say': return say(client, chat, user, Math.ceil(rnd() * 15));
          case 'some': return client.query('insert into platform.message_receipts (message_id, user_id, read_at) select m.id, $2, now() from platform.messages m where m.chat_id = $1 and m.sender_id <> $2 and m.seq % 7 <> 0 order by m.id on conflict do nothing', [uuid(chat), uuid(user)]);
          case 'forget': return forget(client, chat, user, await seq());
          case 'drop': return client.query('delete from platform.message_receipts r using platform.messages m where m.id = r.message_id and m.chat_id = $1 and m.seq = $3 and r.user_id = $2', [uuid(chat), uuid(user), await seq()]);
          case 'delete': return client.query('delete from platform.messages where chat_id = $1 and seq = $2', [uuid(chat), await seq()]);
          case 'last': return client.query('delete from platform.messages m where m.chat_id = $1 and m.seq = (select max(seq) from platform.messages where chat_id = $1)', [uuid(chat)]);
          case 'import': {
            await client.query('savepoint i; set local bellwire.silent = on');
            await client.query("insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) values ($1, $2, $3, 'text', 'x', now()) on conflict do nothing", [uuid(chat), Math.floor(rnd() * 400) - 200, uuid(user)]);
            return client.query('set local bellwire.silent = off');
          }
          case 'joined': return client.query("update platform.chat_participants set joined_at = now() - $3 * interval '1 ms' where chat_id = $1 and user_id = $2", [uuid(chat), uuid(user), Math.floor(rnd() * 3000)]);
          default:
            await client.query('delete from platform.chat_participants where chat_id = $1 and user_id = $2', [uuid(chat), uuid(user)]);
            return client.query("insert into platform.chat_participants (chat_id, user_id, joined_at) values ($1, $2, now() - interval '1 hour') on conflict do nothing", [uuid(chat), uuid(user)]);
        }
      };
      for (let i = 0; i < 6; i++) {
        await client.query(`begin isolation level ${pick(['read committed', 'read committed', 'read committed', 'repeatable read'])}`);
        let done = 'ok';
        for (let k = 0; k < 3 && done === 'ok'; k++) done = await outcome(act());
        seen.set(done, (seen.get(done) ?? 0) + 1);
        await client.query(done === 'ok' && rnd() > 0.1 ? 'commit' : 'rollback');
      }
    }));
    for (let i = 0; i < 2; i++)
      for (const chat of chats)
        for (const user of users) {
          const [have, want] = [await count(admin, chat, user), await admin.one(exact, [uuid(user), uuid(chat)])];
          if (have !== want) wrong.push(`round ${round}, user ${user}, chat ${chat}: ${have}, not ${want}`);
        }
  }
  is(wrong.join('; '), '', 'every count is exact');
  ok(Number(await admin.one('select n from bellwire.read_marks order by n desc limit 1')) > 0, 'with something spared');
  const known = ['ok', '40P01', '40001', '55P03', '23505', 'RT403', '23503'];
  ok([...seen.keys()].every((o) => known.includes(o)) && seen.get('ok') > 300, `what came of it: ${JSON.stringify([...seen])}`);
}

await run([['unread: story', story], ['unread: at once', atOnce], ['unread: anything', anything]]);
