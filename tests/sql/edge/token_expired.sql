-- rt.token_expired: the one trace a refused token leaves.
begin;
select plan(4);

select tests.users(1, 2);
select rt.token_expired(tests.u(1));
select results_eq($$select online, expired_token_at > now() - interval '1 minute' from bellwire.presence
	where user_id = tests.u(1)$$, $$values (false, true)$$, 'remembered, and nobody is online for it');
update bellwire.presence set expired_token_at = '2001-01-01', online = true where user_id = tests.u(1);
select rt.token_expired(tests.u(1));
select results_eq($$select online, expired_token_at > now() - interval '1 minute' from bellwire.presence
	where user_id = tests.u(1)$$, $$values (true, true)$$, 'again');
select rt.token_expired(tests.u(99));
select is_empty($$select 1 from bellwire.presence where user_id = tests.u(99)$$, 'not for somebody who does not exist');
select is(rt_private.reason(tests.u(1), true), 'token_refresh', 'and tells the next reason');

select * from finish();
rollback;
