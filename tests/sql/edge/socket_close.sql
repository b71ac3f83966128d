-- rt.socket_close: which users go offline, and when.
begin;
select plan(21);

create function pg_temp.s(p_socket text, p_user int, p_more jsonb default '{}') returns text language sql as $$
	select (jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user)) || p_more)::text $$;
create function pg_temp.told() returns text language sql as $$
	select string_agg(event || ' ' || right(data ->> 'user_id', 1), ', ' order by id) from tests.sent()
		where event like 'user:%' $$;

-- as an edge: one by the call for one
create function pg_temp.close(variadic p_sockets text[]) returns void language plpgsql as $$
declare
	s constant jsonb := p_sockets[1];
begin
	if cardinality(p_sockets) = 1 then
		perform rt.socket_close_one(tests.u(901), s ->> 'socket_id', (s ->> 'user_id')::uuid,
			(s ->> 'clean')::boolean, coalesce((s ->> 'over')::boolean, false), s ->> 'why', false);
	else
		perform rt.socket_close(tests.u(901), p_sockets);
	end if;
end
$$;
create function pg_temp.presence(p_user int) returns text language sql as $$
	select case when online then 'online' else 'offline' end || case when offline_due is null then '' else ' until '
		|| coalesce(tests.grace(offline_due)::text, 'some time') end
	from bellwire.presence where user_id = tests.u(p_user) $$;
select tests.users(1, 9);
select rt.pump_open(tests.u(901), 'edge');
select rt.socket_open(tests.u(901), array(select pg_temp.s('s' || n, n) from generate_series(1, 9) n)
	|| pg_temp.s('s1b', 1));

select tests.mark();
select pg_temp.close(pg_temp.s('s1', 1, '{"clean": true}'), pg_temp.s('s2', 2, '{"clean": true}'),
	pg_temp.s('s3', 3, '{"clean": false}'));
select is(pg_temp.told(), 'user:offline 2', 'a clean end of the last socket: at once');
select is(pg_temp.presence(1), 'online', 'another socket is there');
select is(pg_temp.presence(2), 'offline', 'offline');
select is(pg_temp.presence(3), 'online until 3', 'a lost connection has presence_grace');
select is((select array_agg(socket_id order by 1) from bellwire.sockets
	where user_id in (tests.u(1), tests.u(2), tests.u(3))), '{s1b}', 'the rows are gone');
select ok(last_seen_at > now() - interval '1 minute', 'last seen now') from platform.users where id = tests.u(2);

update bellwire.settings set value = '7' where name = 'presence_grace';
select tests.mark();
select pg_temp.close(pg_temp.s('s1b', 1, '{"clean": false}'));
select is(pg_temp.presence(1), 'online until 7', 'the last one lost; the setting counts');
select rt.socket_open(tests.u(901), array[pg_temp.s('s1c', 1)]);
select pg_temp.close(pg_temp.s('s1c', 1, '{"clean": true}'));
select is(pg_temp.presence(1), 'offline', 'back, and gone cleanly');
select is(pg_temp.told(), 'user:offline 1', 'told once');
select tests.mark();
select pg_temp.close(pg_temp.s('s4', 4, '{"clean": false}'), pg_temp.s('s4x', 4, '{"clean": true}'));
select is(pg_temp.presence(4), 'online until 7', 'one lost and one clean: the grace of the lost one');
select rt.socket_close(tests.u(902), array[pg_temp.s('s5', 5, '{"clean": true}')]);
select is(pg_temp.presence(5), 'online', 'a socket of another edge is not this one''s to close');
select pg_temp.close(pg_temp.s('none', 98, '{"clean": true}'));
select rt.socket_close(tests.u(901), '{}');
select is(pg_temp.told(), null, 'nobody else was told of');

-- facts that the next reason depends on
select pg_temp.close(pg_temp.s('s6', 6, '{"clean": false, "why": "token_expired"}'),
	pg_temp.s('s7', 7, '{"clean": true}'), pg_temp.s('s8', 8, '{"clean": false, "why": "ping"}'));
select is(rt_private.reason(tests.u(6), false), 'token_refresh', 'after an expiry');
select is(rt_private.reason(tests.u(7), false), 'connection_established', 'after a clean end');
select is(rt_private.reason(tests.u(8), false), 'reconnection', 'after an unclean end');
select rt.socket_open(tests.u(901), array[pg_temp.s('s6b', 6)]);
select pg_temp.close(pg_temp.s('s6b', 6, '{"clean": true}'));
select is(rt_private.reason(tests.u(6), false), 'reconnection', 'only the latest end counts for expiry');

-- an edge that stops: its users are on the way to another one
update bellwire.settings set value = '41' where name = 'presence_grace_restart';
update bellwire.presence set offline_due = null where user_id in (tests.u(8), tests.u(9));
select rt.socket_open(tests.u(901), array[pg_temp.s('s8b', 8), pg_temp.s('s1d', 1)]);
select pg_temp.close(pg_temp.s('s8b', 8, '{"clean": false, "why": "shutdown"}'),
	pg_temp.s('s9', 9, '{"clean": false}'), pg_temp.s('s1d', 1, '{"clean": true, "why": "shutdown"}'));
select is(pg_temp.presence(8), 'online until 41', 'ended by a drain: presence_grace_restart');
select is(pg_temp.presence(9), 'online until 7', 'in the same call, a connection that was lost');
select is(pg_temp.presence(1), 'offline', 'who said goodbye meanwhile has none');
update bellwire.presence set offline_due = clock_timestamp() + interval '50 s' where user_id = tests.u(5);
select pg_temp.close(pg_temp.s('s5', 5, '{"clean": true}'));
select is(pg_temp.presence(5), 'online until 50', 'a grace that runs already is left to end');
select is_empty($$select * from rt.socket_close(tests.u(901), array[pg_temp.s('none', 1, '{"clean": true}')])$$,
	'nobody comes again');

select * from finish();
rollback;
