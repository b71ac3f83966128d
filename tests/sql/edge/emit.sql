-- rt.emit: a service's own events.
begin;
select plan(33);

create function pg_temp.refused(p_call text, p_why text, p_code text default 'RT400') returns text language sql as $$
	select throws_ok('select rt.emit(' || p_call || ')', p_code, null, p_why) $$;
select tests.mark();
set local role bellwire_service;
select rt.emit(array['user:1', 'x y'], 'shop:opened', '{"a": 1.10}', array['s1']);
select rt.emit(null, 'all', '{}', ephemeral => true);
reset role;
select results_eq($$select rooms, except_rooms, event, data, confirm, control, ephemeral from tests.sent()$$,
	$$values (array['user:1', 'x y'], array['s1'], 'shop:opened', '{"a": 1.10}'::jsonb, null::jsonb, null::text,
		false), (null, '{}', 'all', '{}', null, null, true)$$,
	'to rooms, and to everybody, kept or not');
select tests.mark();
select pg_temp.refused($$'{}', 'e', '{}'$$, 'no room');
select pg_temp.refused($$array['r', null], 'e', '{}'$$, 'a room without a name');
select pg_temp.refused($$array['r', ''], 'e', '{}'$$, 'a room whose name is empty');
select pg_temp.refused($$array[e'a\nb'], 'e', '{}'$$, 'a room name with a line break: it would be two rooms');
select pg_temp.refused($$array['r'], 'e', '{}', array[e'a\nb']$$, 'the same in except_rooms');
select pg_temp.refused($$array['r'], 'e', '{}', null$$, 'except_rooms null');
select pg_temp.refused($$array['r'], 'e', '{}', array[null]$$, 'except_rooms with null');
select pg_temp.refused(format($$array['r'], %L, '{}'$$, e), 'event ' || e)
from unnest(array['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'error',
	'connected', 'sync:required', '']) e;
select pg_temp.refused($$array['r'], null, '{}'$$, 'no event');
select pg_temp.refused($$array['r'], e'a\tb', '{}'$$, 'an event with a control character');
select pg_temp.refused(format($$array['r'], 'e', %L$$, d), 'data ' || d)
	from unnest(array['[]', '"x"', '1', 'null', 'true']) d;
select pg_temp.refused($$array['r'], 'e', null$$, 'no data');
select pg_temp.refused(format($$array['r'], 'e', %L$$, d), 'data that breaks a client: ' || left(d, 40))
from unnest(array['{"_placeholder": true, "num": "x"}', '{"n": 1e309}', repeat('{"a":', 63) || '1'
	|| repeat('}', 63)]) d;
select lives_ok($$select rt.emit(array['r'], 'e', jsonb_build_object('k', repeat('x', 262144 - 9)))$$, '256 KiB');
select pg_temp.refused($$array['r'], 'e', jsonb_build_object('k', repeat('x', 262144 - 8))$$, 'a byte more', 'RT413');
select is((select count(*) from tests.sent()), 1::bigint, 'what was refused told nobody');
select lives_ok($$select rt.emit(array['r'], 'e', '{}', ephemeral => null)$$, 'ephemeral null is false');

select * from finish();
rollback;
