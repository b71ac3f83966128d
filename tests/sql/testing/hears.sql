-- rt_test.hears, hears_nothing: assertions, by pgTAP and without it; what a failed one says.
begin;
select plan(19);
select tests.users(1, 3);
select tests.chat(10, 1, 2);
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(10), tests.u(1), 'text', 'hello');

select rt_test.hears(tests.u(2), 'chat:message:new', '{"content": "hello"}');
select rt_test.hears(tests.u(2), 'chat:message:new');
select rt_test.hears_nothing(tests.u(3));
select * from check_test(rt_test.hears(tests.u(2), 'chat:message:new', '{"content": "bye"}', 'a farewell'), false,
	'another payload is not it', 'a farewell', null, false);
select * from check_test(rt_test.hears(tests.u(3), 'chat:message:new', '{}', 'a stranger'), false,
	'a stranger hears nothing of it', 'a stranger', null, false);
select * from check_test(rt_test.hears_nothing(tests.u(2), 'quiet'), false, 'a participant does', 'quiet', null, false);
select * from check_test(rt_test.hears(tests.u(2), 'chat:message:new', '{"content": "hello"}', 'said'), true,
	'a true one has its description', 'said', null, false);

-- what is said of it
select ok(rt_test.heard_text(tests.u(2), 'phone') ~ e'^heard:\n  chat:message:new \\{.*"hello"',
	'what was heard instead');
select is(rt_test.heard_text(tests.u(3), 'phone'), 'heard nothing', 'and that nothing was');
select ok(rt_test.unheard_text(tests.u(3), 'phone', 'chat:message:new')
	like '%went to participants:' || tests.u(10) || '; the socket was in user:' || tests.u(3) || '%',
	'where it went instead, and where the socket was');
select is(rt_test.unheard_text(tests.u(3), 'phone', 'post:liked'), e'\npost:liked was not published',
	'that it went nowhere');
select is(rt_test.unheard_text(tests.u(2), 'phone', 'chat:message:new'), '',
	'nothing more where another one was heard');

-- without pgTAP in the search path
create function pg_temp.bare(p_sql text) returns text language plpgsql set search_path = pg_catalog as $$
declare
	v_result text;
begin
	execute p_sql into v_result;
	return v_result;
exception when assert_failure then
	get stacked diagnostics v_result = pg_exception_detail;
	return sqlerrm || ': ' || v_result;
end $$;
select is(pg_temp.bare($$select rt_test.hears_nothing(tests.u(3), 'quiet')$$), 'ok - quiet', 'a true one says so');
select is(pg_temp.bare($$select rt_test.hears(tests.u(3), 'e', '{}', 'told')$$),
	e'told: heard nothing\ne was not published', 'a false one raises');
select is(pg_temp.bare($$select rt_test.tap(false, 'what', 'why')$$), 'what: why', 'with its diagnosis');

select * from finish();
rollback;
