-- rt.answer.
begin;
select plan(5);

create temp table asked as select rt.ask_edges() as ask;
create function pg_temp.item(p_ask uuid, p_body jsonb, p_more boolean default false) returns text language sql as
	$$ select jsonb_build_object('ask', p_ask, 'more', p_more, 'body', p_body)::text $$;

select lives_ok($$select rt.answer(tests.u(901), array[pg_temp.item(ask, '{"n": 1}', true),
	pg_temp.item(tests.u(5), '{"n": 2}')]) from asked$$, 'answers, one to a question that nobody remembers');
select results_eq('select ask, edge_id, more, body from bellwire.answers',
	$$select ask, tests.u(901), true, '{"n": 1}'::jsonb from asked$$, 'which goes nowhere');
select lives_ok($$select rt.answer(tests.u(901), array[pg_temp.item(ask, '{"n": 3}')]) from asked$$, 'a second answer');
select is((select body from bellwire.answers), '{"n": 1}', 'is not taken');
select lives_ok('select rt.answer(tests.u(901), ''{}'')', 'none at all');

select * from finish();
rollback;
