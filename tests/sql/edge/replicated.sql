-- Rows that a subscription brings, table by table: trigger replicated. integration/integrating.test.mjs has real
-- subscriptions; here the session says that it is the worker of one.
begin;
select plan(34);

select tests.users(1, 4);
select tests.chat(11, 1, 2);
select has_trigger('platform', t, 'replicated', 'trigger replicated on ' || t)
from unnest('{users,follows,chats,chat_participants,messages,message_receipts,notifications,posts,post_likes}'::name[]
	|| '{post_comments}'::name[]) t;
create function pg_temp.told() returns text language sql as $$
	select string_agg(coalesce(s.event, s.control), ' ' order by s.id) from tests.sent() s $$;

-- a restore, which is no subscription
select ok(not rt_private.is_subscription(), 'a session is no worker of a subscription');
set local session_replication_role = replica;
select tests.mark();
insert into platform.messages (id, chat_id, seq, sender_id, type, content, created_at)
values (tests.u(20), tests.u(11), 7, tests.u(1), 'text', 'restored', '2026-01-10');
insert into platform.chat_participants (chat_id, user_id) values (tests.u(11), tests.u(4));
delete from platform.chat_participants where user_id = tests.u(4);
select is(pg_temp.told(), null, 'a restore writes without events');
select is((select seq from platform.messages where id = tests.u(20)), 7::bigint, 'and its rows as they are');

create or replace function rt_private.is_subscription() returns boolean language sql as 'select true';
select throws_like($$insert into platform.users (id, name) values (tests.u(5), 'User 5')$$,
	'%may not write replicated rows%', 'the owner has to be allowed');
grant set on parameter session_replication_role to bellwire_owner;
select tests.mark();
insert into platform.messages (id, chat_id, seq, sender_id, type, content)
values (tests.u(21), tests.u(11), 1, tests.u(1), 'text', 'x');
select is(pg_temp.told(), 'chat:message:new', 'a message is announced');
select is((select seq from platform.messages where id = tests.u(21)), 8::bigint, 'and has its place here');
select is(current_setting('session_replication_role'), 'replica', 'the session is as it was');
update platform.messages set seq = 1, content = 'y', created_at = '2001-01-01' where id = tests.u(21);
select results_eq($$select seq, content, created_at > now() - interval '1 hour' from platform.messages
	where id = tests.u(21)$$,
	$$values (8::bigint, 'y', true)$$, 'which it keeps when the source changes it');
select throws_ok($$insert into platform.messages (id, chat_id, sender_id, type, content)
	values (tests.u(22), tests.u(11), tests.u(3), 'text', 'x')$$, 'RT403', null, 'a stranger is refused');
set local session_replication_role = replica;
select throws_ok($$insert into platform.chat_participants (chat_id, user_id) values (tests.u(12), tests.u(3))$$,
	'23503', null, 'and so is a chat that is not there');
set local session_replication_role = replica;

select tests.mark();
insert into platform.chat_participants (chat_id, user_id) values (tests.u(11), tests.u(3));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(11), tests.u(3));
select is(string_agg(m, ', '), 'user_join 3 participants 11', 'who joins, once') from tests.moves() m;
select tests.mark();
delete from platform.chat_participants where user_id = tests.u(3);
select is(string_agg(m, ', '), 'user_leave 3 participants 11, user_leave 3 chat 11', 'who leaves') from tests.moves() m;
select tests.mark();
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2));
delete from platform.follows;
select is((select count(*) from tests.moves()), 2::bigint, 'follows');

-- receipts: the first time counts, here as there
insert into platform.message_receipts (message_id, user_id, delivered_at)
values (tests.u(21), tests.u(2), '2026-01-10 12:00:00+00');
select tests.mark();
insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
values (tests.u(21), tests.u(2), null, '2026-01-10 13:00:00+00');
select is(pg_temp.told(), 'chat:message:read', 'a receipt that is there already gets what is new');
update platform.message_receipts set read_at = null, delivered_at = null;
select results_eq('select delivered_at is not null, read_at is not null from platform.message_receipts',
	'values (true, true)', 'and what is known here is not taken back');

select tests.mark();
insert into platform.notifications (id, user_id, type, title, body)
values (tests.u(31), tests.u(1), 'mention', 't', 'b');
update platform.notifications set read_at = now() where id = tests.u(31);
select is(pg_temp.told(), 'notification:new notification:read', 'notifications');
select tests.mark();
insert into platform.posts (id, author_id) values (tests.u(41), tests.u(1));
insert into platform.post_likes (post_id, user_id) values (tests.u(41), tests.u(2));
insert into platform.post_comments (id, post_id, author_id, content) values (tests.u(51), tests.u(41), tests.u(2), 'x');
delete from platform.post_likes;
select is(pg_temp.told(), 'post:liked notification:new post:commented notification:new post:unliked', 'posts');
select is((select format('%s %s', likes_count, comments_count) from platform.post_counts), '0 1', 'and their counts');

select tests.mark();
update platform.users set last_seen_at = now(), name = 'Other' where id = tests.u(2);
update platform.users set disabled_at = now() where id = tests.u(2);
select is(pg_temp.told(), 'user_renamed user_kick', 'users');
select is((select last_seen_at from platform.users where id = tests.u(2)), null, 'last_seen_at is written here');
insert into platform.chats (id) values (tests.u(12));
delete from platform.chats where id = tests.u(11);
select is((select count(*) from platform.messages), 0::bigint, 'what refers to a row goes with it');

-- in silence
select tests.mark();
set local bellwire.silent = on;
insert into platform.chat_participants (chat_id, user_id) values (tests.u(12), tests.u(1));
insert into platform.messages (id, chat_id, seq, sender_id, type, content)
values (tests.u(61), tests.u(12), 5, tests.u(1), 'text', 'x');
select is(pg_temp.told(), 'rooms_stale', 'the first copy in silence');
select is((select seq from platform.messages where id = tests.u(61)), 5::bigint, 'keeps the places that it brings');
set local bellwire.silent = off;
select tests.mark();
truncate platform.follows;
select is(pg_temp.told(), 'rooms_stale', 'TRUNCATE');

select * from finish();
rollback;
