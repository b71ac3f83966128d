-- rt.ask_recall, with rt_private.explain_find under it.
begin;
select plan(9);

select tests.users(1, 2);
select tests.chat(11, 1, 2);
insert into platform.messages (id, chat_id, sender_id, type, content) values (tests.u(21), tests.u(11), tests.u(1),
	'text', 'x');
insert into platform.notifications (id, user_id, type, title, body) values (tests.u(22), tests.u(2), 'mention', 't',
	'b');
create function pg_temp.row_of(p_event text) returns bigint language sql as
	$$ select id from tests.sent() where event = p_event $$;

select is((select array[kind, event, rooms[1]] from rt_private.explain_find(tests.u(21)::text)),
	array['message', 'chat:message:new', 'participants:' || tests.u(11)], 'a message');
select is((select id from rt_private.explain_find(upper(tests.u(21)::text))), pg_temp.row_of('chat:message:new'),
	'however its id is written');
select is((select array[kind, event, rooms[1]] from rt_private.explain_find(tests.u(22)::text)),
	array['notification', 'notification:new', 'user:' || tests.u(2)], 'a notification');
select is((select array[kind, event] from rt_private.explain_find(pg_temp.row_of('notification:new')::text)),
	array['row', 'notification:new'], 'a row of the outbox');
select is((select array[kind, event] from rt_private.explain_find(tests.u(99)::text)), array[null, null]::text[],
	'what nobody knows');
select throws_ok('select rt_private.explain_find(''x'')', 'RT400', null, 'what is no id');

select tests.mark();
select ok(rt.ask_recall(tests.u(21)::text, tests.u(2)) is not null, 'the edges are asked');
select is((select data - 'ask' - 'event_id' from tests.sent()),
	jsonb_build_object('what', 'recall', 'user_id', tests.u(2)),
	'about the user');
select is((select (data ->> 'event_id')::bigint from tests.sent()), (select id from bellwire.outbox
	where event = 'chat:message:new' and data ->> 'id' = tests.u(21)::text), 'and the row');

select * from finish();
rollback;
