-- rt.user_state: whether a user may have sockets.
begin;
select plan(4);

select tests.users(1, 2);
update platform.users set disabled_at = now() where id = tests.u(2);
select is(rt.user_state(tests.u(1)), 'active', 'a row that is not disabled');
select is(rt.user_state(tests.u(2)), 'disabled', 'a row that is');
select is(rt.user_state(tests.u(3)), 'unknown', 'no row');
select is(rt.user_state(null), 'unknown', 'null');

select * from finish();
rollback;
