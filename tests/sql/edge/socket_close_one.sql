-- rt.socket_close_one: what it answers. sockets.sql compares it with rt.socket_close, and so does socket_close.sql.
begin;
select plan(5);

select tests.users(1, 2);
select rt.pump_open(tests.u(901), 'edge');
select rt.socket_open(tests.u(901), array(
	select jsonb_build_object('socket_id', 's' || n, 'user_id', tests.u(n))::text from generate_series(1, 2) n));
create function pg_temp.close(p_edge int, p_user int, p_unrung boolean) returns text language sql as $$
	select format('%s %s', c.ord, c.xact = pg_current_xact_id()::text) from rt.socket_close_one(
		tests.u(p_edge), 's' || p_user, tests.u(p_user), true, true, null, p_unrung) c $$;

select is(pg_temp.close(902, 1, false), ' ', 'a socket of another edge is not this one''s to close');
select is(pg_temp.close(901, 1, false), ' ', 'its own: nothing is to be told again');
select rt.socket_open(tests.u(901), array[jsonb_build_object('socket_id', 's2b', 'user_id', tests.u(2))::text]);
select is((select xact from rt.socket_close_one(tests.u(901), 's2b', tests.u(2), true, true, null, true)), null,
	'unrung, and nobody is told: nothing is to be read');
select is(pg_temp.close(901, 2, true), ' t', 'unrung it says its transaction');
select is((select count(*) from bellwire.sockets where edge_id = tests.u(901)), 0::bigint, 'both are closed');

select * from finish();
rollback;
