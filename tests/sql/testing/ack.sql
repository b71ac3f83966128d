-- rt_test.ack, error: client events.
begin;
select plan(17);
select tests.users(1, 3);
select tests.chat(10, 1, 2);
create function pg_temp.chat(p_more jsonb default '{}') returns jsonb
	language sql as $$ select jsonb_build_object('chat_id', tests.u(10)) || p_more $$;

select is(rt_test.ack(tests.u(1), 'chat:join', pg_temp.chat()),
	jsonb_build_object('status', 'joined', 'chat_id', tests.u(10)), 'the ack of the function');
select is(rt_test.error(tests.u(2), 'chat:join', pg_temp.chat(), 'laptop'), null, 'no error');
select is(rt_test.ack(tests.u(1), 'chat:typing', pg_temp.chat('{"is_typing": true}')), '{"status": "ok"}', 'relayed');
select is(array(select h.event from rt_test.heard(tests.u(2), 'laptop') h), '{chat:typing}',
	'to a socket that has joined');
select is_empty($$select rt_test.heard(tests.u(2))$$, 'not to its user''s other one');
select is_empty($$select rt_test.heard(tests.u(1))$$, 'nor to the sender');

-- refusals: of the function, and of the edge before it asks
select is(rt_test.error(tests.u(3), 'chat:join', pg_temp.chat('{"client_id": "c"}')), 'FORBIDDEN', 'the code');
select results_eq($$select h.event, h.data - 'timestamp' - 'message' from rt_test.heard(tests.u(3)) h$$,
	$$values ('error', '{"code": "FORBIDDEN", "event": "chat:join", "client_id": "c"}'::jsonb)$$,
	'the socket hears it');
select is(rt_test.error(tests.u(1), 'chat:dance'), 'INVALID_DATA', 'no such event');
select is(rt_test.error(tests.u(1), 'chat:join', '[]'), 'INVALID_DATA', 'no object');
select is(rt_test.error(tests.u(1), 'chat:join', pg_temp.chat(jsonb_build_object('pad', repeat('x', 1024)))),
	'MESSAGE_TOO_LARGE', 'more bytes than the route has');
select is(rt_test.payload_bytes(j::jsonb), octet_length(j), 'bytes as a client sends them: ' || j)
from unnest(array['{}', '{"a":[1,"x, y: z",{}],"b":{"c":[]},"e":"ы"}']) j;
select throws_ok($$select rt_test.ack(tests.u(1), 'auth:refresh', '{}')$$, '0A000', null,
	'auth:refresh has no function');
select tests.route('test_retry', $$begin raise exception 'later' using errcode = 'RT429', detail = '70'; end$$);
select is(rt_test.ack(tests.u(1), 'test_retry') - 'timestamp', '{"status": "error", "code": "RATE_LIMIT",
	"message": "later", "retry_after_ms": 70}', 'when to come again');
select tests.route('test_broken', 'begin perform 1 / 0 ; return null; end');
select is(rt_test.error(tests.u(1), 'test_broken'), 'INVALID_DATA', 'an error of Postgres');
select is(rt.socket_id(), null, 'no socket is left behind');

select * from finish();
rollback;
