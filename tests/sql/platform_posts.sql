-- Likes and comments: counts, events, notifications.
begin;
select no_plan();

create function pg_temp.u(n int) returns uuid language sql immutable as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
create function pg_temp.mark() returns void language sql as $$
	select set_config('test.mark', (select last_value::text from bellwire.outbox_id), true) $$;
create function pg_temp.sent() returns table (id bigint, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb, control text, ephemeral boolean)
language sql as $$
	select id, rooms, except_rooms, event, data, confirm, control, false from bellwire.outbox
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	union all
	select id, rooms, except_rooms, event, data, confirm, control, true from bellwire.outbox_ephemeral
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	order by 1 $$;

insert into platform.users (id, name, avatar_url) values (pg_temp.u(1), 'Author', null), (pg_temp.u(2), 'Анна', 'https://x.y/a'), (pg_temp.u(3), 'Boris', null), (pg_temp.u(4), 'Clara', null);
insert into platform.posts (id, author_id, content) values (pg_temp.u(41), pg_temp.u(1), 'one'), (pg_temp.u(42), pg_temp.u(1), 'two');
select results_eq($$select likes_count, comments_count from platform.post_counts where post_id in (pg_temp.u(41), pg_temp.u(42))$$, $$values (0, 0), (0, 0)$$, 'a post has its counters');

-- likes
select pg_temp.mark();
insert into platform.post_likes (post_id, user_id) values (pg_temp.u(41), pg_temp.u(2));
select results_eq($$select event, rooms, data from pg_temp.sent() where event like 'post:%'$$, $$values ('post:liked', array['followers:' || pg_temp.u(1), 'user:' || pg_temp.u(1)],
	jsonb_build_object('post_id', pg_temp.u(41), 'user_id', pg_temp.u(2), 'user_name', 'Анна', 'likes_count', 1))$$, 'post:liked');
select results_eq($$select rooms, data ->> 'type', data ->> 'title', data ->> 'body', data -> 'data' from pg_temp.sent() where event = 'notification:new'$$,
	$$values (array['user:' || pg_temp.u(1)], 'post_liked', 'Лайк на посте', 'Анна', jsonb_build_object('post_id', pg_temp.u(41), 'user_id', pg_temp.u(2), 'user_name', 'Анна'))$$, 'the author''s notification');
select pg_temp.mark();
insert into platform.post_likes (post_id, user_id) values (pg_temp.u(42), pg_temp.u(4)), (pg_temp.u(41), pg_temp.u(4)), (pg_temp.u(41), pg_temp.u(3)), (pg_temp.u(41), pg_temp.u(1));
select results_eq($$select right(data ->> 'post_id', 2), right(data ->> 'user_id', 1), data ->> 'likes_count' from pg_temp.sent() where event = 'post:liked'$$,
	$$values ('41', '1', '2'), ('41', '3', '3'), ('41', '4', '4'), ('42', '4', '1')$$, 'many at once: each with its own count');
select is((select count(*) from pg_temp.sent() where event = 'notification:new'), 3::bigint, 'no notification of one''s own like');
select pg_temp.mark();
insert into platform.post_likes (post_id, user_id) values (pg_temp.u(41), pg_temp.u(2)) on conflict do nothing;
select is((select count(*) from pg_temp.sent()), 0::bigint, 'a like that is there is no like');
select is((select likes_count from platform.post_counts where post_id = pg_temp.u(41)), 4, 'and does not count');
delete from platform.post_likes where user_id = pg_temp.u(2);
select results_eq($$select event, rooms, data from pg_temp.sent()$$, $$values ('post:unliked', array['followers:' || pg_temp.u(1), 'user:' || pg_temp.u(1)],
	jsonb_build_object('post_id', pg_temp.u(41), 'user_id', pg_temp.u(2), 'likes_count', 3))$$, 'post:unliked');
select pg_temp.mark();
delete from platform.users where id = pg_temp.u(4);
select results_eq($$select right(data ->> 'post_id', 2), data ->> 'likes_count' from pg_temp.sent() where event = 'post:unliked'$$, $$values ('41', '2'), ('42', '0')$$, 'likes of somebody who goes');
select throws_ok($$update platform.post_likes set post_id = pg_temp.u(42)$$, 'RT400', null, 'a like does not move');

-- comments
select pg_temp.mark();
insert into platform.post_comments (id, post_id, author_id, content) values (pg_temp.u(51), pg_temp.u(41), pg_temp.u(2), 'Классная работа!');
select results_eq($$select event, rooms, data from pg_temp.sent() where event like 'post:%'$$, $$values ('post:commented', array['user:' || pg_temp.u(1)], jsonb_build_object(
	'post_id', pg_temp.u(41), 'comments_count', 1, 'comment', jsonb_build_object('id', pg_temp.u(51), 'author_id', pg_temp.u(2), 'author_name', 'Анна', 'author_avatar', 'https://x.y/a',
	'content', 'Классная работа!', 'created_at', rt_private.iso(now()))))$$, 'post:commented');
select results_eq($$select data ->> 'type', data ->> 'title', data ->> 'body', data -> 'data' ->> 'comment_id' from pg_temp.sent() where event = 'notification:new'$$,
	$$values ('post_commented', 'Комментарий к посту', 'Анна: Классная работа!', pg_temp.u(51)::text)$$, 'the author''s notification');
select pg_temp.mark();
insert into platform.post_comments (post_id, author_id, content) values (pg_temp.u(41), pg_temp.u(1), 'mine'), (pg_temp.u(41), pg_temp.u(3), 'his');
select set_eq($$select data ->> 'comments_count' from pg_temp.sent() where event = 'post:commented'$$, array['2', '3'], 'counts go up');
select is((select count(*) from pg_temp.sent() where event = 'notification:new'), 1::bigint, 'no notification of one''s own comment');
select is((select comments_count from platform.post_counts where post_id = pg_temp.u(41)), 3, 'counted');
delete from platform.post_comments where id = pg_temp.u(51);
select is((select comments_count from platform.post_counts where post_id = pg_temp.u(41)), 2, 'and back');
select throws_ok($$insert into platform.post_comments (post_id, author_id, content) values (pg_temp.u(41), pg_temp.u(3), '  ')$$, '23514', null, 'not blank');
select throws_ok($$insert into platform.post_comments (post_id, author_id, content) values (pg_temp.u(99), pg_temp.u(3), 'x')$$, '23503', null, 'no such post');
select throws_ok($$update platform.post_comments set post_id = pg_temp.u(42)$$, 'RT400', null, 'a comment does not move');

-- silent, truncate, the post itself
set local bellwire.silent = on;
select pg_temp.mark();
insert into platform.post_likes (post_id, user_id) values (pg_temp.u(42), pg_temp.u(2));
insert into platform.post_comments (post_id, author_id, content) values (pg_temp.u(42), pg_temp.u(2), 'x');
select is((select count(*) from pg_temp.sent() where event is not null), 0::bigint, 'an import says nothing');
select is((select count(*) from platform.notifications where data ->> 'post_id' = pg_temp.u(42)::text and data ->> 'user_id' = pg_temp.u(2)::text), 0::bigint, 'writes no notification');
select is((select (likes_count, comments_count) from platform.post_counts where post_id = pg_temp.u(42)), (1, 1), 'but counts');
set local bellwire.silent = off;
select pg_temp.mark();
delete from platform.posts where id = pg_temp.u(42);
select is((select count(*) from pg_temp.sent()), 0::bigint, 'a post that goes: no post:unliked');
truncate platform.post_likes, platform.post_comments;
select is((select (likes_count, comments_count) from platform.post_counts where post_id = pg_temp.u(41)), (0, 0), 'TRUNCATE');

select * from finish();
rollback;
