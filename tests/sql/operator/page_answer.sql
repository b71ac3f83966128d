-- rt.page_answer: what the page of an edge is told of the answers to its questions.
begin;
select plan(10);

create function pg_temp.said(p_ask uuid, p_body jsonb) returns text language sql as
	$$ select jsonb_build_object('ask', p_ask, 'more', false, 'body', p_body)::text $$;
create function pg_temp.page(p_what text, p_about jsonb) returns uuid language plpgsql as $$
declare
	v_ask uuid := rt.page_ask(p_what, p_about);
begin
	update bellwire.asks set xid = '1' where ask = v_ask;
	return v_ask;
end $$;

select tests.users(1, 2);
select tests.edge(901, 902);
create temp table asked as select pg_temp.page('edges', '{}') as ask;
select from bellwire.edges e, pg_advisory_xact_lock(rt_private.alive_class(), e.n) where e.edge_id = tests.u(902);

-- edge 901 has no session: it is not waited for; 902 is
select is(rt.page_answer(ask, false), null, 'an edge that lives has not answered yet') from asked;
select is(jsonb_path_query_array(rt.page_answer(ask, true)::jsonb, '$[*].answered'), '[false, false]',
	'until time is up') from asked;
select rt.answer(tests.u(902), array[pg_temp.said(ask, '{"n": 1}')]) from asked;
select is(rt.page_answer(ask, false)::jsonb #- '{0,problem}', jsonb_build_array(
	jsonb_build_object('edge_id', tests.u(901), 'name', 'edge 901', 'answered', false, 'more', false, 'body', null),
	jsonb_build_object('edge_id', tests.u(902), 'name', 'edge 902', 'answered', true, 'more', false,
		'body', '{"n": 1}'::jsonb, 'problem', null)), 'one that is gone is not waited for') from asked;

-- the busiest rooms, with the sockets of all edges
select rt.emit(array['chat:b', 'chat:a'], 'x:said', '{}'), rt.emit(array['chat:a'], 'x:said', '{}');
create temp table busy as select pg_temp.page('busy', '{}') as ask;
select rt.answer(tests.u(n), array[pg_temp.said(ask, jsonb_build_object('rooms', jsonb_build_array(
	jsonb_build_object('room', 'chat:a', 'sockets', n - 900))))]) from busy, generate_series(901, 902) n;
select is(rt.page_answer(ask, false)::jsonb, '[{"room": "chat:a", "events": 2, "sockets": 3},
	{"room": "chat:b", "events": 1, "sockets": 0}]', 'rooms with their events and sockets') from busy;

-- a user; the events of other transactions, which this one does not see, are in page.test.mjs
create temp table about as select pg_temp.page('user', jsonb_build_object('user_id', tests.u(1))) as ask;
select is(rt.page_answer(ask, true)::jsonb -> 'events', '[]', 'no events') from about;
select is(jsonb_array_length(rt.page_answer(ask, true)::jsonb -> 'answers'), 2, 'and what each edge said') from about;

-- why
create temp table why as select pg_temp.page('recall', jsonb_build_object('user_id', tests.u(1),
	'event', tests.u(7))) as ask;
select results_eq($$select s ->> 'step', s ->> 'verdict' from why,
	jsonb_array_elements(rt.page_answer(ask, true)::jsonb) s$$, $$values ('written', 'no')$$,
	'the steps of rt.explain');

-- whose question it is
create temp table operators as select rt.ask_sockets() as ask;
update bellwire.asks set xid = '1';
select throws_ok('select rt.page_answer(ask, true) from operators', 'RT404', null, 'an operator''s is not the page''s');
select throws_ok('select rt.page_answer(tests.u(1), true)', 'RT404', null, 'nor one that was never asked');
delete from bellwire.asks;
select throws_ok('select rt.page_answer(ask, true) from asked', 'RT404', null, 'or that is forgotten');

select * from finish();
rollback;
