-- rt.kick: whom, and what the client is told.
begin;
select plan(13);

select tests.mark();
select ok(rt.kick(p_user => tests.u(1)) is not null, 'a user');
select is((select data - 'ask' from tests.sent()), jsonb_build_object('what', 'kick', 'user_id', tests.u(1), 'reason',
	'Disconnected by an operator'), 'with a reason of its own');
select tests.mark();
select ok(rt.kick(p_room => 'chat:1', p_reason => 'Wartung 🔧, "gleich" zurück') is not null, 'a room, with a reason');
select is((select data - 'ask' from tests.sent()),
	jsonb_build_object('what', 'kick', 'room', 'chat:1', 'reason', 'Wartung 🔧, "gleich" zurück'),
	'as it was written');
select ok(rt.kick(p_socket => 'abc') is not null, 'a socket');
select throws_ok('select rt.kick()', 'RT400', null, 'nobody: refused, and not everybody');
select throws_ok('select rt.kick(p_user => tests.u(1), p_socket => ''abc'')', 'RT400', null, 'one of them');
select throws_ok(format('select rt.kick(p_socket => ''a'', p_reason => %L)', r), 'RT400', null, 'no reason: ' || n)
	from (values ('none', ''), ('two lines', e'a\nb'), ('long', repeat('x', 201)),
	('what clients compare', 'Invalid token'),
	('in capitals', 'INVALID TOKEN')) v (n, r);
select throws_ok('select rt.kick(p_socket => ''a'', p_reason => null)', 'RT400', null, 'no reason: null');

select * from finish();
rollback;
