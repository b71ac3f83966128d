-- platform.follows: rows move live sockets.
begin;
select plan(9);

insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 5) n;

-- follows_rooms_insert, follows_rooms_update, follows_rooms_delete
select tests.mark();
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2)), (tests.u(3), tests.u(2));
select results_eq($$select * from tests.moves()$$, array['user_join 1 followers 02', 'user_join 3 followers 02'],
	'a follower joins');
select tests.mark();
update platform.follows set followee_id = tests.u(4) where follower_id = tests.u(3);
select results_eq($$select * from tests.moves()$$, array['user_leave 3 followers 02', 'user_join 3 followers 04'],
	'follows somebody else');
select tests.mark();
delete from platform.follows where follower_id = tests.u(3);
select results_eq($$select * from tests.moves()$$, array['user_leave 3 followers 04'], 'unfollows');
select throws_ok($$insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(1))$$, '23514',
	null, 'nobody follows himself');

select throws_ok($$insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2))$$, '23505',
	null, 'once');
select throws_ok($$insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(99))$$, '23503',
	null, 'nobody there');
select tests.mark();
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2)) on conflict do nothing;
update platform.follows set created_at = now();
select is_empty($$select * from tests.moves()$$, 'who follows already does not join');

-- follows_truncated
select tests.mark();
truncate platform.follows;
select results_eq($$select control, data from tests.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$,
	'TRUNCATE: read the rooms of everyone again');
set local bellwire.silent = on;
select tests.mark();
insert into platform.follows (follower_id, followee_id) values (tests.u(2), tests.u(3));
delete from platform.follows;
select results_eq($$select control, data from tests.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$,
	'an import: read again, once');

select * from finish();
rollback;
