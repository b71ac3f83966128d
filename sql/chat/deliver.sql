-- Receipts of messages that arrived. These functions have no search_path of their own: their callers have one.

-- Inlined where it stands in FROM.
create or replace function rt_private.deliveries(p_message_ids uuid[], p_user_ids uuid[])
returns table (message_id uuid, user_id uuid)
language sql stable
as $$
	select m.id, q.user_id
	from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
	cross join lateral (
		select a.id, a.chat_id, a.seq, a.created_at from platform.messages a
		where a.id = q.message_id and a.sender_id <> q.user_id offset 0
	) m
	where (select true from platform.chat_participants p where p.chat_id = m.chat_id and p.user_id = q.user_id)
	-- by the place of the message, which nobody changes, then by user: two of these never wait for each other
	-- crosswise, and receipts are announced in the order of the messages
	order by m.created_at, m.chat_id, m.seq, q.user_id
$$;
comment on function rt_private.deliveries(uuid[], uuid[]) is
	'Those of "message i has arrived at user i" that may have a receipt: no sender has, and no stranger.';

-- Inlined where it stands in FROM.
create or replace function rt_private.deliveries_due(p_message_ids uuid[], p_user_ids uuid[], p_least uuid, p_most uuid)
returns table (message_id uuid, user_id uuid, chat_id uuid, sender_id uuid)
language sql stable
as $$
	select distinct on (m.created_at, m.chat_id, m.seq, coalesce(p_least, q.user_id))
		m.id, q.user_id, m.chat_id, m.sender_id
	from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
	cross join lateral (
		select a.id, a.chat_id, a.seq, a.created_at, a.sender_id from platform.messages a
		where a.id = q.message_id and a.sender_id <> q.user_id offset 0
	) m
	where (select true from platform.chat_participants p where p.chat_id = m.chat_id and p.user_id = q.user_id)
		and (select true from platform.message_receipts o
			where o.message_id = m.id and o.user_id >= coalesce(p_least, q.user_id)
				and o.user_id <= coalesce(p_most, q.user_id) and o.delivered_at is not null
			limit 1) is null
	-- as in deliveries
	order by m.created_at, m.chat_id, m.seq, coalesce(p_least, q.user_id), q.user_id
$$;
comment on function rt_private.deliveries_due(uuid[], uuid[], uuid, uuid) is
	'Those of rt_private.deliveries that are still to be noted, each once. least, most: the bounds of all users, '
	'where one receipt of a message counts; null: each counts.';

-- One statement writes the receipts and announces them, so that it looks at each message and participant once
-- (docs/decisions/0051-one-statement.md); receipts_publish leaves these rows alone, and shares what an event says. The
-- slot is named, as there. Where a trigger of somebody else may change rows before they are written, that one announces
-- them as ever. The mark is set by the scan of the epoch, which comes first, so it also tells what this very snapshot
-- has found: a look afterwards could find the outbox ready only since.
create or replace function rt_private.receipts_write(p_message_ids uuid[], p_user_ids uuid[], p_first boolean)
returns int
language plpgsql volatile
as $$
declare
	v_at    constant timestamptz := clock_timestamp();
	v_slot  constant bigint := rt_private.outbox_turn(v_at);
	v_iso   constant text := rt_private.iso(v_at);
	v_least uuid;
	v_most  uuid;
	v_count int;
	v_mark  text;
begin
	if p_first then
		v_least := '00000000-0000-0000-0000-000000000000';
		v_most := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
	end if;
	v_mark := case when rt_private.may_announce() and not exists (
		select from pg_trigger t -- 2: before, 4: insert; replicated fires for replicated rows alone
		where t.tgrelid = 'platform.message_receipts'::regclass and t.tgtype & 6 = 6
			and t.tgname not in ('receipts_first', 'replicated')
	) then pg_current_xact_id()::text end;
	if v_mark is null then
		return null;
	elsif v_slot = 0 then
		with d as materialized (
			select x.message_id, x.user_id, x.chat_id, x.sender_id, e.n
			from (
				select o.n, p_message_ids as messages from bellwire.epoch o
				where case when rt_private.epoch_holds(o.started, o.watched, v_at)
					then set_config('bellwire.receipts', v_mark, true) <> '' end
				offset 0
			) e
			cross join lateral rt_private.deliveries_due(e.messages, p_user_ids, v_least, v_most) x
		), o as (
			insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data)
			select 0, d.n, v_at, array['user:' || d.sender_id], '{}', 'chat:message:delivered',
				rt_private.delivered_data(d.message_id, d.chat_id, d.user_id, v_iso)
			from d
		)
		insert into platform.message_receipts (message_id, user_id, delivered_at)
		select d.message_id, d.user_id, v_at from d;
	elsif v_slot = 1 then
		with d as materialized (
			select x.message_id, x.user_id, x.chat_id, x.sender_id, e.n
			from (
				select o.n, p_message_ids as messages from bellwire.epoch o
				where case when rt_private.epoch_holds(o.started, o.watched, v_at)
					then set_config('bellwire.receipts', v_mark, true) <> '' end
				offset 0
			) e
			cross join lateral rt_private.deliveries_due(e.messages, p_user_ids, v_least, v_most) x
		), o as (
			insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data)
			select 1, d.n, v_at, array['user:' || d.sender_id], '{}', 'chat:message:delivered',
				rt_private.delivered_data(d.message_id, d.chat_id, d.user_id, v_iso)
			from d
		)
		insert into platform.message_receipts (message_id, user_id, delivered_at)
		select d.message_id, d.user_id, v_at from d;
	else
		with d as materialized (
			select x.message_id, x.user_id, x.chat_id, x.sender_id, e.n
			from (
				select o.n, p_message_ids as messages from bellwire.epoch o
				where case when rt_private.epoch_holds(o.started, o.watched, v_at)
					then set_config('bellwire.receipts', v_mark, true) <> '' end
				offset 0
			) e
			cross join lateral rt_private.deliveries_due(e.messages, p_user_ids, v_least, v_most) x
		), o as (
			insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data)
			select 2, d.n, v_at, array['user:' || d.sender_id], '{}', 'chat:message:delivered',
				rt_private.delivered_data(d.message_id, d.chat_id, d.user_id, v_iso)
			from d
		)
		insert into platform.message_receipts (message_id, user_id, delivered_at)
		select d.message_id, d.user_id, v_at from d;
	end if;
	get diagnostics v_count = row_count;
	if v_count > 0 then
		if rt_private.must_ring() then
			perform pg_notify('bellwire', '');
		end if;
	elsif current_setting('bellwire.receipts', true) is distinct from v_mark then
		return null; -- the first write after a start, a crash, or a time without any edge
	end if;
	v_mark := set_config('bellwire.receipts', '', true);
	return v_count;
exception when unique_violation or foreign_key_violation or sqlstate 'RT403' then
	-- There is a receipt without a delivery; or somebody else writes one, or deletes a message, a user or a participant.
	return null;
end
$$;
comment on function rt_private.receipts_write(uuid[], uuid[], boolean) is
	'Message i has arrived at user i. first: one receipt of a message counts. Writes those that are due and '
	'announces them. Returns how many, and the others may have none, or have one with a delivery; null: nothing was '
	'written, and deliver_each and deliver_first, which leave the events to the trigger, can do it.';

create or replace function rt_private.deliver_each(p_message_ids uuid[], p_user_ids uuid[]) returns int
language plpgsql volatile
as $$
declare
	v_message uuid;
	v_user    uuid;
	v_count   int;
begin
	for attempt in 1..5 loop
		begin
			insert into platform.message_receipts (message_id, user_id, delivered_at)
			select d.message_id, d.user_id, clock_timestamp()
			from rt_private.deliveries(p_message_ids, p_user_ids) d
			on conflict (message_id, user_id) do nothing;
			get diagnostics v_count = row_count;
			exit;
		exception when foreign_key_violation or sqlstate 'RT403' then
			-- A message, a user or a participant was deleted during the statement: try again with the rest.
			if attempt = 5 then
				raise;
			end if;
		end;
	end loop;
	if v_count < cardinality(p_message_ids) then
		-- a receipt that was written without a delivery, or whose delivery was taken back
		for v_message, v_user in
			select m.id, q.user_id
			from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
			cross join lateral (
				select a.id, a.chat_id, a.seq, a.created_at from platform.messages a
				where a.id = q.message_id offset 0
			) m
			where (select d.delivered_at is null from platform.message_receipts d
				where (d.message_id, d.user_id) >= (m.id, q.user_id)
					and (d.message_id, d.user_id) <= (m.id, q.user_id))
			order by m.created_at, m.chat_id, m.seq, q.user_id
		loop
			update platform.message_receipts r set delivered_at = clock_timestamp()
			where r.message_id = v_message and r.user_id = v_user and r.delivered_at is null;
		end loop;
	end if;
	return v_count;
end
$$;
comment on function rt_private.deliver_each(uuid[], uuid[]) is
	'Message i has arrived at user i, whatever the size of its chat. Once per message and recipient; senders, '
	'strangers and what is gone are passed over. Returns how many receipts were written.';

create or replace function rt_private.deliver_first(p_message_ids uuid[], p_user_ids uuid[]) returns setof int
language plpgsql volatile
as $$
declare
	v_messages uuid[];
	v_users    uuid[];
	v_count    int;
begin
	select array_agg(q.message_id), array_agg(q.user_id), count(distinct q.message_id)
	into v_messages, v_users, v_count
	from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
	where (select true from platform.message_receipts d
		where d.message_id = q.message_id and d.delivered_at is not null limit 1) is null;
	if v_count = 0 then
		return;
	elsif v_count < cardinality(v_messages) then -- an edge brings one answer, as a rule
		select array_agg(f.message_id), array_agg(f.user_id) into v_messages, v_users
		from (
			select c.message_id, (array_agg(c.user_id order by c.user_id))[1] as user_id
			from rt_private.deliveries(v_messages, v_users) c
			group by c.message_id
		) f;
	end if;
	if rt_private.deliver_each(v_messages, v_users) = cardinality(p_message_ids) then
		return;
	end if;
	return query
	select q.n::int from unnest(p_message_ids) with ordinality q (message_id, n)
	where (select true from platform.messages m where m.id = q.message_id)
		and (select true from platform.message_receipts d
			where d.message_id = q.message_id and d.delivered_at is not null limit 1) is null;
end
$$;
comment on function rt_private.deliver_first(uuid[], uuid[]) is
	'Message i has arrived at user i, in a large chat: only the first recipient of a message counts. Returns the '
	'numbers of those that count for nothing while none does.';

create or replace function rt_private.deliver(p_message_ids uuid[], p_user_ids uuid[]) returns void
language plpgsql volatile
as $$
declare
	v_max   constant int := rt_private.setting('receipts_max_participants')::int;
	v_large uuid[]; -- messages
begin
	v_large := array(
		select m.id
		from (select distinct k as id from unnest(p_message_ids) k) q
		cross join lateral (select a.id, a.chat_id from platform.messages a where a.id = q.id offset 0) m
		where (select true from platform.chat_participants p where p.chat_id = m.chat_id limit 1 offset v_max));
	if cardinality(v_large) = 0 then
		perform rt_private.deliver_each(p_message_ids, p_user_ids);
		return;
	end if;
	perform rt_private.deliver_each(array_agg(q.message_id), array_agg(q.user_id))
	from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
	where q.message_id <> all(v_large)
	having count(*) > 0;
	perform from (
		select array_agg(q.message_id) as messages, array_agg(q.user_id) as users
		from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
		where q.message_id = any(v_large)
	) l
	cross join lateral rt_private.deliver_first(l.messages, l.users);
end
$$;
comment on function rt_private.deliver(uuid[], uuid[]) is
	'Message i has arrived at user i. In chats above the setting receipts_max_participants only the first '
	'recipient counts.';
