// Counters of posts under concurrency (docs/event-path.md, "Small rules"): right, in order, and nobody else's business.
import { Pump, blocked, connect, is, many, ok, outcome, run, uuid } from './lib.mjs';

async function hundred() {
  const admin = await connect();
  await admin.query("select tests.users(1, 101); insert into platform.posts (id, author_id) values (tests.u(141), tests.u(101)), (tests.u(142), tests.u(101))");
  const pump = await Pump.start();
  const clients = await many(100);
  await Promise.all(clients.map((c, n) => c.query('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(141), uuid(n + 1)])));
  is(await admin.one('select likes_count from platform.post_counts where post_id = $1', [uuid(141)]), 100, '100 at once: 100 likes');
  await pump.poll();
  const counts = (event) => pump.rows.filter((r) => r.event === event).map((r) => JSON.parse(r.data).likes_count);
  is(counts('post:liked').join(), Array.from({ length: 100 }, (_, n) => n + 1).join(), 'told in order, the last event with the right number');
  // on and off
  await Promise.all(clients.map(async (c, n) => {
    await c.query('delete from platform.post_likes where post_id = $1 and user_id = $2', [uuid(141), uuid(n + 1)]);
    if (n % 2) await c.query('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(141), uuid(n + 1)]);
  }));
  pump.rows = [];
  await pump.poll();
  is(await admin.one('select likes_count from platform.post_counts where post_id = $1', [uuid(141)]), 50, 'unliked and liked again');
  const all = pump.rows.filter((r) => /^post:(un)?liked$/.test(r.event)).map((r) => [r.event, JSON.parse(r.data).likes_count]);
  let value = 100;
  is(all.filter(([event, n]) => n !== (value += event === 'post:liked' ? 1 : -1)).length, 0, 'each event says what the one before and it make');
  is(value, 50, 'the last one the truth');
  const comments = await Promise.all(clients.slice(0, 40).map((c, n) => outcome(c.query("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [uuid(142), uuid(n + 1)]))));
  is(comments.filter((o) => o !== 'ok').length, 0, 'comments at once');
  is(await admin.one('select comments_count from platform.post_counts where post_id = $1', [uuid(142)]), 40, 'are counted');
}

async function viral() {
  const [admin, liker, other] = await many(3);
  await admin.query("insert into platform.posts (id, author_id) values (tests.u(151), tests.u(101)), (tests.u(152), tests.u(101)), (tests.u(153), tests.u(1)); select tests.chat(110, 1, 2, 101)");
  await other.query("set statement_timeout = '20s'");
  await liker.query('begin');
  await liker.query('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(151), uuid(2)]);
  const done = async (what, sql) => is(await outcome(other.query(sql)), 'ok', what);
  await done('another post of the author', 'insert into platform.post_likes (post_id, user_id) values (tests.u(152), tests.u(3))');
  await done('another author', 'insert into platform.post_likes (post_id, user_id) values (tests.u(153), tests.u(3))');
  await done("the author's messages", "insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(110), tests.u(101), 'text', 'x')");
  await done("the author's notifications", "select platform.notify(tests.u(101), 'mention', 't', 'b')");
  await done('the author is seen', 'update platform.users set last_seen_at = now() where id = tests.u(101)');
  await done('the post is edited', "update platform.posts set content = 'edited' where id = tests.u(151)");
  await done('the post is read', 'select * from platform.post_counts where post_id = tests.u(151)');
  const second = other.query('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(151), uuid(3)]);
  ok(await blocked(admin, other), 'only likes of the same post stand in line');
  await liker.query('commit');
  await second;
}

// Triggers likes_author, comments_author and posts_lock: a deletion never deadlocks with a like or a comment.
async function deletions() {
  const [admin, one, other] = await many(3);
  const like = (client, post, user) => client.query('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [uuid(post), uuid(user)]);
  const comment = (client, post, user) => client.query("insert into platform.post_comments (post_id, author_id, content) values ($1, $2, 'x')", [uuid(post), uuid(user)]);
  await admin.query('insert into platform.posts (id, author_id) select tests.u(n), tests.u(n - 100) from generate_series(161, 166) n');
  for (const [n, write] of [[61, like], [62, comment]]) {
    await one.query('begin');
    await one.query('select from platform.users where id = $1 for update', [uuid(n)]);
    const second = outcome(write(other, 100 + n, 1));
    await blocked(admin, other);
    is(await outcome(one.query('delete from platform.users where id = $1', [uuid(n)])), 'ok', `a ${write.name} while the author is deleted`);
    await one.query('commit');
    is(await second, '23503', 'comes too late');
  }
  for (const [n, write, table] of [[63, like, 'likes'], [64, comment, 'comments']]) {
    await write(admin, 100 + n, 1);
    await admin.query('begin');
    await admin.query('select from platform.post_counts where post_id = $1 for update', [uuid(100 + n)]);
    const first = outcome(one.query('delete from platform.posts where id = $1', [uuid(100 + n)]));
    await blocked(admin, one);
    const second = outcome(other.query(`delete from platform.post_${table} where post_id = $1`, [uuid(100 + n)]));
    await blocked(admin, other);
    await admin.query('commit');
    is(`${await first} ${await second}`, 'ok ok', `a ${write.name} that is taken back while the post is deleted`);
  }
  // the other way round
  await like(admin, 165, 1);
  await one.query('begin');
  await one.query('delete from platform.post_likes where post_id = $1', [uuid(165)]);
  const last = outcome(other.query('delete from platform.users where id = $1', [uuid(65)]));
  await blocked(admin, other);
  await one.query('commit');
  is(await last, 'ok', 'and before the author is deleted');
}

await run([['likes: a hundred', hundred], ['likes: a viral post', viral], ['likes: deletions', deletions]]);
