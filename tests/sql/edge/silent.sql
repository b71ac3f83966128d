-- rt_private.is_silent: what the guard of a trigger answers (concurrent/silent.mjs has the roles, and what is written).
begin;
select plan(5);

select is(rt_private.is_silent(), false, 'by itself no transaction is silent');
select is(rt_private.session_is_plain(), true, 'nor has any of this session been');
set local bellwire.silent = on;
select is(rt_private.is_silent(), true, 'it is where it says so, for a member of bellwire_service');
set local bellwire.silent = off;
select is(rt_private.is_silent(), false, 'and no longer where it takes that back');

select is(rt_private.session_is_plain(), false, 'but the session must be asked from now on');

select * from finish();
rollback;
