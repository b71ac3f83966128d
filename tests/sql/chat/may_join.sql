-- rt_private.may_join: rooms that a socket may enter because it asks.
begin;
select plan(9);

select tests.users(1, 2);
select tests.chat(10, 1);
select tests.chat(11, 2);
select ok(rt_private.may_join(tests.u(1), 'chat:' || tests.u(10)), 'a participant may be in chat:');
select ok(not rt_private.may_join(tests.u(2), 'chat:' || tests.u(10)), 'a stranger may not');
select ok(not rt_private.may_join(tests.u(1), r), 'nor anybody in ' || r)
from unnest(array['participants:' || tests.u(10), 'user:' || tests.u(1), 'followers:' || tests.u(2), 'chat:', 'chat:x',
	'x', 'chat:' || tests.u(10) || 'x']) r;

select * from finish();
rollback;
