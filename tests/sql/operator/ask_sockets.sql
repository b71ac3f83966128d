-- rt.ask_sockets, with what names of rooms and sockets may be.
begin;
select plan(14);

create function pg_temp.about() returns jsonb language sql as
	$$ select about from bellwire.asks order by at desc limit 1 $$;

select ok(rt.ask_sockets() is not null, 'of everybody');
select is(pg_temp.about(), '{"limit": 100}', 'no more is asked');
select ok(rt.ask_sockets(p_user => tests.u(1), p_limit => 7) is not null, 'of a user');
select is(pg_temp.about(), jsonb_build_object('limit', 7, 'user_id', tests.u(1)), 'with a limit');
select ok(rt.ask_sockets(p_socket => 'abc') is not null, 'one');
select is(pg_temp.about(), '{"limit": 100, "socket_id": "abc"}', 'by its id');
select ok(rt.ask_sockets(p_room => 'it''s "so" \n 🎉') is not null, 'those in a room, whatever its name');
select is(pg_temp.about(), jsonb_build_object('limit', 100, 'room', 'it''s "so" \n 🎉'), 'which is kept as it is');
select throws_ok('select rt.ask_sockets(p_user => tests.u(1), p_room => ''r'')', 'RT400', null,
	'of two things: refused');
select throws_ok('select rt.ask_sockets(p_room => '''')', 'RT400', null, 'a room has a name');
select throws_ok('select rt.ask_sockets(p_room => e''a\nb'')', 'RT400', null, 'of one line');
select throws_ok('select rt.ask_sockets(p_room => repeat(''x'', 1025))', 'RT400', null, 'of 1024 bytes');
select throws_ok('select rt.ask_sockets(p_limit => 1001)', 'RT400', null, 'a thousand at most');
select throws_ok('select rt.ask_sockets(p_limit => null)', 'RT400', null, 'and a limit there is');

select * from finish();
rollback;
