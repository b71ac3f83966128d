-- rt.dispatch_lone: one client event, and a text. That it waits for no lock is in concurrent/locks.mjs, that what it
-- acks has been flushed in concurrent/session.mjs.
-- rt_private.dispatch_lone_compile writes it. Postgres inlines rt_private.lone_begin, lone_end, must_ring_row and
-- dispatch_said, and rt_private.dispatch_lasts of a batch.
begin;
select plan(76);

select tests.users(1, 3);
select tests.chat(10, 1, 2);
create table tests.rows (n int primary key, parent int,
	constraint parent_fkey foreign key (parent) references tests.rows deferrable initially deferred);
grant all on tests.rows to bellwire_owner;
select tests.route('echo', $$begin return jsonb_build_object('user', p_user_id, 'payload', p_payload,
	'socket', rt.socket_id()); end$$);
select tests.route('nothing', 'begin return null; end');
select tests.route('put', $$begin
	insert into tests.rows values ((p_payload ->> 'n')::int, (p_payload ->> 'parent')::int);
	return '{"put": true}'; end$$);
select tests.route('put_fail', $$begin insert into tests.rows values ((p_payload ->> 'n')::int);
	perform rt_private.publish(array['r'], 'unsaid', p_payload);
	raise exception using errcode = 'RT403', message = 'no'; end$$);
select tests.route('fail', $$begin raise exception using errcode = p_payload ->> 'state',
	message = coalesce(p_payload ->> 'message', 'secret'), detail = coalesce(p_payload ->> 'detail', ''); end$$);
select tests.route('say', $$begin perform rt_private.publish(array['r'], 'said', p_payload); return '{}'; end$$);
select tests.route('async', 'begin set local synchronous_commit = off; return ''{}''; end');
select tests.route('whisper', $$begin perform rt_private.publish(array['r'], 'whispered', p_payload,
	p_ephemeral => true); return '{}'; end$$, p_ephemeral => true);
select tests.route('locked', 'begin return ''{}''; end', 'chat_id');
select tests.route('role', 'begin return to_jsonb(array[current_user::text, current_setting(''search_path'')]); end');

-- the parts of an answer, without what is behind an ack; a bar is shown in place of U+001F
create function pg_temp.said(p_answer text) returns text
	language sql as $$ select regexp_replace(translate(p_answer, e'\x1f', '|'), '(?<=[^|])\|{4}[^|]*$', '') $$;
create function pg_temp.lone(p_event text, p_payload jsonb default '{}', p_user int default 1) returns text
	language sql as $$
	select pg_temp.said(rt.dispatch_lone(p_event, tests.u(p_user), 's1', p_payload::text)) $$;
-- what is behind an ack, where nothing had been published before
create function pg_temp.behind(p_event text, p_payload jsonb default '{}') returns text[]
	language plpgsql as $$
begin
	perform set_config('bellwire.published', '', true);
	return string_to_array(split_part(rt.dispatch_lone(p_event, tests.u(1), 's1', p_payload::text), e'\x1f', 8),
		e'\x1e');
end $$;
create function pg_temp.ack(p_event text, p_payload jsonb default '{}') returns jsonb
	language sql as $$ select split_part(pg_temp.lone(p_event, p_payload), '|', 4)::jsonb $$;
select set_config('bellwire.published', '', true), set_config('bellwire.moved', '', true);

-- acks
select is(pg_temp.lone('nothing'), 'quiet||ok|null', 'a function that returns nothing');
select is(pg_temp.ack('echo', '{"a": [1.10]}'),
	jsonb_build_object('user', tests.u(1), 'payload', '{"a": [1.10]}'::jsonb, 'socket', 's1'), 'an ack');
select is(pg_temp.ack('echo', '{"n": 55.755800000000001}') #>> '{payload,n}', '55.755800000000001',
	'numbers stay as they are');
select is(pg_temp.ack('role'), '["bellwire_owner", "pg_catalog, pg_temp"]', 'as the owner, with a pinned search_path');
select is(current_setting('lock_timeout'), '0', 'no setting of the session is changed');

-- failures
select is(pg_temp.lone('put', '{"n": 1}'), 'quiet||ok|{"put": true}', 'a row');
select is(pg_temp.lone('put_fail', '{"n": 2}'), 'quiet||error||FORBIDDEN|no|RT403|no', 'a refusal undoes its own');
select matches(pg_temp.lone('put', '{"n": 1}'), '^quiet\|\|error\|\|INVALID_DATA\|Invalid data\|23505\|',
	'a key that is there');
select matches(pg_temp.lone('put', '{"n": 6, "parent": 77}'), '^quiet\|\|error\|\|INVALID_DATA\|Invalid data\|23503\|',
	'a deferred constraint');
select is((select array_agg(n) from tests.rows), '{1}', 'only the first row is there');
select is_empty($$select from bellwire.outbox o where o.xid = pg_current_xact_id() and o.event = 'unsaid'$$,
	'and nothing is announced');
select matches(translate(rt.dispatch_lone('echo', tests.u(1), 's1', p), e'\x1f', '|'),
	'^quiet\|\|error\|\|INVALID_DATA\|[^|]*\|(RT400|22...)\|', 'no payload: ' || coalesce(left(p, 20), 'null'))
from unnest(array['x', '5', 'null', '[]', '', null, '{"a": "\u0000"}', '{"a": 1e999999}',
	'{"a": ' || repeat('[', 20000) || repeat(']', 20000) || '}']) p;
select is(translate(rt.dispatch_lone(e, tests.u(1), 's1', '{}'), e'\x1f', '|'),
	'quiet||error||INVALID_DATA|Unknown event|RT400|Unknown event', 'no event: ' || coalesce(e, 'null'))
from unnest(array['unheard', '', null]) e;
-- the form of an edge of an earlier version
select is(pg_temp.said(rt.dispatch_lone(tests.item('echo', 1, 's1', '{"a": 1}'))),
	pg_temp.lone('echo', '{"a": 1}'), 'an item that is one text');
select matches(translate(rt.dispatch_lone(i), e'\x1f', '|'), '^quiet\|\|error\|\|INVALID_DATA\|[^|]*\|(RT400|22...)\|',
	'no item: ' || coalesce(left(i, 20), 'null'))
from unnest(array['x', '5', 'null', '[]', '{}', null, tests.item('echo', 1, 's1', '[]'),
	tests.item('unheard', 1, 's1', '{}'),
	'{"event": "echo", "socket_id": "s1", "payload": {"a": "\u0000"}}',
	'{"event": "echo", "socket_id": "s1", "payload": {"a": 1e999999}}',
	'{"event": "echo", "payload": {"a": ' || repeat('[', 20000) || repeat(']', 20000) || '}}']) i;
select is(pg_temp.lone('fail', jsonb_build_object('state', s)),
	concat('quiet||error||', c, '|', t, '|', s, '|secret'), s || ': ' || c)
from (values ('RT404', 'CHAT_NOT_FOUND', 'secret'), ('22001', 'INVALID_DATA', 'Invalid data'),
	('53100', 'UNAVAILABLE', 'Try again')) t (s, c, t);
select matches(pg_temp.lone('fail', '{"state": "P0001", "message": "the cause"}'),
	'^quiet\|\|error\|\|INTERNAL\|Internal error [0-9a-f]{12}\|P0001\|the cause\n.*PL/pgSQL function tests.fail',
	'detail is for the log');
select is(pg_temp.lone('fail', '{"state": "RT429", "detail": "2500"}'),
	'quiet||error|2500|RATE_LIMIT|secret|RT429|secret', 'how long to wait');
select is(pg_temp.lone('fail', '{"state": "RT400", "message": "a\u001fb"}'),
	'quiet||error||INVALID_DATA|a b|RT400|a|b', 'a separator in a message makes no further part');
select is(pg_temp.lone('fail', jsonb_build_object('state', s)), 'quiet||deferred|||||', s || ': to be tried again')
from unnest(array['40001', '40P01', '55P03']) s;

-- the same as a batch says
select is(
	(select array[d.outcome, d.body, d.code, d.message, d.sqlstate, d.detail]
		from rt.dispatch(array[tests.item(e, 1, 's1', p)]) d where d.ord = 1),
	(select array_agg(nullif(r.part, '') order by r.n)
		from unnest(string_to_array(pg_temp.lone(e, p), '|') || array['', '', '', ''])
			with ordinality r (part, n)
		where r.n between 3 and 8), 'as in a batch: ' || e)
from (values ('echo', '{"a": 1}'::jsonb), ('nothing', '{}'), ('put_fail', '{"n": 3}'), ('unheard', '{}'),
	('fail', '{"state": "RT429", "detail": "7"}'), ('fail', '{"state": "40001"}'),
	('chat:message:send', '{"chat_id": 5}'), ('chat:message:send', jsonb_build_object('chat_id', tests.u(99),
	'type', 'text', 'content', 'x'))) t (e, p);

-- lock keys
select is(pg_temp.lone('locked', jsonb_build_object('chat_id', v)), 'quiet||ok|{}', 'lock key ' || v::text)
from unnest(array['"x"', 'null', to_jsonb(tests.u(99))::text, upper(to_jsonb(tests.u(10))::text)]::jsonb[]) v;

-- what it published
select is(pg_temp.lone('say', '{"a": 1}'), 'published||ok|{}', 'something was published');
select is((select count(*) from bellwire.outbox o where o.xid = pg_current_xact_id() and o.event = 'said'), 1::bigint,
	'namely this');
select set_config('bellwire.published', '', true);
select is(pg_temp.lone('chat:join', jsonb_build_object('chat_id', tests.u(10))) like 'published|moved|ok|%', true,
	'rooms moved');
select set_config('bellwire.moved', '', true);

-- the one row that it wrote, for the edge to deliver
select tests.route('twice', $$begin perform rt.chat_message_send(p_user_id, p_payload) from generate_series(1, 2);
	return '{}'; end$$);
select tests.route('undone', $$begin
	begin
		perform rt.chat_message_send(p_user_id, p_payload);
		raise division_by_zero;
	exception when division_by_zero then null; end;
	return '{}'; end$$);
select tests.route('undone_first', $$begin
	begin
		perform rt_private.publish(array['r'], 'said', p_payload);
		raise division_by_zero;
	exception when division_by_zero then null; end;
	return rt.chat_message_send(p_user_id, p_payload); end$$);
select tests.route('before', $$begin perform rt_private.publish(array['r'], 'said', p_payload);
	return rt.chat_message_send(p_user_id, p_payload); end$$);
select tests.route('after', $$begin perform rt.chat_message_send(p_user_id, p_payload);
	perform rt_private.publish(array['r'], 'said', p_payload); return '{}'; end$$);
select tests.route('after_many', $$begin perform rt.chat_message_send(p_user_id, p_payload);
	perform rt_private.publish_each(array['r'], array['said'], array[p_payload]); return '{}'; end$$);
select tests.route('after_twin', $$begin perform rt.chat_message_send(p_user_id, p_payload);
	perform rt_private.publish(array['r'], 'said', p_payload, p_ephemeral => true); return '{}'; end$$);
create function pg_temp.message() returns jsonb language sql as
	$$ select jsonb_build_object('chat_id', tests.u(10), 'type', 'text', 'content', 'x') $$;
create temporary table behind as select pg_temp.behind(e, pg_temp.message()) as part
	from unnest(array['chat:message:send', 'undone_first']) e;
select ok(pg_visible_in_snapshot('3', b.part[1]::pg_snapshot), 'the last snapshot of the transaction') from behind b;
select is(b.part[2:5] || b.part[7:], (
	select array[o.xid::text, o.xmin::text, o.id::text, o.epoch::text, o.rooms[1], o.event, o.data::text,
		o.confirm::text]
	from bellwire.outbox o where o.id = b.part[4]::bigint), 'the row') from behind b;
select is(b.part[6]::bigint, (extract(epoch from o.at) * 1000000)::bigint, 'its time') from behind b
	join bellwire.outbox o on o.id = b.part[4]::bigint;
select is((pg_temp.behind(e, pg_temp.message()))[2:], array[pg_current_xact_id()::text],
	'not one row alone: ' || e)
from unnest(array['twice', 'before', 'after', 'after_many', 'after_twin', 'say']) e;
select is((pg_temp.behind(e, pg_temp.message()))[2:], array[''], 'no row: ' || e)
from unnest(array['undone', 'echo']) e;
select is(strpos(rt.dispatch_lone('put_fail', tests.u(1), 's1', '{"n": 9}'), e'\x1e'), 0, 'no row: an error');

select set_config('bellwire.published', '', true), set_config('bellwire.moved', '', true);

-- durability is the call's
set local synchronous_commit = 'on';
select is(pg_temp.lone('async') || current_setting('synchronous_commit'), 'quiet||ok|{}on',
	'an item that turns synchronous_commit off does not do so for its ack');
select is(pg_temp.lone('whisper', '{"a": 1}') || current_setting('synchronous_commit'), 'published||ok|{}off',
	'what may be lost does not wait');

select * from finish();
rollback;
