-- rt.socket_id: the calling socket.
begin;
select plan(5);

select is(rt.socket_id(), null, 'null outside a client event');
select set_config('bellwire.socket_id', 's1', true);
select is(rt.socket_id(), 's1', 'the socket whose event it is');
select set_config('bellwire.socket_id', '', true);
select is(rt.socket_id(), null, 'empty is none');
select tests.users(1, 1);
select tests.route('who', 'begin return to_jsonb(rt.socket_id()); end');
select is((select body from rt.dispatch(array[tests.item('who', 1, 'sock', '{}')]) where ord = 1), '"sock"',
	'set by rt.dispatch for each item');
set local role bellwire_service;
select is(rt.socket_id(), null, 'a service may ask');
reset role;

select * from finish();
rollback;
