-- rt.users_of: asks the service's rt.user_of about the claims of tokens.
begin;
select plan(6);

select results_eq($$select ord, user_id, left(problem, 5) from rt.users_of(array['{}'])$$,
	$$values (1, null::uuid, '42883')$$, 'no such function');
create function rt.user_of(claims jsonb) returns uuid language plpgsql as $$
begin
	if claims ->> 'sub' = 'bad' then
		raise exception 'the table is not there' using errcode = '42P01';
	end if;
	return (select case claims ->> 'sub' when 'anna' then tests.u(1) end);
end
$$;
select results_eq($$select * from rt.users_of(array['{"sub":"anna"}', '{"sub":"bad"}', '{"sub":"nobody"}',
	'{}', '{"sub":"anna"}'])$$,
	$$values (1, tests.u(1), null::text), (2, null, '42P01 the table is not there'),
	(3, null, null), (4, null, null), (5, tests.u(1), null)$$, 'a row each, in order; one may fail');
select results_eq($$select ord, user_id, left(problem, 5)
	from rt.users_of(array['{', '{"sub":"anna"}'])$$,
	$$values (1, null::uuid, '22P02'), (2, tests.u(1), null)$$, 'no JSON');
select is_empty($$select * from rt.users_of('{}')$$, 'nobody asked');
set local role bellwire_edge;
select is((select user_id from rt.users_of(array['{"sub":"anna"}'])), '00000000-0000-4000-8000-000000000001'::uuid,
	'the edge may ask');
reset role;
set local role bellwire_service;
select throws_ok($$select rt.users_of('{}')$$, '42501', null, 'a service may not');

select * from finish();
rollback;
