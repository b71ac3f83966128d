-- rt.rooms, rt_private.user_rooms and user_rooms_granted under it: the rooms that rows grant; one row a user, by
-- position, whatever join the planner takes.
begin;
select plan(7);

select tests.users(1, 60);
select tests.chat(10, 1);
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2));
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(4));
update platform.users set disabled_at = now() where id = tests.u(5);
select results_eq($$select user_id, active, array(select r from unnest(rooms) r order by 1)
	from rt_private.user_rooms(array[tests.u(1), tests.u(2), tests.u(5), tests.u(99)]) order by 1$$,
	$$values (tests.u(1), true,
		array['followers:' || tests.u(2), 'followers:' || tests.u(4), 'participants:' || tests.u(10), 'user:'
		|| tests.u(1)]),
		(tests.u(2), true, array['user:' || tests.u(2)]), (tests.u(5), false, '{}'::text[]),
		(tests.u(99), false, '{}'::text[])$$, 'rooms that the rows grant');
select set_eq('select * from rt_private.user_rooms_granted(array(select id from platform.users))',
	'select * from rt_private.user_rooms(array(select id from platform.users))',
	'a service has none of its own yet');
update platform.users set disabled_at = null;

create function pg_temp.asked() returns uuid[] language sql as $$ select array_agg(id order by md5(id::text))
	from platform.users $$;

create function pg_temp.in_order(p_method text) returns text language plpgsql as $$
begin
	perform set_config('enable_' || m, case when m = p_method then 'on' else 'off' end, true)
		from unnest(array['hashjoin', 'mergejoin', 'nestloop']) m;
	return is((select array_agg(user_id::uuid) from rt.rooms(pg_temp.asked())), pg_temp.asked(),
		'rows in the order asked: ' || p_method);
end
$$;

analyze platform.users;
select pg_temp.in_order(m) from unnest(array['hashjoin', 'mergejoin', 'nestloop']) m;
select is((select count(*) from rt.rooms(pg_temp.asked()) r where r.active and 'user:'
	|| r.user_id = any(string_to_array(r.rooms, e'\n'))), 60::bigint, 'each with rooms of its own');
select results_eq($$ select user_id, active, rooms
	from rt.rooms(array['00000000-0000-4000-8000-00000000dead']::uuid[]) $$,
	$$ values ('00000000-0000-4000-8000-00000000dead', false, null::text) $$, 'who is not there has none');

select * from finish();
rollback;
