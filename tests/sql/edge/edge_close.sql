-- rt.edge_close, and rt_private.edge_sweep under it: an edge is no more.
begin;
select plan(7);

create function pg_temp.s(p_socket text, p_user int, p_more jsonb default '{}') returns text language sql as $$
	select (jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user)) || p_more)::text $$;
create function pg_temp.told() returns text language sql as $$
	select string_agg(event || ' ' || right(data ->> 'user_id', 1), ', ' order by id) from tests.sent()
		where event like 'user:%' $$;

select tests.users(1, 3);
select rt.pump_open(tests.u(901), 'one');
select tests.edge(902);
select rt.socket_open(tests.u(901), array[pg_temp.s('a', 1), pg_temp.s('b', 2)]);
select rt.socket_open(tests.u(902), array[pg_temp.s('b2', 2)]);
select tests.mark();
select rt.edge_close(tests.u(901));
select is((select count(*) from bellwire.edges where edge_id = tests.u(901)), 0::bigint, 'the edge is gone');
select results_eq('select socket_id from bellwire.sockets', array['b2'], 'and its sockets');
select is((select tests.grace(offline_due) from bellwire.presence where user_id = tests.u(1)), 30,
	'its users have presence_grace_restart');
select is((select offline_due from bellwire.presence where user_id = tests.u(2)), null,
	'unless another edge has a socket of theirs');
select is(rt_private.reason(tests.u(1), false), 'reconnection', 'the end was unclean');
select is(pg_temp.told(), null, 'nobody is told yet');
select lives_ok('select rt.edge_close(tests.u(999))', 'an edge that never was');

select * from finish();
rollback;
