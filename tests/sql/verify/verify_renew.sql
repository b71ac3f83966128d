-- A run of bellwire verify lives.
begin;
select plan(5);

select ok(has_function_privilege('bellwire_service', 'rt.verify_renew(uuid)', 'execute'), 'services may call it');

create temporary table made as
select * from rt.verify_open(tests.u(1),
	array['bellwire verify a', 'bellwire verify b', 'bellwire verify c'], '[[0,1],[1,2]]');

update bellwire.verify_runs set alive_until = clock_timestamp() + interval '1 s' where run = tests.u(1);
select is(rt.verify_renew(tests.u(1)), true, 'renewed');
select ok((select alive_until > clock_timestamp() + interval '20 s' from bellwire.verify_runs where run = tests.u(1)),
	'for half a minute more');
select rt_private.verify_sweep();
select is((select count(*) from platform.users u, made where u.id = any(people)), 3::bigint,
	'nobody removes what lives');
update bellwire.verify_runs set alive_until = '-infinity' where run = tests.u(1);
select is(rt.verify_renew(tests.u(1)), null, 'what is over stays over');

select * from finish();
rollback;
