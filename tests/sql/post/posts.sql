-- platform.posts: counters from the start. posts_counts.
begin;
select plan(4);

select tests.users(1, 1);
insert into platform.posts (id, author_id, content) values (tests.u(41), tests.u(1), 'one'),
	(tests.u(42), tests.u(1), null);
select results_eq('select post_id, likes_count, comments_count from platform.post_counts order by 1',
	'values (tests.u(41), 0, 0), (tests.u(42), 0, 0)', 'a post has its counters');
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'and no event');
delete from platform.posts where id = tests.u(41);
select results_eq('select post_id from platform.post_counts', 'values (tests.u(42))', 'until it goes');
select throws_ok('insert into platform.posts (author_id) values (tests.u(99))', '23503', null, 'nobody there');

select * from finish();
rollback;
