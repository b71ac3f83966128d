-- Unread messages, counted exactly. Where a user has read everything, bellwire.read_marks says so, and nobody looks
-- there again (docs/decisions/0008-unread.md).

create or replace function rt_private.unread_look() returns int
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 500 $$;
comment on function rt_private.unread_look() is 'So many messages rt.get_chats looks at in a chat before it leaves it to unread_far.';

create or replace function rt_private.unread_far(p_user_id uuid, p_chat_id uuid, p_joined_at timestamptz) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp set jit = off set enable_memoize = off
as $$
declare
	v_looked bigint;
	v_unread bigint;
begin
	-- The plan is made for these values: a list of what the user has read beside a large chat, or a look-up for each message. Range
	-- by range, as in rt.get_chats; each message comes once, so there is nothing to memoize.
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
	'The number of unread messages in a chat, where many must be looked at; sees to it that it will be fewer the next time.';

create or replace function rt_private.read_marks_write(p_user_id uuid, p_chat_id uuid, p_joined_at timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set jit = off set enable_memoize = off
as $$
declare
	c_run  constant int := rt_private.unread_look() / 5; -- a shorter run costs more than it spares
	v_runs int8multirange;
	v_rest bigint;
	v_n    bigint;
begin
	-- Each statement must see what was committed before it; an import of this transaction's own may go on; and whoever cannot write
	-- may still read.
	if current_setting('transaction_isolation') <> 'read committed' or current_setting('transaction_read_only') = 'on'
		or current_setting('bellwire.read_marks_void', true) = pg_current_xact_id_if_assigned()::text then
		return;
	end if;
	begin
		-- Whoever makes something unread has this table in row exclusive mode, from before that can be seen until the end: now there is
		-- nobody, and who comes waits and then sees the row. One writer at a time, so that none waits for another.
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
	-- Who is being deleted, or whose message is, has none: nothing is waited for.
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
	'This transaction may do anything to messages and receipts: until it ends no read_marks are written, and those that are there count no more.';
