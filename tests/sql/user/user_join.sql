-- rt.user_join: a user enters a room of a service's own.
begin;
select plan(6);

select tests.users(1, 2);
select tests.mark();
select rt.user_join(tests.u(2), 'team:blue');
select results_eq('select control, right(data ->> ''user_id'', 1), data ->> ''room'' from tests.sent() order by id',
	$$values ('user_join', '2', 'own:team:blue')$$, 'a control row');
select throws_ok($$select rt.user_join(tests.u(2), '')$$, 'RT400', null, 'no name');
select throws_ok($$select rt.user_join(tests.u(2), null)$$, 'RT400', null, 'null');
select throws_ok($$select rt.user_join(tests.u(2), e'a\nb')$$, 'RT400', null, 'a line end');
set local role bellwire_service;
select lives_ok($$select rt.user_join('00000000-0000-4000-8000-000000000001', repeat('x', 200))$$, 'a service may');
reset role;
set local role bellwire_edge;
select throws_ok($$select rt.user_join('00000000-0000-4000-8000-000000000001', 'x')$$, '42501', null,
	'the edge may not');

select * from finish();
rollback;
