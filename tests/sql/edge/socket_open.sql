-- rt.socket_open: sockets of a batch get their rooms, their reason and their presence.
begin;
select plan(28);

create function pg_temp.s(p_socket text, p_user int, p_more jsonb default '{}') returns text language sql as $$
	select (jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user)) || p_more)::text $$;
create function pg_temp.told() returns text language sql as $$
	select string_agg(event || ' ' || right(data ->> 'user_id', 1), ', ' order by id) from tests.sent()
		where event like 'user:%' $$;

select tests.users(1, 6);
select tests.chat(10, 1, 2);
update platform.users set disabled_at = now() where id = tests.u(3);
select rt.pump_open(tests.u(901), 'edge');

select tests.mark();
create temp table got as select *
	from rt.socket_open(tests.u(901),
	array[pg_temp.s('b', 2), pg_temp.s('a', 1), pg_temp.s('c', 3), pg_temp.s('d', 99), pg_temp.s('a2', 1)]);
select results_eq('select ord, ok, rooms, reason from got order by ord', $$values
	(1, true, 'user:' || tests.u(2) || e'\nparticipants:' || tests.u(10), 'connection_established'),
	(2, true, 'user:' || tests.u(1) || e'\nparticipants:' || tests.u(10), 'connection_established'),
	(3, false, null::text, 'disabled'), (4, false, null, 'unknown'),
	(5, true, 'user:' || tests.u(1) || e'\nparticipants:' || tests.u(10), 'connection_established')$$,
	'a row a socket, in order; not for who is disabled or not there');
select is(count(distinct snapshot::pg_snapshot::text), 1::bigint, 'all with the snapshot of the call') from got;
select is(pg_temp.told(), 'user:online 1, user:online 2', 'each announced once, whatever the sockets');
select results_eq('select socket_id, right(user_id::text, 1), edge_id from bellwire.sockets order by 1',
	$$values ('a', '1', tests.u(901)), ('a2', '1', tests.u(901)), ('b', '2', tests.u(901))$$,
	'rows of those that are open');
select is((select array_agg(right(user_id::text, 1) order by user_id) from bellwire.presence where online
	and offline_due is null), '{1,2}', 'online');
select tests.mark();
select rt.socket_open(tests.u(901), array[pg_temp.s('a3', 1)]);
select is(pg_temp.told(), null, 'a second device is no news');
select is((select count(*) from rt.socket_open(tests.u(901), '{}')), 0::bigint, 'an empty batch');

-- the reason, the first that fits (docs/connecting.md)
create function pg_temp.reason(p_recovery boolean default false) returns text language sql as $$
	select reason from rt.socket_open(tests.u(901),
		array[pg_temp.s('r', 5, jsonb_build_object('recovery', p_recovery))]) $$;
create function pg_temp.past(p_ended text, p_unclean text, p_by_expiry boolean, p_refused text) returns void
	language sql as $$
	delete from bellwire.sockets where user_id = tests.u(5);
	insert into bellwire.presence (user_id, ended_at, unclean_at, ended_by_expiry, expired_token_at)
	values (tests.u(5), clock_timestamp() - p_ended::interval, clock_timestamp() - p_unclean::interval, p_by_expiry,
		clock_timestamp() - p_refused::interval)
	on conflict (user_id) do update set ended_at = excluded.ended_at, unclean_at = excluded.unclean_at,
		ended_by_expiry = excluded.ended_by_expiry, expired_token_at = excluded.expired_token_at $$;
create function pg_temp.case_is(p_want text, p_recovery boolean, p_ended text, p_unclean text, p_by_expiry boolean,
	p_refused text, p_what text) returns text language plpgsql as $$
begin
	perform pg_temp.past(p_ended, p_unclean, p_by_expiry, p_refused);
	return is(pg_temp.reason(p_recovery), p_want, p_what);
end $$;
select pg_temp.case_is('connection_established', false, null, null, false, null, 'the first time');
select pg_temp.case_is('connection_established', false, '10 s', null, false, null, 'after a clean end');
select pg_temp.case_is('reconnection', true, null, null, false, null, 'with a recovery id');
select pg_temp.case_is('reconnection', false, '110 s', '110 s', false, null, 'an unclean end within two minutes');
select pg_temp.case_is('connection_established', false, '130 s', '130 s', false, null, 'but not before');
select pg_temp.case_is('reconnection', false, '10 s', '20 s', false, null, 'also when a later socket ended cleanly');
select pg_temp.case_is('token_refresh', false, '110 s', '110 s', true, null, 'the latest ended by expiry');
select pg_temp.case_is('connection_established', false, '130 s', null, true, null, 'more than two minutes ago');
select pg_temp.case_is('token_refresh', false, null, null, false, '110 s', 'an expired token was refused');
select pg_temp.case_is('connection_established', false, null, null, false, '130 s', 'more than two minutes ago');
select pg_temp.case_is('token_refresh', true, '10 s', '10 s', true, '10 s', 'comes before the others');
select is(pg_temp.reason(), 'reconnection', 'and is used up');
select pg_temp.past(null, null, false, null);
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('lost', tests.u(902), tests.u(5));
select is(pg_temp.reason(), 'reconnection', 'held by an edge that is dead');
select pg_temp.past(null, null, false, null);
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('here', tests.u(901), tests.u(5));
select is(pg_temp.reason(), 'connection_established', 'held by one that lives: a second device');

-- back within the grace
update bellwire.presence set online = true, offline_due = now() + interval '3 s' where user_id = tests.u(4);
insert into bellwire.presence (user_id, online, offline_due) values (tests.u(4), true, now() + interval '3 s')
	on conflict (user_id) do update set online = true, offline_due = excluded.offline_due;
select tests.mark();
select rt.socket_open(tests.u(901), array[pg_temp.s('e', 4)]);
select is(pg_temp.told(), null, 'who comes back within the grace was never offline');
select ok(online and offline_due is null, 'and has none running') from bellwire.presence where user_id = tests.u(4);

-- many sockets of one user do not make opening the next one dear for everybody
insert into bellwire.sockets (socket_id, edge_id, user_id) select 'many' || n, tests.u(901), tests.u(5)
	from generate_series(1, 300) n;
create function pg_temp.asked() returns bigint language sql volatile as $$ select coalesce(sum(calls), 0)::bigint
	from pg_stat_xact_user_functions where funcname = 'edge_alive' $$;
create temp table asked as select pg_temp.asked() as before;
select rt.socket_open(tests.u(901), array[pg_temp.s('f', 5)]);
select is(pg_temp.asked() - before, 1::bigint, 'an edge is asked about once') from asked;

-- an edge that is not registered: nobody would ever sweep its sockets
select throws_ok($$select rt.socket_open(tests.u(903), array[pg_temp.s('g', 1)])$$, 'RT410', null,
	'an edge that never registered');
select throws_ok($$select rt_private.edge_check(tests.u(903))$$, 'RT410', null, 'is asked for in one place');
select lives_ok($$select rt_private.edge_check(tests.u(901))$$, 'which lets the others pass');
update bellwire.edges set seen_at = '-infinity' where edge_id = tests.u(901);
select throws_ok($$select rt.socket_open(tests.u(901), array[pg_temp.s('g', 1)])$$, 'RT410', null,
	'one that was swept a moment ago');

select * from finish();
rollback;
