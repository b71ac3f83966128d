-- The clock of Postgres is set: times that edges stored are moved along, or begin anew. With a clock that really steps
-- it is in tests/integration/clock.test.mjs.
begin;
select plan(23);

create function pg_temp.age(p_at timestamptz) returns int language sql as $$
	select round(extract(epoch from clock_timestamp() - p_at))::int $$;
select tests.users(1, 3);
select rt.pump_open(tests.u(901), 'one');
select rt.pump_open(tests.u(902), 'two');
select rt.maintain(tests.u(901), 5000);
select rt.maintain(tests.u(902), 777000);
select is(rt_private.clock_check(tests.u(901), 5000), null, 'both clocks agree');
select is(rt_private.clock_check(tests.u(901), 14000), null, 'nine seconds may be the way of a call');
select is(rt_private.clock_check(tests.u(901), null), null, 'an edge that does not tell its clock');
select is(rt_private.clock_check(tests.u(999), 14000), null, 'an edge that is not there');

-- Stored an hour ahead: the clock was set back by that much.
create function pg_temp.shift(p_by interval) returns void language sql as $$
	update bellwire.edges set seen_at = seen_at + p_by, clock_at = clock_at + p_by;
	delete from bellwire.ticks;
	insert into bellwire.ticks (at)
	select clock_timestamp() + p_by - n * interval '5 seconds' from generate_series(1, 100) n;
	delete from bellwire.presence;
	insert into bellwire.presence (user_id, online, offline_due) values
		(tests.u(1), true, clock_timestamp() + p_by + interval '3 seconds'), (tests.u(2), true, null);
	insert into bellwire.sockets (socket_id, edge_id, user_id)
		values ('k', tests.u(901), tests.u(2)) on conflict do nothing;
	delete from bellwire.recoveries;
	insert into bellwire.recoveries (pid, user_id, socket_id, ended_at)
		values ('p', tests.u(1), 's', clock_timestamp() + p_by - interval '10 seconds');
	update bellwire.outbox_state set tried_at = clock_timestamp() + p_by;
$$;
create function pg_temp.all_well(p_what text) returns setof text language plpgsql as $$
begin
	return next is((select array_agg(name order by name) from bellwire.edges), '{one,two}',
		p_what || ': no lease has lapsed');
	return next ok((select bool_and(pg_temp.age(seen_at) between -5 and 5) from bellwire.edges),
		p_what || ': none is longer');
	return next is((select count(*)::int from bellwire.ticks where at > clock_timestamp() + interval '1 second'), 0,
		p_what || ': no tick of the future');
	return next ok((select count(*) >= 100 and pg_temp.age(max(at)) <= 6
		and pg_temp.age(min(at)) between 495 and 510 from bellwire.ticks),
		p_what || ': ticks are as old as they were');
	return next ok((
		select pg_temp.age(offline_due) between -3 and 0 from bellwire.presence where user_id = tests.u(1)),
		p_what || ': a grace is as long as it was');
	return next is((select offline_due from bellwire.presence where user_id = tests.u(2)), null,
		p_what || ': who has none has none');
	return next ok((select pg_temp.age(ended_at) between 9 and 12 from bellwire.recoveries),
		p_what || ': what may be recovered, too');
end $$;
select pg_temp.shift('1 hour');
select rt.maintain(tests.u(901), 5000);
select rt.maintain(tests.u(902), 777000);
select pg_temp.all_well('an hour back');
select is(tried_at <= clock_timestamp(), true, 'the outbox is rotated') from bellwire.outbox_state;
select pg_temp.shift('-1 hour');
select rt.sweep(tests.u(901));
select is((select array_agg(name order by name) from bellwire.edges where seen_at <> '-infinity'), '{one,two}',
	'a sweep before anybody has seen it ends no lease');
select rt.maintain(tests.u(902), 777000);
select rt.maintain(tests.u(901), 5000);
select pg_temp.all_well('an hour on');

-- nobody was there to see it
select pg_temp.shift('1 hour');
update bellwire.edges set clock_ms = null;
insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at)
	values (tests.u(903), 'dead', 0, now(), clock_timestamp() + interval '1 hour');
select rt.maintain(tests.u(901), 5000);
select ok((select bool_and(pg_temp.age(seen_at) between -5 and 5) from bellwire.edges), 'leases begin anew');
select ok((select count(*) = 1 and pg_temp.age(max(at)) < 5 from bellwire.ticks), 'and ticks');
select ok((select pg_temp.age(offline_due) between -30 and -25 from bellwire.presence where user_id = tests.u(1)),
	'and graces');

select * from finish();
rollback;
