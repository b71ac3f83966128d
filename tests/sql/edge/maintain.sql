-- rt.maintain, which every edge calls every few seconds. Rotation is in concurrent/rotation.mjs, stuck sleepers in
-- concurrent/edges.mjs.
begin;
select plan(22);

create function pg_temp.s(p_socket text, p_user int, p_more jsonb default '{}') returns text language sql as $$
	select (jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user)) || p_more)::text $$;
create function pg_temp.told() returns text language sql as $$
	select string_agg(event || ' ' || right(data ->> 'user_id', 1), ', ' order by id) from tests.sent()
		where event like 'user:%' $$;

select tests.users(1, 9);
select rt.pump_open(tests.u(901), 'one');
select rt.pump_open(tests.u(902), 'two');
select rt.socket_open(tests.u(901), array[pg_temp.s('a', 1)]);
select rt.socket_open(tests.u(902), array[pg_temp.s('b', 2)]);
update bellwire.edges set seen_at = clock_timestamp() - interval '25 s', pid = 0;
delete from bellwire.ticks;

-- lease and ticks
select results_eq('select outbox_rows >= 0, notify_usage >= 0, edges from rt.maintain(tests.u(901))',
	'values (true, true, 2)', 'figures');
select ok(seen_at > clock_timestamp() - interval '5 s', 'the lease is renewed') from bellwire.edges
	where edge_id = tests.u(901);
select is((select count(*) from bellwire.ticks), 1::bigint, 'a tick');
select rt.maintain(tests.u(901));
select is((select count(*) from bellwire.ticks), 1::bigint, 'at most one in five seconds');
insert into bellwire.ticks (at) values (now() - interval '3 hours');
select rt.maintain(tests.u(901));
select is((select count(*) from bellwire.ticks), 1::bigint, 'old ones go');

-- a lease that lapsed
select tests.mark();
select is((select count(*) from bellwire.edges), 2::bigint, 'a lease of thirty seconds');
update bellwire.edges set seen_at = clock_timestamp() - interval '31 s';
select is((select edges from rt.maintain(tests.u(901))), 1, 'is swept by another edge');
select results_eq('select socket_id from bellwire.sockets', array['a'], 'with its sockets; one''s own are kept');
select is((select tests.grace(offline_due) from bellwire.presence where user_id = tests.u(2)), 30,
	'its users have presence_grace_restart');
select is(pg_temp.told(), null, 'nobody is told yet');

-- users who went offline
update bellwire.presence set offline_due = clock_timestamp() - interval '1 ms' where user_id = tests.u(2);
update bellwire.presence set offline_due = clock_timestamp() - interval '1 ms' where user_id = tests.u(1);
select rt.maintain(tests.u(901));
select is(pg_temp.told(), 'user:offline 2', 'told when the grace is over');
select ok(online and offline_due is null, 'not who has a socket after all') from bellwire.presence
	where user_id = tests.u(1);
select tests.mark();
select rt.maintain(tests.u(901));
select is(pg_temp.told(), null, 'once');

-- after a crash the table of sockets is empty, and an epoch begins
create function pg_temp.due(p_user int) returns int language sql as $$
	select tests.grace(offline_due) from bellwire.presence where user_id = tests.u(p_user) $$;
insert into bellwire.presence (user_id, online) values (tests.u(5), true);
delete from bellwire.ticks;
select rt.maintain(tests.u(901));
select is(pg_temp.due(5), null, 'everybody was looked at in this epoch');
update bellwire.epoch set sockets_seen = false;
select rt.maintain(tests.u(901));
select is(pg_temp.due(5), null, 'and is in the next one as rarely as there are ticks');
delete from bellwire.ticks;
select rt.maintain(tests.u(901));
select is(pg_temp.due(5), 30, 'who is online without a socket has presence_grace_restart');
insert into bellwire.presence (user_id, online) values (tests.u(6), true);
delete from bellwire.ticks;
select rt.maintain(tests.u(901));
select is(pg_temp.due(6), 30, 'until nobody is found');
delete from bellwire.ticks;
select rt.maintain(tests.u(901));
select ok(sockets_seen, 'which is noted') from bellwire.epoch;
select is((select offline_due from bellwire.presence where user_id = tests.u(1)), null, 'who has one stays');

-- an edge that was swept: its sign of life does not bring it back
select throws_ok($$select rt.maintain(tests.u(909))$$, 'RT410', null, 'an edge that is not registered hears so');
update bellwire.edges set seen_at = clock_timestamp() - interval '31 s' where edge_id = tests.u(901);
select tests.edge(904);
insert into bellwire.presence (user_id, online) values (tests.u(1), true) on conflict do nothing;
select rt.maintain(tests.u(904));
select is_empty($$select from bellwire.sockets where edge_id = tests.u(901)$$, 'swept by another one');
select throws_ok($$select rt.maintain(tests.u(901))$$, 'RT410', null, 'and then told so');

select * from finish();
rollback;
