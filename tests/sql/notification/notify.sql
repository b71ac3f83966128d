-- platform.notify.
begin;
select plan(5);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris');
select set_config('bellwire.socket_id', '', true);

select tests.mark();
select platform.notify(tests.u(1), 'friend_request', 't', 'b') as id \gset
select is((select data ->> 'id' from tests.sent()), :'id', 'platform.notify writes, rings and returns the id');
select throws_ok($$select platform.notify(tests.u(1), 'other', 't', 'b', '{}')$$, '23514', null, 'notify: closed list');
select throws_ok($$select platform.notify(tests.u(99), 'mention', 't', 'b', '{}')$$, '23503', null,
	'notify: nobody there');
select ok(has_function_privilege('bellwire_service', 'platform.notify(uuid, text, text, text, jsonb)', 'execute'),
	'services may notify');
select ok(not has_function_privilege('bellwire_edge', 'platform.notify(uuid, text, text, text, jsonb)', 'execute'),
	'the edge may not');

select * from finish();
rollback;
