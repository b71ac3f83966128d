-- rt.pump_open: an edge and the session of its pump.
begin;
select plan(8);

-- the pump's session
select tests.mark();
select is((select array[epoch, schema_version::text, system_identifier, bell_key::text]
	from rt.pump_open(tests.u(1), 'edge one')),
	array[rt_private.epoch_text(), (select max(version)::int from bellwire.migrations)::text,
		(select system_identifier::text from pg_control_system()), '7090192401480381029'], 'rt.pump_open');
select is(array[current_setting('plan_cache_mode'), current_setting('enable_seqscan'),
	current_setting('max_parallel_workers_per_gather'), current_setting('jit'),
	current_setting('default_transaction_isolation'), current_setting('idle_session_timeout')],
	'{force_generic_plan,off,0,off,"read committed",35s}', 'pins the session''s plans');
select is((select array[name, pid::text] from bellwire.edges where edge_id = tests.u(1)),
	array['edge one', pg_backend_pid()::text], 'the edge is registered');
select ok(rt_private.edge_alive(tests.u(1)), 'and alive');
select ok(not rt_private.edge_alive(tests.u(2)), 'another is not');
select results_eq('select control, data from tests.sent()',
	$$values ('edge_came', jsonb_build_object('edge_id', tests.u(1)))$$, 'the others hear of it');
select tests.mark();
select rt.pump_open(tests.u(1), 'again');
select is_empty('select * from tests.sent()', 'once');
select is((select array_agg(name) from bellwire.edges where edge_id = tests.u(1)), array['again'],
	'once more: the same row');

select * from finish();
rollback;
