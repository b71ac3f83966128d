-- rt.answers: who answered and who did not, within a time that is known.
begin;
select plan(12);

create function pg_temp.said(p_ask uuid, p_more boolean, p_body jsonb) returns text language sql as
	$$ select jsonb_build_object('ask', p_ask, 'more', p_more, 'body', p_body)::text $$;

select tests.edge(901, 902, 903);
update bellwire.edges set seen_at = '-infinity' where edge_id = tests.u(903);
create temp table asked as select rt.ask_edges() as ask, clock_timestamp() as at;
select throws_ok('select rt.answers(ask) from asked', 'RT400', null,
	'edges hear of it after the commit: no wait in vain');
update bellwire.asks set xid = '1';
select tests.edge(904);
-- the sessions of two pumps, one of them of the edge that came later
select from bellwire.edges e, pg_advisory_xact_lock(rt_private.alive_class(), e.n)
	where e.edge_id in (tests.u(902), tests.u(904));

create temp table begun as select clock_timestamp() as at;
select results_eq($$select a.name, a.answered, a.more, a.body, 
	a.problem ~ '^did not answer: its session is gone, last seen 20', a.problem ~ '^did not answer, last seen 20'
	from asked, rt.answers(ask, '0.2 s') a$$,
	$$values ('edge 901', false, false, null::jsonb, true, false), ('edge 902', false, false, null, false, true)$$,
	'nobody: those who were there are named, not one that is swept, nor one that came later');
select cmp_ok((select clock_timestamp() - at from begun), '>=', '0.2 s'::interval, 'it has waited so long');

select rt.answer(tests.u(902), array[pg_temp.said(ask, true, '{"n": 1}')]) from asked;
select results_eq($$select a.edge_id, a.answered, a.more, a.body, a.at is null, a.problem is null
	from asked, rt.answers(ask, '0') a$$,
	$$values (tests.u(901), false, false, null::jsonb, true, false), (tests.u(902), true, true, '{"n": 1}',
		false, true)$$,
	'one of them');
create temp table again as select clock_timestamp() as at;
select is((select count(*) from asked, rt.answers(ask, '1 min') a where a.answered), 1::bigint,
	'who is gone is not waited for');
select cmp_ok((select clock_timestamp() - at from again), '<', '5 s'::interval, 'nor who has answered');
select rt.answer(tests.u(901), array[pg_temp.said(ask, false, '{}')]) from asked;

-- one that has gone since
delete from bellwire.edges where edge_id = tests.u(901);
select is((select count(*) from asked, rt.answers(ask, '0') a where a.answered), 2::bigint,
	'an answer stays, though its edge has gone');
select is((select a.name from asked, rt.answers(ask, '0') a where a.edge_id = tests.u(901)), null, 'without a name');

select throws_ok('select rt.answers(tests.u(1))', 'RT404', null, 'a question that was never asked');
delete from bellwire.asks;
select throws_ok('select rt.answers(ask) from asked', 'RT404', null, 'or is forgotten');
select is_empty('select from bellwire.answers', 'with its answers');

-- somebody who asks for longer than may be
select rt.ask_edges();
update bellwire.asks set xid = '1', at = clock_timestamp() + interval '1 s';
update bellwire.edges set opened_at = clock_timestamp() where seen_at <> '-infinity';
select is((select count(*) from bellwire.asks k, rt.answers(k.ask, '-1 s') a), 2::bigint, 'no time: no wait');

select * from finish();
rollback;
