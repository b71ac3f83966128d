-- rt_private.publish and outbox_insert, inlined: the only writers of the outbox. data_is_small, event_is_large.
-- Also the control rows.
begin;
select plan(24);

select tests.users(1, 2);
select tests.mark();
select rt_private.publish(array['r', 'x y'], 'e', '{"a": 1.10}', array['s'], false, '{"c": 1}');
select rt_private.publish(null, 'e2', '{}', p_ephemeral => true);
select results_eq('select rooms, except_rooms, event, data, confirm, control, ephemeral from tests.sent()',
	$$values (array['r', 'x y'], array['s'], 'e', '{"a": 1.10}'::jsonb, '{"c": 1}'::jsonb, null::text, false),
		(null, '{}', 'e2', '{}', null, null, true)$$, 'a row each');
select ok(bool_and(xid = pg_current_xact_id() and epoch = (select n from bellwire.epoch)
	and slot = rt_private.outbox_slot(at) and at > now() - interval '1 minute'), 'xid, epoch, slot and time')
from bellwire.outbox where xid = pg_current_xact_id();
select tests.mark();
select rt_private.publish('{}', 'e', '{}');
select is_empty('select * from tests.sent()', 'no rooms: nobody');
create function pg_temp.refused(p_call text, p_why text) returns text
	language sql as $$ select throws_ok('select rt_private.publish(' || p_call || ')', 'RT400', null, p_why) $$;
select pg_temp.refused($$array['r'], null, '{}'$$, 'no event');
select pg_temp.refused($$array['r'], '', '{}'$$, 'an empty event');
select pg_temp.refused($$array['r'], e'a\nb', '{}'$$, 'a control character in the event');
select pg_temp.refused($$array[e'r\nuser:1'], 'e', '{}'$$, 'a line break in a room: rows are read as lines');
select pg_temp.refused($$array['r', null], 'e', '{}'$$, 'a room that is null');
select pg_temp.refused($$array['r'], 'e', '[]'$$, 'data that is no object');
select pg_temp.refused($$array['r'], 'e', null$$, 'no data');
select pg_temp.refused($$array['r'], 'e', '{}', null$$, 'except null');
select pg_temp.refused($$array['r'], 'e', '{}', array[e'\t']$$, 'a control character in except');

-- a size of its own
select throws_ok($$select rt_private.publish(array['r'], 'e', jsonb_build_object('t', repeat('x', 262136)))$$, 'RT413',
	'publish: an event has at most 256 KiB, this e has 262145', 'one byte over 256 KiB');
select lives_ok($$select rt_private.publish(array['r'], 'e', jsonb_build_object('t', repeat('x', 262135)))$$,
	'256 KiB');
select throws_ok($$select rt_private.publish(array['r'], 'e',
	jsonb_build_object('t', array_fill(1.7e308, array[900])))$$, 'RT413', null,
	'numbers of many digits, which are few bytes as jsonb');
select throws_ok($$select rt_private.publish_each(array['r', 'r'], array['e', 'e'],
	array['{}', jsonb_build_object('t', repeat('x', 262136))])$$, 'RT413', null, 'one of many');
create temporary table packed on commit drop as select jsonb_build_object('t', repeat('x', 262136)) as data;
select throws_ok($$select rt_private.publish(array['r'], 'e', p.data) from packed p$$, 'RT413', null,
	'the same in a row, which Postgres has compressed to a few bytes');
select is(rt_private.event_is_large('{}'), false, 'rt_private.event_is_large');

-- control rows
select tests.mark();
select rt_private.socket_join('chat:1'), rt_private.socket_leave('chat:1');
select is_empty('select * from tests.sent()', 'outside a client event no socket joins');
select set_config('bellwire.socket_id', 's1', true);
select rt_private.socket_join('chat:1');
select rt_private.socket_leave('chat:1');
select rt_private.user_join(tests.u(1), 'r');
select rt_private.user_leave(tests.u(1), 'r');
select rt_private.user_kick(tests.u(1), 'disabled');
select rt_private.rooms_stale(array[tests.u(1)]);
select rt_private.rooms_stale(null);
select results_eq('select control, data, event, rooms from tests.sent()', $$values
	('socket_join', '{"room": "chat:1", "socket_id": "s1"}'::jsonb, null::text, '{}'::text[]),
	('socket_leave', '{"room": "chat:1", "socket_id": "s1"}', null, '{}'),
	('user_join', jsonb_build_object('user_id', tests.u(1), 'room', 'r'), null, '{}'),
	('user_leave', jsonb_build_object('user_id', tests.u(1), 'room', 'r'), null, '{}'),
	('user_kick', jsonb_build_object('user_id', tests.u(1), 'reason', 'disabled'), null, '{}'),
	('rooms_stale', jsonb_build_object('user_ids', array[tests.u(1)]), null, '{}'),
	('rooms_stale', '{}', null, '{}')$$, 'control rows, in order, to no room');

-- slots: ten minutes each, three of them
select results_eq($$select rt_private.outbox_slot('2026-01-10 12:00:00+00'::timestamptz + n * interval '5 min')
	from generate_series(0, 6) n$$,
	'values (0::smallint), (0::smallint), (1::smallint), (1::smallint), (2::smallint), (2::smallint), (0::smallint)',
	'rt_private.outbox_turn, as a column has it');
select is(rt_private.iso('2026-01-10 15:04:05.6789+03'), '2026-01-10T12:04:05.678Z',
	'rt_private.iso: UTC, milliseconds, cut');

-- the silence of an import: one row a transaction, whatever is rolled back
set local bellwire.silent = on;
select tests.mark();
savepoint a;
select rt_private.publish(array['r'], 'e', '{}');
rollback to a;
select rt_private.publish(array['r'], 'e', '{}');
select rt_private.user_join(tests.u(1), 'r');
select results_eq('select control, data from tests.sent()', $$values ('rooms_stale', '{}'::jsonb)$$,
	'one "read again"');

-- the short way: what it lets pass, event_check does
select results_eq($$select rt_private.event_is_plain(rooms, event, data::jsonb, ex) is true
	from (values (1, array['r'], 'e', '{}', '{}'::text[]), (2, null, 'e', '{}', '{s}'),
		(3, '{r}', null, '{}', '{}'), (4, '{r}', '', '{}', '{}'),
		(5, '{r}', 'e', '[]', '{}'), (6, '{r}', 'e', null, '{}'),
		(7, array['r', null], 'e', '{}', '{}'), (8, '{r}', 'e', '{}', null), (9, '{r}', 'e', '{}', array[null]),
		(10, array[e'r\x01'], 'e', '{}', '{}'), (11, '{r}', e'e\n', '{}', '{}'),
		(12, '{r}', 'e', '{}', array[e'\t']),
		(13, '{r}', 'e', jsonb_build_object('x', repeat('x', 9000))::text, '{}')) t (n, rooms, event, data, ex)
	order by n$$,
	$$select n <= 2 from generate_series(1, 13) n$$, 'an event is plain, or looked at');

select * from finish();
rollback;
