-- rt.rooms: rows by position, whatever join the planner takes.
begin;
select plan(5);
select tests.users(1, 60);

create function pg_temp.asked() returns uuid[] language sql as $$ select array_agg(id order by md5(id::text)) from platform.users $$;

create function pg_temp.in_order(p_method text) returns text language plpgsql as $$
begin
	perform set_config('enable_' || m, case when m = p_method then 'on' else 'off' end, true) from unnest(array['hashjoin', 'mergejoin', 'nestloop']) m;
	return is((select array_agg(user_id::uuid) from rt.rooms(pg_temp.asked())), pg_temp.asked(), 'rows in the order asked: ' || p_method);
end
$$;

analyze platform.users;
select pg_temp.in_order(m) from unnest(array['hashjoin', 'mergejoin', 'nestloop']) m;
select is((select count(*) from rt.rooms(pg_temp.asked()) r where r.active and 'user:' || r.user_id = any(string_to_array(r.rooms, e'\n'))), 60::bigint, 'each with rooms of its own');
select results_eq($$ select user_id, active, rooms from rt.rooms(array['00000000-0000-4000-8000-00000000dead']::uuid[]) $$,
	$$ values ('00000000-0000-4000-8000-00000000dead', false, null::text) $$, 'who is not there has none');
select * from finish();
rollback;
