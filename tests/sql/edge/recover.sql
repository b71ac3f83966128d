-- Recovery: private ids and their sockets, the rows for an offset, and each cause of a refusal (docs/recovery.md).
begin;
select plan(87);

select is(rt_private.recovery_pid('é'), sha256('\xc3a9'), 'a private id is kept as the hash of its UTF-8');
select tests.users(1, 4);

---------------------------------------------------------------------------------------------------- privileges
select ok(has_function_privilege('bellwire_edge', f, 'execute'), 'the edge may: ' || f)
	from unnest(array['rt.recovery_key()', 'rt.recover(text[])']) f;
select ok(not has_function_privilege(r, f, 'execute'), r || ' may not: ' || f)
from unnest(array['rt.recovery_key()', 'rt.recover(text[])', 'rt_private.recovery_take(uuid, text, text, boolean)']) f,
	unnest(array['bellwire_service', 'public']) r;
select ok(not has_table_privilege(r, t, 'select, insert, update, delete, truncate'), r || ': nothing on ' || t)
from unnest(array['bellwire.recovery_key', 'bellwire.recoveries']) t,
	unnest(array['bellwire_edge', 'bellwire_service', 'public']) r;

select matches(rt.recovery_key(), '^[0-9a-f]{64}$', 'a key of 32 bytes');
select is((select count(*) from bellwire.recovery_key), 1::bigint, 'one for all');
select throws_ok($$ insert into bellwire.recovery_key (key) select key from bellwire.recovery_key $$, '23505', null,
	'and there cannot be two');

------------------------------------------------------------------------------------------------------- sockets
select tests.edge(99);
create function pg_temp.open(p_socket text, p_user int, p_pid text) returns boolean language sql as $$
	select ok from rt.socket_open(tests.u(99), array[
		(jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user), 'recovery', false)
			|| case when p_pid is null then '{}' else jsonb_build_object('pid', p_pid) end)::text])
$$;
create function pg_temp.close(p_socket text, p_user int, p_more jsonb) returns void language sql as $$
	select rt.socket_close(tests.u(99),
		array[(jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user), 'clean', false)
		|| p_more)::text])
$$;
create function pg_temp.holder(p_pid text) returns text language sql as $$
	select r.socket_id || coalesce(' ' || nullif(array_to_string(r.former, ','), ''), '') from bellwire.recoveries r
		where r.pid = sha256(p_pid::bytea)
$$;

select pg_temp.open('plain', 1, null);
select is((select count(*) from bellwire.recoveries), 0::bigint, 'who does not ask has no row');
select pg_temp.open('s1', 1, 'pid one');
select is(pg_temp.holder('pid one'), 's1', 'who asks has one, by a digest of its id');
select pg_temp.open('s1', 1, 'pid one');
select is((select count(*) from bellwire.recoveries), 1::bigint, 'opened again after a lost answer: one');
update platform.users set disabled_at = now() where id = tests.u(4);
select is(pg_temp.open('s4', 4, 'pid four'), false, 'a disabled user');
select is(pg_temp.holder('pid four'), null, 'has none');
select pg_temp.close('s1', 1, '{}');
select is(pg_temp.holder('pid one'), 's1', 'a lost connection can be recovered');
select pg_temp.close('s1', 1, '{"clean": true}');
select is(pg_temp.holder('pid one'), null, 'a clean end cannot');
select pg_temp.open('s1', 1, 'pid one');
select pg_temp.close('s1', 1, '{"over": true}');
select is(pg_temp.holder('pid one'), null, 'nor can what ended for good');

--------------------------------------------------------------------------------------------------------- taking
select pg_temp.open('s1', 1, 'pid one');
select pg_temp.open('s2', 1, 'pid two');
select tests.mark();
select is(rt_private.recovery_take(tests.u(2), 'pid one', 's2', false), null, 'not another user''s');
select is(rt_private.recovery_take(tests.u(1), 'pid none', 's2', false), null, 'none that is not known');
select is(rt_private.recovery_take(tests.u(1), 'pid one', 's2', true), null, 'not again what it has not');
select is((select count(*) from tests.sent()), 0::bigint, 'and nobody is ended for it');
select is(rt_private.recovery_take(tests.u(1), 'pid one', 's2', false), array['s1'], 'taken: the sockets before');
select is(pg_temp.holder('pid one'), 's2 s1', 'it changes hands');
select is(pg_temp.holder('pid two'), null, 'the one that was given for the new connection goes');
select results_eq($$ select control, data from tests.sent() $$, $$
	values ('socket_kick', '{"socket_id": "s1"}'::jsonb) $$, 'the old socket is ended');
select is(rt_private.recovery_take(tests.u(1), 'pid one', 's2', true), array['s1'], 'again');
select is((select count(*) from tests.sent()), 1::bigint, 'which ends nobody');
select pg_temp.close('s1', 1, '{"over": true}');
select is(pg_temp.holder('pid one'), 's2 s1', 'the end of the old one costs nothing');
select is(cardinality(rt_private.recovery_take(tests.u(1), 'pid one', 'n' || n, false)), least(n + 1, 9),
	'at most eight before are known') from generate_series(1, 12) n;
select is(pg_temp.holder('pid one'), 'n12 n4,n5,n6,n7,n8,n9,n10,n11', 'the latest');

------------------------------------------------------------------------------------------------------- sweeping
select pg_temp.open('live', 1, 'pid live');
select pg_temp.open('lost', 1, 'pid lost');
delete from bellwire.sockets where socket_id = 'lost';
select rt_private.recovery_sweep();
select is((select array_agg(socket_id order by socket_id) from bellwire.recoveries where ended_at is null),
	array['live'], 'missed first');
delete from bellwire.sockets where socket_id = 'live';
select rt_private.recovery_sweep();
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('live', tests.u(99), tests.u(1));
select rt_private.recovery_sweep();
select is((select ended_at from bellwire.recoveries where socket_id = 'live'), null,
	'a crash empties the sockets, and they are entered again');
update bellwire.recoveries set ended_at = clock_timestamp() - interval '230 seconds' where socket_id = 'lost';
select rt_private.recovery_sweep();
select is(pg_temp.holder('pid lost'), 'lost', 'kept as long as an offset is taken');
update bellwire.recoveries set ended_at = clock_timestamp() - interval '241 seconds' where socket_id = 'lost';
select rt_private.recovery_sweep();
select is(pg_temp.holder('pid lost'), null, 'then forgotten');

----------------------------------------------------------------------------------------------- what was missed
-- Rows of other transactions: those of this one are given earlier xids. The offset's snapshot sees what is below
-- `base`.
delete from bellwire.recoveries;
delete from bellwire.outbox;
create temp table base as select pg_current_xact_id()::text::bigint - 50 as x;
create function pg_temp.age(p_n int) returns void language sql as $$
	update bellwire.outbox set xid = ((select x from base) + p_n)::text::xid8 where xid = pg_current_xact_id()
$$;
create function pg_temp.recover(p_socket text, p_more jsonb default '{}', p_user int default 1) returns setof record
	language sql as $$
	select r.what, coalesce(r.event, r.control), case when r.what = 'rooms'
		then to_jsonb(array(select unnest(string_to_array(r.rooms, e'\n')) x order by 1))
		when r.what = 'no' then to_jsonb(r.data)
		when r.what = 'ok' then (
			select jsonb_agg(coalesce(o.event, o.control) order by i.n)
			from unnest(string_to_array(r.data, e'\n')::bigint[]) with ordinality i (id, n)
			left join bellwire.outbox o on o.id = i.id)
		when r.data is not null then r.data::jsonb end
	from rt.recover(array[(jsonb_build_object('user_id', tests.u(p_user), 'socket_id', p_socket, 'pid', 'pid',
		'fresh', 'fresh ' || p_socket, 'again', false, 'from_socket', 'old',
		'from', (select x || ':' || x || ':' from base), 'epoch',
		left(encode(sha256(rt_private.epoch_text()::bytea), 'hex'), 16),
		'issued_us', (extract(epoch from clock_timestamp()) * 1000000)::bigint, 'chats', '[]'::jsonb,
		'upto', (select x + 40 || ':' || x + 40 || ':' from base), 'upto_epoch', rt_private.epoch_text())
		|| p_more)::text]) r
$$;
create function pg_temp.outcome(p_socket text, p_more jsonb default '{}', p_user int default 1) returns text
	language sql as $$
	select case o.what when 'ok' then 'ok' else o.data #>> '{}' end
		from pg_temp.recover(p_socket, p_more, p_user) o (what text, name text, data jsonb)
		where o.what in ('ok', 'no')
$$;

select tests.chat(10, 1, 2);
select tests.chat(11, 2);
select tests.chat(12, 1, 2);
select pg_temp.age(-1); -- before the offset
select pg_temp.open('old', 1, 'pid');
select rt.emit(array['participants:' || tests.u(10)], 'before', '{}');
select pg_temp.age(-1);
select rt.emit(array['participants:' || tests.u(10)], 'mine', '{"n": 1}');
select rt.emit(array['participants:' || tests.u(11)], 'not yet', '{}');
select rt.emit(array['participants:' || tests.u(3)], 'others', '{}');
select rt.emit(null, 'everyone', '{}');
select rt.emit(array['user:' || tests.u(1)], 'gone with the wind', '{}', '{}', true);
insert into platform.chat_participants (chat_id, user_id) values (tests.u(11), tests.u(1)), (tests.u(11), tests.u(3));
select pg_temp.age(3);
select rt.emit(array['participants:' || tests.u(11)], 'now', '{}');
select rt.emit(array['chat:' || tests.u(12)], 'on screen', '{}');
delete from platform.chat_participants
	where (chat_id, user_id) in ((tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)));
select rt.emit(array['participants:' || tests.u(10)], 'not any more', '{}');
select set_config('bellwire.socket_id', 'old', true);
select rt_private.socket_join('chat:' || tests.u(12));
select set_config('bellwire.socket_id', 'another', true);
select rt_private.socket_join('chat:' || tests.u(12));
select set_config('bellwire.socket_id', '', true);
select rt.emit(array['old'], 'to the socket', '{}');
select pg_temp.age(5);
select rt.emit(array['user:' || tests.u(1)], 'in flight', '{}');
select pg_temp.age(7);
select rt.emit(array['user:' || tests.u(1)], 'after', '{}');
select pg_temp.age(41);

select results_eq($$ select what, name, data from pg_temp.recover('new', '{}') r (what text, name text, data jsonb) $$,
	$$ values
	('rooms', null, jsonb_build_array('participants:' || tests.u(10), 'participants:' || tests.u(12), 'user:'
	|| tests.u(1))),
	('row', 'mine', '{"n": 1}'::jsonb),
	('row', 'not yet', '{}'), -- the edge walks: it is before the join
	('row', 'everyone', '{}'),
	('row', 'user_join', jsonb_build_object('user_id', tests.u(1), 'room', 'participants:' || tests.u(11))),
	('row', 'now', '{}'),
	('row', 'on screen', '{}'), -- before the join, too
	('row', 'user_leave', jsonb_build_object('user_id', tests.u(1), 'room', 'participants:' || tests.u(10))),
	('row', 'user_leave', jsonb_build_object('user_id', tests.u(1), 'room', 'chat:' || tests.u(10))),
	('row', 'not any more', '{}'),
	('row', 'socket_join', jsonb_build_object('socket_id', 'old', 'room', 'chat:' || tests.u(12))),
	('row', 'to the socket', '{}'),
	('row', 'in flight', '{}'),
	('ok', null, jsonb_build_array('mine', 'not yet', 'everyone', 'user_join', 'now', 'on screen', 'user_leave',
		'user_leave', 'not any more', 'socket_join', 'to the socket', 'in flight'))
	$$, 'rooms of then, and in order what may concern it since, with the ids of these rows');
select is(pg_temp.holder('pid'), 'new old', 'and the id is the new socket''s');
select is((select count(*)
	from pg_temp.recover('new',
	jsonb_build_object('again', true, 'upto',
	(select format('%s:%s:%s', x + 7, x + 42, x + 7) from base))) r (what text, name text, data jsonb)
	where name in ('in flight', 'after')), 1::bigint, 'up to a snapshot: not what is in flight in it');
select is((select array_agg(name)
	from pg_temp.recover('new',
	jsonb_build_object('again', true, 'from',
	(select format('%s:%s:%s', x + 5, x + 8, x + 5) from base))) r (what text, name text, data jsonb)
	where name is not null),
		array['now', 'on screen', 'user_leave', 'user_leave', 'not any more', 'socket_join', 'to the socket'],
		'from a snapshot: what was in flight in it');

---------------------------------------------------------------------------------------------------- presence
select rt.emit(array['user:' || tests.u(1)], e, jsonb_build_object('user_id', u))
	from (values ('user:online', 2), ('user:offline', 2), ('user:online', 3), ('user:online', 2)) v (e, u);
select pg_temp.age(9);
select results_eq($$ select name, data
	from pg_temp.recover('new', '{"again": true}') r (what text, name text, data jsonb) where name ~ '^user:' $$,
	$$ values ('user:online', '{"user_id": 3}'::jsonb), ('user:online', '{"user_id": 2}') $$,
		'of presence the last word about each');

------------------------------------------------------------------------------------------------ reasons not to
create function pg_temp.refused(p_why text, p_more jsonb, p_name text) returns setof text language plpgsql as $$
begin
	delete from bellwire.recoveries;
	perform pg_temp.open('old', 1, 'pid'), pg_temp.open('new', 1, 'fresh new');
	return next is(pg_temp.outcome('new', p_more), p_why, p_name);
	return next is(pg_temp.holder('fresh new'), 'new', '  it begins anew: ' || p_name);
end
$$;
select pg_temp.refused('pid', '{"pid": "pid of nobody"}', 'an id that is not known');
select pg_temp.refused('pid', '{"from_socket": "s77"}', 'an offset of a socket that the id never had');
select pg_temp.refused('epoch', '{"epoch": "0011223344556677"}',
	'another system, timeline or an epoch that is not known');
select pg_temp.refused('epoch', '{"upto_epoch": "1.00000001/1.x"}', 'Postgres crashed since the pump looked');
select pg_temp.refused('age',
	jsonb_build_object('issued_us', (extract(epoch from clock_timestamp()) * 1000000)::bigint - 241000000),
	'too old');
update bellwire.outbox_state set dropped = (select format('%s:%s:', x + 1, x + 1) from base)::pg_snapshot;
select pg_temp.refused('dropped', '{}', 'the outbox may not have it any more');
update bellwire.outbox_state set dropped = (select format('%s:%s:', x, x) from base)::pg_snapshot;
select is(pg_temp.outcome('new', '{"again": true, "pid": "fresh new", "from_socket": "new"}'), 'pid',
	'an offset of no socket before');
select rt_private.rooms_stale(array[tests.u(2)]);
select pg_temp.age(11);
delete from bellwire.recoveries;
select pg_temp.open('old', 1, 'pid');
select is(pg_temp.outcome('new'), 'ok', 'rooms of others were read again');
select rt_private.rooms_stale(array[tests.u(2), tests.u(1)]);
select pg_temp.age(11);
select pg_temp.refused('rooms', '{}', 'rooms were read again');
delete from bellwire.outbox where control = 'rooms_stale';
select rt_private.rooms_stale(null);
select pg_temp.age(11);
select pg_temp.refused('rooms', '{}', 'rooms of everyone were read again');
delete from bellwire.outbox where control = 'rooms_stale';
select rt_private.user_kick(tests.u(1), 'disabled');
select pg_temp.age(11);
select pg_temp.refused('rooms', '{}', 'the user was ended');
delete from bellwire.outbox where control = 'user_kick';
savepoint many;
select rt.emit(array['user:' || tests.u(1)], 'many', '{}') from generate_series(1, 501);
select pg_temp.age(11);
select pg_temp.refused('size', '{}', 'more than 500 events');
rollback to many;
select rt.emit(array['user:' || tests.u(1)], 'large', jsonb_build_object('x', repeat('x', 250000)))
	from generate_series(1, 5);
select pg_temp.age(11);
select pg_temp.refused('size', '{}', 'more than a megabyte');
rollback to many;
insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data) select 0, rt_private.epoch_n(),
	array['elsewhere'], '{}', 'x', '{}' from generate_series(1, 20001);
select pg_temp.age(11);
select pg_temp.refused('size', '{}', 'too much to look through');
rollback to many;
delete from bellwire.recoveries;
select pg_temp.open('old', 1, 'pid');
update platform.users set disabled_at = now() where id = tests.u(1);
select is(pg_temp.outcome('new'), 'user', 'a user who may not');
update platform.users set disabled_at = null where id = tests.u(1);
select pg_temp.age(-1);

-- several at once, each with its own answer
delete from bellwire.recoveries;
select pg_temp.open('old', 1, 'pid'), pg_temp.open('theirs', 2, 'another pid');
select results_eq($$
	select r.ord, r.what, r.data from rt.recover((
		select array_agg((jsonb_build_object('user_id', tests.u(n), 'socket_id', 'new ' || n, 'pid', v.pid,
			'fresh', 'fresh ' || n, 'again', false,
			'from_socket', v.was, 'from', (select x + 30 || ':' || x + 30 || ':' from base), 'epoch',
			left(encode(sha256(rt_private.epoch_text()::bytea), 'hex'), 16),
			'issued_us', (extract(epoch from clock_timestamp()) * 1000000)::bigint, 'chats', '[]'::jsonb,
			'upto', (select x + 40 || ':' || x + 40 || ':' from base), 'upto_epoch',
			rt_private.epoch_text()))::text order by n)
		from (values (1, 'pid', 'old'), (2, 'another pid', 'theirs'), (3, 'pid of nobody', 'x')) v (n, pid,
			was))) r
	where r.what <> 'rooms' order by r.ord $$, $$ values (1, 'ok', null), (2, 'ok', null), (3, 'no', 'pid') $$,
		'several in one call');
select * from finish();
rollback;
