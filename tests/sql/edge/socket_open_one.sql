-- rt.socket_open_one: what it answers where it leaves the work to rt.socket_open. sockets.sql compares the two.
begin;
select plan(6);

select tests.users(1, 3);
select rt.pump_open(tests.u(901), 'edge');
update platform.users set disabled_at = now() where id = tests.u(2);
create function pg_temp.open(p_edge int, p_user int, p_unrung boolean) returns text language sql as $$
	select concat_ws(' ', o.ord, o.ok, o.rooms, o.reason, o.xact = pg_current_xact_id()::text)
	from rt.socket_open_one(tests.u(p_edge), 's' || p_user, tests.u(p_user), false, null, p_unrung) o $$;

select is(pg_temp.open(901, 1, true), '1 t user:' || tests.u(1) || ' connection_established t',
	'a user may, and unrung it says its transaction');
select is(pg_temp.open(901, 1, true), '1 t user:' || tests.u(1) || ' connection_established',
	'but where nobody is told, since nothing is to be read');
select is(pg_temp.open(901, 3, false), '1 t user:' || tests.u(3) || ' connection_established', 'else not');
select is(pg_temp.open(901, 2, false), '1 f disabled', 'one who is disabled may not');
select is(pg_temp.open(901, 9, true), '1 f unknown', 'nor somebody who is not known');
update bellwire.edges set seen_at = '-infinity' where edge_id = tests.u(901);
select throws_ok($$select pg_temp.open(901, 1, false)$$, 'RT410', null, 'an edge that was swept a moment ago');

select * from finish();
rollback;
