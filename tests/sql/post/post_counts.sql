-- platform.post_counts: kept by triggers, read only. counts_truncated.
begin;
select plan(7);

select tests.users(1, 3);
insert into platform.posts (id, author_id) values (tests.u(41), tests.u(1)), (tests.u(42), tests.u(1));
insert into platform.post_likes (post_id, user_id) values (tests.u(41), tests.u(2)), (tests.u(41), tests.u(3)),
	(tests.u(42), tests.u(2));
insert into platform.post_comments (post_id, author_id, content) values (tests.u(41), tests.u(2), 'x'),
	(tests.u(42), tests.u(2), 'x'), (tests.u(42), tests.u(2), 'y');
create function pg_temp.counts() returns text language sql as $$
	select string_agg(likes_count || ' ' || comments_count, ', ' order by post_id) from platform.post_counts $$;
select is(pg_temp.counts(), '2 1, 1 2', 'likes and comments');
delete from platform.post_likes where user_id = tests.u(2);
delete from platform.post_comments where content = 'x';
select is(pg_temp.counts(), '1 0, 0 1', 'less');
-- a database from before the trigger, or a row that somebody removed
delete from platform.post_counts;
insert into platform.post_likes (post_id, user_id) values (tests.u(42), tests.u(3));
insert into platform.post_comments (post_id, author_id, content) values (tests.u(41), tests.u(2), 'z');
select is(pg_temp.counts(), '0 1, 1 0', 'a missing row is made');
select throws_ok('update platform.post_counts set likes_count = -1', '23514', null, 'never below zero');
truncate platform.post_likes;
select is(pg_temp.counts(), '0 1, 0 0', 'likes_truncated');
truncate platform.post_comments;
select is(pg_temp.counts(), '0 0, 0 0', 'comments_truncated');
set local role bellwire_service;
select throws_ok('update platform.post_counts set likes_count = 5', '42501', null, 'services read');
reset role;

select * from finish();
rollback;
