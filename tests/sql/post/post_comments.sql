-- platform.post_comments: counted, told to the author.
begin;
select plan(16);

insert into platform.users (id, name, avatar_url) values (tests.u(1), 'Author', null),
	(tests.u(2), 'Анна', 'https://x.y/a'), (tests.u(3), 'Boris', null), (tests.u(4), 'Clara', null);
insert into platform.posts (id, author_id, content) values (tests.u(41), tests.u(1), 'one'),
	(tests.u(42), tests.u(1), 'two');
select results_eq($$select likes_count, comments_count from platform.post_counts
	where post_id in (tests.u(41), tests.u(42))$$, $$values (0, 0), (0, 0)$$, 'a post has its counters');

-- comments_insert, comments_delete, comments_fixed
select tests.mark();
insert into platform.post_comments (id, post_id, author_id, content)
	values (tests.u(51), tests.u(41), tests.u(2), 'Классная работа!');
select results_eq($$select event, rooms, data from tests.sent() where event like 'post:%'$$,
	$$values ('post:commented', array['user:' || tests.u(1)], jsonb_build_object(
	'post_id', tests.u(41), 'comments_count', 1, 'comment',
	jsonb_build_object('id', tests.u(51), 'author_id', tests.u(2), 'author_name', 'Анна', 'author_avatar',
	'https://x.y/a',
	'content', 'Классная работа!', 'created_at',
	(select rt_private.iso(created_at) from platform.post_comments where id = tests.u(51)))))$$, 'post:commented');
select results_eq($$select data ->> 'type', data ->> 'title', data ->> 'body', data -> 'data' ->> 'comment_id'
	from tests.sent() where event = 'notification:new'$$,
	$$values ('post_commented', 'Комментарий к посту', 'Анна: Классная работа!', tests.u(51)::text)$$,
		'the author''s notification');
select tests.mark();
insert into platform.post_comments (post_id, author_id, content) values (tests.u(41), tests.u(1), 'mine'),
	(tests.u(41), tests.u(3), 'his');
select set_eq($$select data ->> 'comments_count' from tests.sent() where event = 'post:commented'$$, array['2', '3'],
	'counts go up');
select is((select count(*) from tests.sent() where event = 'notification:new'), 1::bigint,
	'no notification of one''s own comment');
select is((select comments_count from platform.post_counts where post_id = tests.u(41)), 3, 'counted');
delete from platform.post_comments where id = tests.u(51);
select is((select comments_count from platform.post_counts where post_id = tests.u(41)), 2, 'and back');
select tests.mark();
insert into platform.post_comments (id, post_id, author_id, content)
select tests.u(400 - n), tests.u(41 + n % 2), tests.u(2), 'c' || n from generate_series(1, 20) n;
select results_eq($$select data -> 'comment' ->> 'content', (data ->> 'comments_count')::int from tests.sent()
	where event = 'post:commented'$$,
	$$select 'c' || n, (n + 1) / 2 + case n % 2 when 0 then 2 else 0 end from generate_series(1, 20) n$$,
	'one INSERT of 20 comments: in the order of its rows, and counted so');
select results_eq($$select right(data -> 'data' ->> 'comment_id', 3)::int from tests.sent()
	where event = 'notification:new'$$, $$select 400 - n from generate_series(1, 20) n$$, 'the notifications too');
delete from platform.post_comments where content like 'c%';
delete from platform.notifications where body like 'Анна: c%';
select throws_ok($$insert into platform.post_comments (post_id, author_id, content)
	values (tests.u(41), tests.u(3), '  ')$$, '23514', null, 'not blank');
select throws_ok($$insert into platform.post_comments (post_id, author_id, content)
	values (tests.u(99), tests.u(3), 'x')$$, '23503', null, 'no such post');
select throws_ok($$update platform.post_comments set post_id = tests.u(42)$$, 'RT400', null, 'a comment does not move');

-- silent
set local bellwire.silent = on;
select tests.mark();
insert into platform.post_comments (post_id, author_id, content) values (tests.u(42), tests.u(2), 'x');
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'an import says nothing');
select is((select count(*) from platform.notifications where data ->> 'post_id' = tests.u(42)::text
	and data ->> 'user_id' = tests.u(2)::text), 0::bigint, 'writes no notification');
select is((select comments_count from platform.post_counts where post_id = tests.u(42)), 1, 'but counts');
set local bellwire.silent = off;
select tests.mark();
delete from platform.posts where id = tests.u(42);
select is((select count(*) from tests.sent()), 0::bigint, 'a post that goes tells nobody');


select * from finish();
rollback;
