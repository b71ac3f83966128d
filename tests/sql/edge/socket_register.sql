-- rt.socket_register: live sockets after an outage.
begin;
select plan(7);

create function pg_temp.s(p_socket text, p_user int, p_more jsonb default '{}') returns text language sql as $$
	select (jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user)) || p_more)::text $$;
create function pg_temp.told() returns text language sql as $$
	select string_agg(event || ' ' || right(data ->> 'user_id', 1), ', ' order by id) from tests.sent()
		where event like 'user:%' $$;

select tests.users(1, 4);
update platform.users set disabled_at = now() where id = tests.u(3);
insert into bellwire.presence (user_id, online, offline_due) values (tests.u(1), true, now() + interval '30 s'),
	(tests.u(2), false, null);
select tests.edge(901, 902);
select tests.mark();
select rt.socket_register(tests.u(901),
	array[pg_temp.s('b', 2), pg_temp.s('a', 1), pg_temp.s('c', 3), pg_temp.s('d', 99)]);
select results_eq('select socket_id from bellwire.sockets order by 1', array['a', 'b'],
	'entered again, but not those of who is disabled or gone');
select is(pg_temp.told(), 'user:online 2', 'announced only who was not online');
select ok(bool_and(online and offline_due is null), 'nobody is about to be offline') from bellwire.presence
	where user_id in (tests.u(1), tests.u(2));
select tests.mark();
select rt.socket_register(tests.u(902), array[pg_temp.s('a', 1)]);
select is((select edge_id from bellwire.sockets where socket_id = 'a'), tests.u(902),
	'a socket is the edge''s that says so last');
select rt.socket_register(tests.u(902), '{}');
select is(pg_temp.told(), null, 'no news');

-- the edge's own row
update bellwire.edges set seen_at = '-infinity' where edge_id = tests.u(902);
select throws_ok($$select rt.socket_register(tests.u(902), array[pg_temp.s('a', 1)])$$, 'RT410', null,
	'an edge that was swept registers first');
select throws_ok($$select rt.socket_register(tests.u(903), '{}')$$, 'RT410', null, 'and one that never was');

select * from finish();
rollback;
