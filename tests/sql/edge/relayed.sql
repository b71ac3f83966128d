-- rt.relayed: one row for the other edges.
begin;
select plan(2);

select tests.mark();
select rt.relayed(tests.u(1), '[{"event": "e", "room": "r", "except": "s", "data": {}}, {"event": "f"}]');
select results_eq('select control, event, data, ephemeral from tests.sent()',
	$$values ('relayed', null::text, jsonb_build_object('edge_id', tests.u(1), 'events',
		'[{"event": "e", "room": "r", "except": "s", "data": {}}, {"event": "f"}]'::jsonb), true)$$,
	'the events as they are, in a row that leaves no trace');
select is((select count(*) from bellwire.outbox where control = 'relayed'), 0::bigint, 'nothing of it is logged');

select * from finish();
rollback;
