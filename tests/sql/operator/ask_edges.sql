-- rt.ask_edges, and rt_private.ask under it: a question is a row and a control row, and there are only so many.
begin;
select plan(9);

select tests.mark();
create temp table asked as select rt.ask_edges() as ask;
select results_eq('select what, about, xid from bellwire.asks where ask = (select ask from asked)',
	$$values ('edges', '{}'::jsonb, pg_current_xact_id())$$, 'a question is a row');
select results_eq('select control, data, event, ephemeral from tests.sent()',
	$$select 'asked', jsonb_build_object('ask', ask, 'what', 'edges'), null::text, false from asked$$,
	'and a control row, which has its id');

-- a hundred within five seconds
select lives_ok('select rt.ask_edges() from generate_series(1, 99)', 'a hundred questions at once');
select throws_ok('select rt.ask_edges()', 'RT429', 'over 100 questions within five seconds', 'and no more');
update bellwire.asks set at = at - interval '6 seconds';
select lives_ok('select rt.ask_edges()', 'five seconds later there may be more');
select is((select count(*) from bellwire.asks), 101::bigint, 'those before are still there');

-- an old question goes, its answers too
insert into bellwire.answers (ask, edge_id, more, body) select ask, tests.u(1), false, '{}' from asked;
update bellwire.asks set at = clock_timestamp() - interval '31 seconds' where ask = (select ask from asked);
select lives_ok('select rt.ask_edges()', 'a question is asked');
select is_empty('select from bellwire.asks join asked using (ask)', 'and forgets one of half a minute ago');
select is_empty('select from bellwire.answers', 'with what was answered to it');

select * from finish();
rollback;
