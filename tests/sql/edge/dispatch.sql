-- rt.dispatch in one session. Locks and commits are in concurrent/.
begin;
select plan(89);

select tests.users(1, 3);
select tests.chat(10, 1, 2);
create table tests.rows (n int primary key, parent int,
	constraint parent_fkey foreign key (parent) references tests.rows deferrable initially deferred);
grant all on tests.rows to bellwire_owner;

select tests.route('echo',
	'begin return jsonb_build_object(''user'', p_user_id, ''payload'', p_payload,
		''socket'', rt.socket_id()); end');
select tests.route('nothing', 'begin return null; end');
select tests.route('put',
	'begin insert into tests.rows values ((p_payload ->> ''n'')::int, (p_payload ->> ''parent'')::int);
		return ''{"put": true}''; end');
select tests.route('fail',
	'begin raise exception using errcode = p_payload ->> ''state'',
		message = coalesce(p_payload ->> ''message'', ''secret''); end');
select tests.route('put_fail',
	'begin insert into tests.rows values ((p_payload ->> ''n'')::int);
		raise exception using errcode = ''RT403'', message = ''no''; end');
select tests.route('say', 'begin perform rt_private.publish(array[''r''], ''said'', p_payload); return ''{}''; end');
select tests.route('whisper',
	'begin perform rt_private.publish(array[''r''], ''whispered'', p_payload, p_ephemeral => true);
		return ''{}''; end',
	p_ephemeral => true);
select tests.route('async', 'begin set local synchronous_commit = off; return ''{}''; end');
select tests.route('locked', 'begin return ''{}''; end', 'chat_id');
select tests.route('role', 'begin return to_jsonb(array[current_user::text, current_setting(''search_path'')]); end');

create function pg_temp.outcomes(variadic p_items text[]) returns text language sql as $$
	select string_agg(ord || ' ' || outcome || case when outcome = 'error' then ' ' || code else '' end, ', '
		order by n) from (select *, row_number() over () n from rt.dispatch(p_items)) d $$;

-- acks
select results_eq($$select ord, outcome, body::jsonb, code, message, sqlstate, detail from rt.dispatch(array[
		tests.item('echo', 1, 's1', '{"a": 1}'), tests.item('echo', 2, 's2', '{"b": [1.10]}'),
			tests.item('nothing', 1, 's1', '{}')])$$,
	$$values (1, 'ok', jsonb_build_object('user', tests.u(1), 'payload', '{"a": 1}'::jsonb, 'socket', 's1'),
		null::text, null::text, null::text, null::text),
		(2, 'ok', jsonb_build_object('user', tests.u(2), 'payload', '{"b": [1.10]}'::jsonb, 'socket', 's2'),
		null, null, null, null),
		(3, 'ok', 'null', null, null, null, null),
		(0, 'quiet', null, null, null, null, null)$$, 'a row for each item, in order, and the last');
select results_eq($$select ord, outcome, body::jsonb ->> 'socket'
	from rt.dispatch(array[tests.item('echo', 1, 's1', '{}')])$$,
	$$values (1, 'ok', 's1'), (0, 'quiet', null)$$, 'one item');
select results_eq($$select ord, outcome, body::jsonb ->> 'socket'
	from rt.dispatch_one(tests.item('echo', 1, 's1', '{}'))$$,
	$$values (1, 'ok', 's1'), (0, 'quiet', null)$$, 'rt.dispatch_one: the same rows');
select is(pg_temp.outcomes(variadic '{}'), '0 quiet', 'no item');
select is(rt.socket_id(), null, 'no socket after the batch');
select is((select body from rt.dispatch(array[tests.item('echo', 1, 's1', '{"n": 55.755800000000001, "e": 1e2}')])
	where ord = 1)::jsonb #>> '{payload,n}', '55.755800000000001', 'numbers stay as they are');
select matches((select body from rt.dispatch(array[tests.item('role', 1, 's1', '{}')]) where ord = 1),
	'bellwire_owner.*pg_catalog, pg_temp', 'functions run as the owner, with a pinned search_path');

-- failures: one never fails the others
select is(pg_temp.outcomes(tests.item('put', 1, 's1', '{"n": 1}'), tests.item('put_fail', 2, 's2', '{"n": 2}'),
	tests.item('put', 3, 's3', '{"n": 3}')),
	'1 ok, 2 error FORBIDDEN, 3 ok, 0 quiet', 'the second fails alone');
select is((select array_agg(n order by n) from tests.rows), '{1,3}', 'what it wrote is gone, the others'' is there');
select is(pg_temp.outcomes(tests.item('put', 1, 's1', '{"n": 1}'), tests.item('put', 1, 's1', '{"n": 4, "parent": 99}'),
	tests.item('put', 1, 's1', '{"n": 5, "parent": 3}')),
	'1 error INVALID_DATA, 2 error INVALID_DATA, 3 ok, 0 quiet', 'a key that is there, a deferred constraint');
select is((select array_agg(n order by n) from tests.rows), '{1,3,5}', 'only the third is there');
select is(pg_temp.outcomes(tests.item('put', 1, 's1', '{"n": 6, "parent": 77}')), '1 error INVALID_DATA, 0 quiet',
	'a deferred constraint, alone');
select is((select outcome from rt.dispatch_one(tests.item('put', 1, 's1', '{"n": 7, "parent": 77}')) where ord = 1),
	'error', 'and by rt.dispatch_one');
select is(pg_temp.outcomes('{"event": "echo", "user_id": "' || tests.u(1)
	|| '", "socket_id": "s1", "payload": {"a": "\u0000"}}', tests.item('echo', 1, 's2', '{}')),
	'1 error INVALID_DATA, 2 ok, 0 quiet', 'a payload that jsonb cannot hold');
select is(pg_temp.outcomes('{"event": "echo", "user_id": "' || tests.u(1)
	|| '", "socket_id": "s1", "payload": {"a": 1e999999}}', tests.item('echo', 1, 's2', '{}')),
	'1 error INVALID_DATA, 2 ok, 0 quiet', 'a number that numeric cannot hold');
select is(pg_temp.outcomes('{"event": "echo", "user_id": "' || tests.u(1) || '", "socket_id": "s1", "payload": {"a": '
	|| repeat('[', 20000) || repeat(']', 20000) || '}}', tests.item('echo', 1, 's2', '{}')),
	'1 error INVALID_DATA, 2 ok, 0 quiet', 'depth beyond the stack');
select is(pg_temp.outcomes('x', '5', 'null', '[]', '{}', null, tests.item('echo', 1, 's1', '[]'),
	tests.item('echo', 1, 's1', '{}')),
	(select string_agg(n || ' error INVALID_DATA', ', ') from generate_series(1, 7) n) || ', 8 ok, 0 quiet',
	'items that are none');
select is(pg_temp.outcomes(tests.item('unheard', 1, 's1', '{}'), tests.item('echo', 1, 's1', '{}')),
	'1 error INVALID_DATA, 2 ok, 0 quiet', 'an event without a route');
select is(pg_temp.outcomes(variadic array(select tests.item('echo', 1, 's' || n, '{}') from generate_series(1, 32) n)),
	(select string_agg(n || ' ok', ', ') from generate_series(1, 32) n) || ', 0 quiet', 'thirty-two');
select throws_ok($$select *
	from rt.dispatch(array(select tests.item('echo', 1, 's', '{}') from generate_series(1, 33)))$$, 'RT400', null,
	'thirty-three');
select is(pg_temp.outcomes(variadic array(select tests.item('fail', 1, 's' || n, '{"state": "22000"}')
	from generate_series(1, 32) n)),
	(select string_agg(n || ' error INVALID_DATA', ', ') from generate_series(1, 32) n) || ', 0 quiet',
	'thirty-two that fail');

-- codes
create function pg_temp.fail(p_state text, p_message text default 'secret') returns text language sql as $$
	select concat_ws('|', outcome, code, message, sqlstate)
		from rt.dispatch(array[tests.item('fail', 1, 's1',
		jsonb_build_object('state', p_state, 'message', p_message))]) where ord = 1 $$;
select is(pg_temp.fail(s), 'error|' || c || '|secret|' || s, s || ': ' || c || ', with its text')
from (values ('RT400', 'INVALID_DATA'), ('RT401', 'UNAUTHORIZED'), ('RT403', 'FORBIDDEN'), ('RT404', 'CHAT_NOT_FOUND'),
	('RT413', 'MESSAGE_TOO_LARGE'), ('RT429', 'RATE_LIMIT'), ('RT503', 'UNAVAILABLE')) t (s, c);
select is(pg_temp.fail(s), 'error|INVALID_DATA|Invalid data|' || s, s || ': INVALID_DATA, fixed text')
	from unnest(array['22001', '22P02', '23505', '23503', '23514']) s;
select is(pg_temp.fail(s), 'error|UNAVAILABLE|Try again|' || s, s || ': UNAVAILABLE, fixed text')
	from unnest(array['53100', '55000', '57P05', '08000']) s;
select matches(pg_temp.fail(s), '^error\|INTERNAL\|Internal error [0-9a-f]{12}\|' || s || '$', s
	|| ': INTERNAL, a number to look for') from unnest(array['P0001', '42P01', 'RT999', 'XX000']) s;
select matches((select detail
	from rt.dispatch(array[tests.item('fail', 1, 's1', '{"state": "P0001", "message": "the cause"}')])
	where ord = 1), 'the cause\n.*PL/pgSQL function tests.fail', 'detail is for the log');

-- items that are to be tried again, alone
select is(pg_temp.outcomes(tests.item('fail', 1, 's1', jsonb_build_object('state', s)),
	tests.item('echo', 1, 's1', '{}'), tests.item('echo', 2, 's2', '{}')),
	'1 deferred, 2 deferred, 3 ok, 0 quiet', s || ': deferred, and what that socket sent later')
	from unnest(array['40001', '40P01', '55P03']) s;
select is(pg_temp.outcomes(tests.item('echo', 1, 's1', '{}'), tests.item('fail', 1, 's1', '{"state": "40001"}'),
	tests.item('echo', 1, 's1', '{}')),
	'1 ok, 2 deferred, 3 deferred, 0 quiet', 'not what it sent before');
select is((select concat_ws(' ', outcome, code, sqlstate)
	from rt.dispatch_one(tests.item('fail', 1, 's1', jsonb_build_object('state', s))) where ord = 1),
	'error UNAVAILABLE ' || s, s || ' alone: UNAVAILABLE') from unnest(array['40001', '40P01', '55P03']) s;

-- lock keys
select is(pg_temp.outcomes(tests.item('locked', 1, 's1', jsonb_build_object('chat_id', v))), '1 ok, 0 quiet',
	'lock key ' || v::text || ': nobody holds it')
from unnest(array['"x"', 'null', '5', '{}', to_jsonb(tests.u(99))::text,
	upper(to_jsonb(tests.u(10))::text)]::jsonb[]) v;
select is(pg_temp.outcomes(tests.item('locked', 1, 's1', '{}'), tests.item('locked', 1, 's1', '[1]'),
	tests.item('locked', 1, 's1', '"x"'),
	tests.item('locked', 1, 's1', jsonb_build_object('chat_id', tests.u(10)))),
	'1 ok, 2 error INVALID_DATA, 3 error INVALID_DATA, 4 ok, 0 quiet', 'no lock key');
select is(rt_private.items_lock(array['platform.chats'], array['id'], array[tests.u(99)]), '{}',
	'what is not there is not held, alone');
select is(rt_private.items_lock(array['platform.chats', 'platform.chats', null], array['id', 'id', null],
	array[tests.u(99), tests.u(10), null]), '{}', 'nor among others');
select is(pg_temp.outcomes(tests.item('locked', 1, 's1', jsonb_build_object('chat_id', tests.u(10))),
	tests.item('locked', 1, 's2', jsonb_build_object('chat_id', tests.u(10)))), '1 ok, 2 ok, 0 quiet',
	'twice the same');

-- durability is the batch's
set local synchronous_commit = 'on';
select is(pg_temp.outcomes(tests.item('async', 1, 's1', '{}'), tests.item('put', 1, 's1', '{"n": 10}')),
	'1 ok, 2 ok, 0 quiet', 'an item that turns synchronous_commit off');
select is(current_setting('synchronous_commit'), 'on', 'does not do so for the batch');
select is(pg_temp.outcomes(tests.item('put', 1, 's1', '{"n": 11}'), tests.item('async', 1, 's1', '{}')),
	'1 ok, 2 ok, 0 quiet', 'nor as the last');
select is(current_setting('synchronous_commit'), 'on', 'either');
set local synchronous_commit = remote_apply;
select is(pg_temp.outcomes(tests.item('async', 1, 's1', '{}')), '1 ok, 0 quiet', 'what the operator set');
select is(current_setting('synchronous_commit'), 'remote_apply', 'stays');
set local synchronous_commit = 'on';
select is(pg_temp.outcomes(tests.item('whisper', 1, 's1', '{}'), tests.item('say', 1, 's1', '{}')),
	'1 ok, 2 ok, 0 published', 'an ephemeral item and another');
select is(current_setting('synchronous_commit'), 'on', 'wait for the WAL');
select is(pg_temp.outcomes(tests.item('whisper', 1, 's1', '{}'), tests.item('whisper', 1, 's1', '{}')),
	'1 ok, 2 ok, 0 published', 'ephemeral items alone');
select is(current_setting('synchronous_commit'), 'off', 'do not');
set local synchronous_commit = 'on';

-- published or quiet
select set_config('bellwire.published', '', true);
select is(pg_temp.outcomes(tests.item('put_fail', 1, 's1', '{"n": 20}'), tests.item('echo', 1, 's1', '{}')),
	'1 error FORBIDDEN, 2 ok, 0 quiet', 'nothing was published');
select tests.mark();
select is(pg_temp.outcomes(tests.item('say', 1, 's1', '{"a": 1}')), '1 ok, 0 published', 'something was');
select is((select array_agg(event || data::text) from tests.sent()), array['said{"a": 1}'], 'namely this');
select set_config('bellwire.published', '', true);
select is((select outcome from rt.dispatch_one(tests.item('say', 1, 's1', '{}')) where ord = 0), 'published',
	'rt.dispatch_one tells it, too');
select is(current_setting('lock_timeout'), '0', 'no setting of the session is changed');

-- acks that several events have in one call
select tests.route('several', $$begin return jsonb_build_object('alone', p_payload -> 'n'); end$$);
create function tests.several_many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[] language plpgsql as $$
declare
	v_acks jsonb[] := array(select jsonb_build_object('together', p -> 'n')
		from unnest(p_payloads) with ordinality u (p, n) order by n);
begin
	return case p_payloads[1] ->> 'as' when 'zero' then '[0:1]={1,2}'::jsonb[] when 'square'
		then array[v_acks[1:1], v_acks[2:2]]
		when 'few' then v_acks[1:1] when 'none' then '{}' when 'null' then null when 'gap'
			then array[v_acks[1], null] else v_acks end;
end $$;
grant execute on function tests.several_many(uuid[], jsonb[]) to bellwire_owner;
select bellwire.ensure_route_many('several', 'tests.several_many');
select is((select string_agg(concat_ws(' ', d.outcome, d.body), ', ' order by d.ord) from rt.dispatch(array[
	tests.item('several', 1, 's1', jsonb_build_object('n', 1, 'as', v)),
		tests.item('several', 1, 's1', '{"n": 2}')]) d where d.ord > 0), acks, 'acks: ' || v)
from (values ('plain', 'ok {"together": 1}, ok {"together": 2}'), ('gap', 'ok {"together": 1}, ok null')) t (v, acks)
union all
select is((select string_agg(concat_ws(' ', d.outcome, d.body), ', ' order by d.ord) from rt.dispatch(array[
	tests.item('several', 1, 's1', jsonb_build_object('n', 1, 'as', v)),
		tests.item('several', 1, 's1', '{"n": 2}')]) d where d.ord > 0),
	'ok {"alone": 1}, ok {"alone": 2}', 'acks that do not fit: ' || v)
from unnest(array['zero', 'square', 'few', 'none', 'null']) v;

-- a function that limits: how long, in the body of the error
select tests.route('limit',
	'begin raise exception using errcode = ''RT429'', message = ''Slower'',
		detail = coalesce(p_payload ->> ''detail'', ''''), hint = coalesce(p_payload ->> ''hint'', ''''); end');
select results_eq($$select d.code, d.body
	from unnest(array['{}', '{"detail": "2500"}', '{"hint": "70"}', '{"detail": "soon"}']) with ordinality p (payload, n),
		rt.dispatch(array[tests.item('limit', 1, 's1', p.payload::jsonb)]) d where d.ord = 1 order by p.n$$,
	$$values ('RATE_LIMIT', '1000'), ('RATE_LIMIT', '2500'), ('RATE_LIMIT', '70'), ('RATE_LIMIT', '1000')$$,
	'RT429 says how long, in DETAIL or HINT; a second where neither does');
select is(rt_private.retry_after_ms('30', '40'), '30', 'of the two, what DETAIL says');
select tests.route('readonly',
	'begin raise exception using errcode = ''25006'', message = ''read-only''; end');
select is((select code from rt.dispatch(array[tests.item('readonly', 1, 's1', '{}')]) where ord = 1), 'UNAVAILABLE',
	'a server that only reads: try again');

-- whether an ack has to wait for the pump
select tests.route('move', 'begin perform rt_private.socket_join(''r''); return ''{}''; end');
create function pg_temp.last(p_event text) returns text language sql as $$
	select body from rt.dispatch(array[tests.item(p_event, 1, 's1', '{}')]) where ord = 0 $$;
select is(pg_temp.last('say'), null, 'events alone move nobody');
select is(pg_temp.last('move'), 'moved', 'a control row does');
select is(rt_private.dispatch_moved(), 'moved', 'and that is known to the end of the transaction');
select is(concat(rt_private.dispatch_begin() || rt_private.dispatch_moved()), '',
	'but of the call before, where there is another');
select tests.route('move_fail', 'begin perform rt_private.socket_join(''r''); raise exception ''no''; end');
select is(pg_temp.last('move_fail'), null, 'not one that was undone');

select * from finish();
rollback;
