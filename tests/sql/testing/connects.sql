-- rt_test.connects, disconnects, takes, published: sockets that come and go, and what they confirm.
begin;
select plan(13);
select tests.users(1, 2);
select tests.chat(10, 1, 2);
create function pg_temp.heard(p_user int, p_socket text default 'phone') returns text language sql as $$
	select string_agg(h.event, ' ' order by h.id) from rt_test.heard(tests.u(p_user), p_socket) h $$;

select rt.emit(array['user:' || tests.u(1)], 'before', '{}');
select rt_test.connects(tests.u(1), 'laptop');
select is(pg_temp.heard(1, 'laptop'), 'connected sync:required', 'not what was said before it came');
select is((select data ->> 'reason' from rt_test.heard(tests.u(1), 'laptop') where event = 'sync:required'),
	'connection_established', 'the reason');
select is(pg_temp.heard(2), 'user:online', 'the user''s first one is announced');
select rt_test.ack(tests.u(1), 'chat:join', jsonb_build_object('chat_id', tests.u(10)), 'laptop');
select rt.emit(array['chat:' || tests.u(10)], 'joined', '{}');
select rt_test.disconnects(tests.u(1), 'laptop');
select is(pg_temp.heard(2), 'user:online user:offline', 'so is the end of the last one');
select rt_test.connects(tests.u(1), 'laptop');
select rt.emit(array['chat:' || tests.u(10)], 'again', '{}');
select is(pg_temp.heard(1, 'laptop'), 'connected sync:required joined connected sync:required',
	'who comes back has joined nothing');
select throws_ok($$select rt_test.disconnects(tests.u(1))$$, 'P0002', null, 'one that never came cannot go');
select throws_ok($$select rt_test.connects(tests.u(99))$$, 'RT401', null, 'nobody connects as nobody');
select results_eq($$select event from rt_test.published()$$,
	$$values ('before'), ('user:online'), ('joined'), ('user:offline'), ('user:online'), ('again')$$,
	'what an edge itself says was not published');

select rt_test.forget();
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(10), tests.u(1), 'text', 'hello');
select rt_test.takes(tests.u(1));
select is(pg_temp.heard(1), 'chat:message:new', 'the sender''s own does not count');
select rt_test.takes(tests.u(2));
select is(pg_temp.heard(1), 'chat:message:new chat:message:delivered', 'a recipient has it');
select rt_test.takes(tests.u(2));
select is(pg_temp.heard(1), 'chat:message:new chat:message:delivered', 'once');
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(10), tests.u(1), 'text', 'late');
delete from platform.chat_participants where user_id = tests.u(2);
select rt_test.takes(tests.u(2));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(2));
select rt_test.takes(tests.u(2));
select is(pg_temp.heard(1), 'chat:message:new chat:message:delivered chat:message:new',
	'who takes it after leaving has not taken it when back');
select is(rt_test.socket_id(tests.u(1), 'laptop'), 'rt_test:' || tests.u(1) || ':laptop', 'the id of a socket');

select * from finish();
rollback;
