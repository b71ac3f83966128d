-- rt.dispatch_one: one item, alone. Waiting for its lock is in concurrent/locks.mjs.
begin;
select plan(9);

select tests.users(1, 2);
select tests.chat(10, 1, 2);
select tests.route('echo', 'begin return jsonb_build_object(''socket'', rt.socket_id(), ''payload'', p_payload); end');
select tests.route('fail', 'begin raise exception using errcode = p_payload ->> ''state'', message = ''secret''; end');
select results_eq($$select ord, outcome, body::jsonb, code, message
	from rt.dispatch_one(tests.item('echo', 1, 's1', '{"a": 1}'))$$,
	$$values (1, 'ok', '{"socket": "s1", "payload": {"a": 1}}'::jsonb, null::text, null::text),
		(0, 'quiet', null, null, null)$$, 'the rows of rt.dispatch');
select is((select outcome || ' ' || code
	from rt.dispatch_one('{"event": "echo", "user_id": "x", "socket_id": "s", "payload": {"a": "\u0000"}}')
	where ord = 1), 'error INVALID_DATA', 'a payload that jsonb cannot hold');
select is((select outcome || ' ' || code from rt.dispatch_one(null) where ord = 1), 'error INVALID_DATA', 'no item');
select is((select concat_ws(' ', outcome, code, sqlstate)
	from rt.dispatch_one(tests.item('fail', 1, 's1', jsonb_build_object('state', s))) where ord = 1),
	'error UNAVAILABLE ' || s, s || ' alone: UNAVAILABLE, never deferred again')
from unnest(array['40001', '40P01', '55P03']) s;
select is((select outcome || ' ' || code
	from rt.dispatch_one(tests.item('chat:message:send', 1, 's1',
	jsonb_build_object('chat_id', tests.u(10), 'type', 'text', 'content', ' '))) where ord = 1),
	'error INVALID_DATA', 'a message that is none');
select is((select outcome
	from rt.dispatch_one(tests.item('chat:message:send', 1, 's1',
	jsonb_build_object('chat_id', tests.u(10), 'type', 'text', 'content', 'x'))) where ord = 0), 'published',
	'a message');

-- the row that its lock key names: xmax is who has locked it
insert into platform.chats (id) values (tests.u(11));
select tests.route('locked', 'begin return to_jsonb(c.xmax::text) from platform.chats c where c.id = tests.u(11); end',
	'chat_id');
select isnt((select d.body::jsonb ->> 0
	from rt.dispatch_one(tests.item('locked', 1, 's1', jsonb_build_object('chat_id', tests.u(11)))) d
	where d.ord = 1), '0', 'is locked before its function is called');

select * from finish();
rollback;
