-- Unread messages, counted exactly. Runs of messages that a user has read are noted in bellwire.read_marks and not
-- looked at again (docs/decisions/0008-unread.md).

create or replace function rt_private.unread_look() returns int
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 500 $$;
comment on function rt_private.unread_look() is
	'The number of messages of a chat that rt.get_chats looks at before it calls unread_far.';

create or replace function rt_private.unread_far(p_user_id uuid, p_chat_id uuid, p_joined_at timestamptz) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp set jit = off set enable_memoize = off
as $$
declare
	v_looked bigint;
	v_unread bigint;
begin
	-- The query is planned for these values: either a list of all messages that the user has read, or a look-up for
	-- each message. It goes range by range, as in rt.get_chats. Each message comes once, so there is nothing to
	-- memoize.
	execute $q$
		with k as (
			select k.runs, k.rest from bellwire.read_marks k
			where k.user_id = $1 and k.chat_id = $2 and k.since <= $3 and k.n = (select s.last_value from bellwire.read_marks_n s)
		)
		select count(*) - coalesce((select k.rest from k), 0), count(*) filter (where m.sender_id <> $1 and m.created_at >= $3 and r.message_id is null)
		from unnest('{(,)}'::int8multirange - coalesce((select k.runs from k), '{}')) g
		cross join lateral (
			select o.id, o.sender_id, o.created_at from platform.messages o
			where o.chat_id = $2 and o.seq >= coalesce(lower(g), -9223372036854775808) and o.seq <= coalesce(upper(g) - 1, 9223372036854775807)
			offset 0
		) m
		left join platform.message_receipts r on r.message_id = m.id and r.user_id = $1 and r.read_at is not null
	$q$ into v_looked, v_unread using p_user_id, p_chat_id, p_joined_at;
	if v_looked - v_unread >= rt_private.unread_look() then
		perform rt_private.read_marks_write(p_user_id, p_chat_id, p_joined_at);
	end if;
	return v_unread;
end
$$;
comment on function rt_private.unread_far(uuid, uuid, timestamptz) is
	'The number of unread messages in a chat where many must be looked at. Notes what was read, so that the next '
	'look is shorter.';

create or replace function rt_private.read_marks_write(p_user_id uuid, p_chat_id uuid, p_joined_at timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set jit = off set enable_memoize = off
as $$
declare
	c_run  constant int := rt_private.unread_look() / 5; -- a shorter run costs more than it spares
	v_runs int8multirange;
	v_rest bigint;
	v_n    bigint;
begin
	-- No marks are written where a statement does not see what was committed before it, where nothing may be
	-- written, or where this transaction itself imports.
	if current_setting('transaction_isolation') <> 'read committed' or current_setting('transaction_read_only') = 'on'
		or current_setting('bellwire.read_marks_void', true) = pg_current_xact_id_if_assigned()::text then
		return;
	end if;
	begin
		-- A transaction that makes something unread holds this table in row exclusive mode, from before its
		-- change can be seen until its end. With this lock there is no such transaction, and a later one waits
		-- and then sees the row. One writer at a time gets the lock; others give up, so that none waits for
		-- another.
		lock table bellwire.read_marks in share row exclusive mode nowait;
	exception when lock_not_available then
		return;
	end;
	v_n := (select s.last_value from bellwire.read_marks_n s);
	select k.runs into v_runs
	from bellwire.read_marks k where k.user_id = p_user_id and k.chat_id = p_chat_id and k.since <= p_joined_at and k.n = v_n;
	execute $q$
		with m as (
			select m.seq, m.sender_id <> $1 and m.created_at >= $3 and r.message_id is null as unread
			from unnest('{(,)}'::int8multirange - $4) g
			cross join lateral (
				select o.id, o.seq, o.sender_id, o.created_at from platform.messages o
				where o.chat_id = $2 and o.seq >= coalesce(lower(g), -9223372036854775808) and o.seq <= coalesce(upper(g) - 1, 9223372036854775806)
				offset 0
			) m
			left join platform.message_receipts r on r.message_id = m.id and r.user_id = $1 and r.read_at is not null
		), runs as (
			select min(i.seq) as first, max(i.seq) as last, count(*) as messages
			from (select m.seq, m.unread, count(*) filter (where m.unread) over (order by m.seq) as n from m) i
			where not i.unread group by i.n
		)
		select $4 + coalesce(range_agg(int8range(r.first, r.last, '[]')) filter (where r.messages >= $5), '{}'),
			coalesce(sum(r.messages) filter (where r.messages < $5), 0)
		from runs r
	$q$ into v_runs, v_rest using p_user_id, p_chat_id, p_joined_at, coalesce(v_runs, '{}'), c_run;
	-- A user or a message that is being deleted is skipped, so that nothing is waited for.
	insert into bellwire.read_marks as k (user_id, chat_id, runs, since, upto, n, rest)
	select u.id, m.chat_id, v_runs, p_joined_at, m.id, v_n, v_rest
	from platform.messages m, platform.users u
	where m.chat_id = p_chat_id and m.seq = coalesce(upper(v_runs) - 1, (select max(l.seq) from platform.messages l where l.chat_id = p_chat_id))
		and u.id = p_user_id
	for key share skip locked
	on conflict (user_id, chat_id) do update
		set runs = excluded.runs, since = excluded.since, upto = excluded.upto, n = excluded.n, rest = excluded.rest;
end
$$;
comment on function rt_private.read_marks_write(uuid, uuid, timestamptz) is
	'Writes down where the user has read everything, if nothing stands in the way.';

create or replace function rt_private.read_marks_void() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if current_setting('bellwire.read_marks_void', true) is distinct from pg_current_xact_id()::text then
		perform set_config('bellwire.read_marks_void', pg_current_xact_id()::text, true);
		lock table bellwire.read_marks in row exclusive mode;
		perform nextval('bellwire.read_marks_n');
	end if;
end
$$;
comment on function rt_private.read_marks_void() is
	'This transaction may do anything to messages and receipts: the present read_marks become void, and none is '
	'written until it ends.';
