-- rt_test.heard: what users, their sockets and their rooms are at each point of the transaction. That an edge says the
-- same is shown in tests/integration/testing.test.mjs.
begin;
select plan(18);
create function pg_temp.heard(p_user int, p_socket text default 'phone') returns text language sql as $$
	select string_agg(h.event, ' ' order by h.id) from rt_test.heard(tests.u(p_user), p_socket) h $$;
create function pg_temp.say(p_event text, variadic p_rooms text[]) returns void language sql as $$
	select rt.emit(p_rooms, p_event, '{}') $$;
select tests.users(1, 3);
select tests.chat(10, 1, 2);
select tests.chat(20, 1, 2);

select throws_ok($$select rt_test.heard(tests.u(99))$$, 'P0002', null, 'of nobody there is no silence');
select pg_temp.say('a', 'participants:' || tests.u(10));
select is(pg_temp.heard(1) || pg_temp.heard(2), 'aa', 'participants whom this transaction made');
select is(pg_temp.heard(3), null, 'and nobody else');

-- in and out
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(3));
select pg_temp.say('b', 'participants:' || tests.u(10));
delete from platform.chat_participants where chat_id = tests.u(10) and user_id = tests.u(3);
select pg_temp.say('c', 'participants:' || tests.u(10));
select is(pg_temp.heard(3), 'b', 'what was said between coming and going');
select is(pg_temp.heard(1), 'a b c', 'in the order of the transaction');
delete from platform.chat_participants where chat_id = tests.u(20) and user_id = tests.u(2);
select pg_temp.say('d', 'participants:' || tests.u(20), 'own:board');
select is(pg_temp.heard(2), 'a b c', 'not what was said after going');
select rt.user_join(tests.u(2), 'board');
select pg_temp.say('e', 'participants:' || tests.u(20), 'own:board');
select is(pg_temp.heard(2), 'a b c e', 'a room of a service');

insert into platform.chat_participants (chat_id, user_id) values (tests.u(20), tests.u(3));
select is(pg_temp.heard(3), 'b', 'who comes later has not heard what was said before');

-- since when
select rt_test.forget();
select is(pg_temp.heard(2), null, 'forgotten');
insert into platform.follows (follower_id, followee_id) values (tests.u(3), tests.u(1));
select pg_temp.say('f', 'followers:' || tests.u(1), 'user:' || tests.u(3));
select is(pg_temp.heard(3), 'f', 'once, by however many rooms');
select rt.emit(array['user:' || tests.u(3)], 'g', '{}', array['followers:' || tests.u(1)]);
select is(pg_temp.heard(3), 'f', 'not by a room that is excepted');

-- nobody's any more
truncate platform.follows;
select pg_temp.say('h', 'followers:' || tests.u(1));
select is(pg_temp.heard(3), 'f', 'rooms are read again where rows went without a word');
update platform.users set disabled_at = now() where id = tests.u(3);
select rt.emit(null, 'i', '{}');
select is(pg_temp.heard(3), 'f error', 'a user who is disabled is told so, last');
select is((select data ->> 'code' from rt_test.heard(tests.u(3)) where event = 'error'), 'UNAUTHORIZED',
	'with the code');
select throws_ok($$select rt_test.ack(tests.u(3), 'chat:join')$$, 'P0002', null, 'and sends nothing');
select is(pg_temp.heard(1), 'i', 'others go on');
savepoint s;
select rt.emit(null, 'never', '{}');
rollback to s;
select is(pg_temp.heard(1), 'i', 'what is undone was never said');

-- somebody's already, as far as this transaction has announced
select rt_test.forget();
set local bellwire.silent = on;
insert into platform.follows (follower_id, followee_id) values (tests.u(2), tests.u(1));
set local bellwire.silent = off;
select pg_temp.say('s', 'followers:' || tests.u(1));
delete from platform.follows where follower_id = tests.u(2);
select pg_temp.say('t', 'followers:' || tests.u(1));
select is(pg_temp.heard(2), 's', 'who goes has heard what was said before');

select * from finish();
rollback;
