-- platform.post_likes: counted, announced, put before the author.
begin;
select plan(16);

insert into platform.users (id, name, avatar_url) values (tests.u(1), 'Author', null),
	(tests.u(2), 'Анна', 'https://x.y/a'), (tests.u(3), 'Boris', null), (tests.u(4), 'Clara', null);
insert into platform.posts (id, author_id, content) values (tests.u(41), tests.u(1), 'one'),
	(tests.u(42), tests.u(1), 'two');
select results_eq($$select likes_count, comments_count from platform.post_counts
	where post_id in (tests.u(41), tests.u(42))$$, $$values (0, 0), (0, 0)$$, 'a post has its counters');

-- likes_insert, likes_delete, likes_fixed (rt_private.keys_fixed)
select tests.mark();
insert into platform.post_likes (post_id, user_id) values (tests.u(41), tests.u(2));
select results_eq($$select event, rooms, data from tests.sent() where event like 'post:%'$$,
	$$values ('post:liked', array['followers:' || tests.u(1), 'user:' || tests.u(1)],
	jsonb_build_object('post_id', tests.u(41), 'user_id', tests.u(2), 'user_name', 'Анна', 'likes_count', 1))$$,
		'post:liked');
select results_eq($$select rooms, data ->> 'type', data ->> 'title', data ->> 'body', data -> 'data' from tests.sent()
	where event = 'notification:new'$$,
	$$values (array['user:' || tests.u(1)], 'post_liked', 'Лайк на посте', 'Анна',
		jsonb_build_object('post_id', tests.u(41), 'user_id', tests.u(2), 'user_name', 'Анна'))$$,
		'the author''s notification');
select tests.mark();
insert into platform.post_likes (post_id, user_id) values (tests.u(42), tests.u(4)), (tests.u(41), tests.u(4)),
	(tests.u(41), tests.u(3)), (tests.u(41), tests.u(1));
select results_eq($$select right(data ->> 'post_id', 2), right(data ->> 'user_id', 1), data ->> 'likes_count'
	from tests.sent() where event = 'post:liked'$$,
	$$values ('42', '4', '1'), ('41', '4', '2'), ('41', '3', '3'), ('41', '1', '4')$$,
		'many at once: each with its own count, in the order of the rows');
select is((select count(*) from tests.sent() where event = 'notification:new'), 3::bigint,
	'no notification of one''s own like');
select tests.mark();
insert into platform.post_likes (post_id, user_id) values (tests.u(41), tests.u(2)) on conflict do nothing;
select is((select count(*) from tests.sent()), 0::bigint, 'a like that is there is no like');
select is((select likes_count from platform.post_counts where post_id = tests.u(41)), 4, 'and does not count');
delete from platform.post_likes where user_id = tests.u(2);
select results_eq($$select event, rooms, data from tests.sent()$$,
	$$values ('post:unliked', array['followers:' || tests.u(1), 'user:' || tests.u(1)],
	jsonb_build_object('post_id', tests.u(41), 'user_id', tests.u(2), 'likes_count', 3))$$, 'post:unliked');
select tests.mark();
delete from platform.users where id = tests.u(4);
select results_eq($$select right(data ->> 'post_id', 2), data ->> 'likes_count' from tests.sent()
	where event = 'post:unliked'$$, $$values ('41', '2'), ('42', '0')$$, 'likes of somebody who goes');
select throws_ok($$update platform.post_likes set post_id = tests.u(42)$$, 'RT400', null, 'a like does not move');

select tests.users(300, 319);
select tests.mark();
insert into platform.post_likes (post_id, user_id) select tests.u(42), tests.u(320 - n) from generate_series(1, 20) n;
select results_eq($$select right(data ->> 'user_id', 3)::int, (data ->> 'likes_count')::int from tests.sent()
	where event = 'post:liked'$$, $$select 320 - n, n from generate_series(1, 20) n$$,
	'one INSERT of 20 likes: in the order of its rows, and counted so');
select results_eq($$select right(data -> 'data' ->> 'user_id', 3)::int from tests.sent()
	where event = 'notification:new'$$, $$select 320 - n from generate_series(1, 20) n$$, 'the notifications too');
delete from platform.post_likes where post_id = tests.u(42);

-- silent, and the post itself
set local bellwire.silent = on;
select tests.mark();
insert into platform.post_likes (post_id, user_id) values (tests.u(42), tests.u(2));
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'an import says nothing');
select is((select count(*) from platform.notifications where data ->> 'post_id' = tests.u(42)::text
	and data ->> 'user_id' = tests.u(2)::text), 0::bigint, 'writes no notification');
select is((select likes_count from platform.post_counts where post_id = tests.u(42)), 1, 'but counts');
set local bellwire.silent = off;
select tests.mark();
delete from platform.posts where id = tests.u(42);
select is((select count(*) from tests.sent()), 0::bigint, 'a post that goes: no post:unliked');


select * from finish();
rollback;
