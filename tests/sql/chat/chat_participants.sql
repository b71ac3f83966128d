-- platform.chat_participants: rows move live sockets.
begin;
select plan(16);

insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 6) n;
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));

-- participants_rooms_insert, participants_rooms_update, participants_rooms_delete
select tests.mark();
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(2)), (tests.u(10), tests.u(1)),
	(tests.u(11), tests.u(1));
select results_eq($$select * from tests.moves()$$,
	array['user_join 1 participants 10', 'user_join 2 participants 10', 'user_join 1 participants 11'],
	'a participant joins');
select is((select data from tests.sent() limit 1),
	jsonb_build_object('user_id', tests.u(1), 'room', 'participants:' || tests.u(10)), 'the control row');
select tests.mark();
update platform.chat_participants set joined_at = now();
select is_empty($$select * from tests.moves()$$, 'another joined_at moves nobody');
update platform.chat_participants set user_id = tests.u(3) where user_id = tests.u(2);
select results_eq($$select * from tests.moves()$$,
	array['user_leave 2 participants 10', 'user_leave 2 chat 10', 'user_join 3 participants 10'],
	'a row that changes hands');
select tests.mark();
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(3)) on conflict do nothing;
select is_empty($$select * from tests.moves()$$, 'who is there already does not join');
delete from platform.chat_participants where user_id = tests.u(3);
select results_eq($$select * from tests.moves()$$, array['user_leave 3 participants 10', 'user_leave 3 chat 10'],
	'the end of participation');
select throws_ok($$insert into platform.chat_participants (chat_id, user_id) values (tests.u(99), tests.u(3))$$,
	'23503', null, 'no such chat');
select tests.mark();
delete from platform.chats where id = tests.u(11);
select results_eq($$select * from tests.moves()$$, array['user_leave 1 participants 11', 'user_leave 1 chat 11'],
	'a chat that goes takes its rooms along');

-- the net effect of a transaction
insert into platform.chat_participants (chat_id, user_id) select tests.u(10), tests.u(n) from generate_series(1, 3) n
	on conflict do nothing;
select tests.mark();
delete from platform.chat_participants where chat_id = tests.u(10);
insert into platform.chat_participants (chat_id, user_id) select tests.u(10), tests.u(n) from generate_series(1, 3) n;
select is_empty($$select * from tests.moves()$$, 'delete and insert of the same participants in one transaction');
delete from platform.chat_participants where chat_id = tests.u(10);
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(4));
select results_eq($$select * from tests.moves()$$, array['user_leave 2 participants 10', 'user_leave 2 chat 10',
	'user_leave 3 participants 10', 'user_leave 3 chat 10', 'user_join 4 participants 10'], 'only some come back');
select tests.mark();
update platform.chat_participants set user_id = tests.u(5) where user_id = tests.u(4);
update platform.chat_participants set user_id = tests.u(4) where user_id = tests.u(5);
select results_eq($$select * from tests.moves()$$, array['user_join 5 participants 10', 'user_leave 5 participants 10',
	'user_leave 5 chat 10'], 'a row that changes hands and back');
select tests.mark();
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(6));
delete from platform.chat_participants where user_id = tests.u(6) and chat_id = tests.u(10);
select results_eq($$select * from tests.moves()$$, array['user_join 6 participants 10', 'user_leave 6 participants 10',
	'user_leave 6 chat 10'], 'who comes and goes is not there');
delete from platform.chat_participants where chat_id = tests.u(10);
select tests.mark();
insert into platform.chats (id) values (tests.u(12));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(12), tests.u(1));
select results_eq($$select * from tests.moves()$$, array['user_join 1 participants 12'],
	'another chat is another chat');
savepoint back;
select tests.mark();
delete from platform.chat_participants where chat_id = tests.u(12);
savepoint again;
insert into platform.chat_participants (chat_id, user_id) values (tests.u(12), tests.u(1));
rollback to again;
select results_eq($$select * from tests.moves()$$, array['user_leave 1 participants 12', 'user_leave 1 chat 12'],
	'a way back that is rolled back');
rollback to back;

-- participants_truncated
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(2));
select tests.mark();
truncate platform.chat_participants;
select results_eq($$select control, data from tests.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$,
	'TRUNCATE: read the rooms of everyone again');

-- participants_lock: in concurrent/locks.mjs

-- silent
set local bellwire.silent = on;
select tests.mark();
insert into platform.chats (id) values (tests.u(14));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(14), tests.u(2)), (tests.u(14), tests.u(3));
update platform.chat_participants set user_id = tests.u(4) where user_id = tests.u(3) and chat_id = tests.u(14);
delete from platform.chat_participants where user_id = tests.u(2) and chat_id = tests.u(14);
select results_eq($$select control, data from tests.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$,
	'an import: read again, once');

select * from finish();
rollback;
