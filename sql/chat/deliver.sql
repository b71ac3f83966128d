-- Receipts of messages that arrived. These functions have no search_path of their own: their callers have one.

-- Both are inlined where they stand in FROM.
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

create or replace function rt_private.delivered_event(p_message_id uuid, p_user_id uuid, p_iso text)
returns table (rooms text[], data jsonb)
language sql stable
as $$
	select array['user:' || m.sender_id],
		jsonb_object(array['message_id', p_message_id::text, 'chat_id', m.chat_id::text,
			'delivered_to', p_user_id::text, 'delivered_at', p_iso])
	from (select a.chat_id, a.sender_id from platform.messages a where a.id = p_message_id offset 0) m
$$;
comment on function rt_private.delivered_event(uuid, uuid, text) is
	'chat:message:delivered of a receipt: the rooms and the data.';

-- The statement that writes the receipts announces them as well, in place of the trigger receipts_publish: it has seen
-- messages and participants, and a batch is hundreds of receipts. Each slot of the outbox is named, as in
-- rt_private.outbox_insert. Where that is not all, it leaves the announcement to the trigger: somebody's trigger has
-- changed a receipt or written a message, or nobody looks after the outbox at present.
create or replace function rt_private.deliver_once(p_message_ids uuid[], p_user_ids uuid[], p_together boolean)
returns int
language plpgsql volatile
as $$
declare
	v_at    constant timestamptz := clock_timestamp();
	v_slot  constant bigint := rt_private.outbox_turn(v_at);
	v_iso   constant text := rt_private.iso(v_at);
	v_count int;
	v_plain int;
	v_ready boolean;
begin
	if p_together then
		perform set_config('bellwire.together', pg_current_xact_id()::text, true);
	end if;
	if v_slot = 0 then
		with written as (
			insert into platform.message_receipts as r (message_id, user_id, delivered_at)
			select d.message_id, d.user_id, v_at from rt_private.deliveries(p_message_ids, p_user_ids) d
			on conflict (message_id, user_id) do nothing
			returning r.*
		), told as (
			insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data)
			select 0, e.n, v_at, d.rooms, '{}', 'chat:message:delivered', d.data
			from written w
			cross join lateral rt_private.delivered_event(w.message_id, w.user_id, v_iso) d
			cross join bellwire.epoch e
			where p_together and rt_private.epoch_holds(e.started, e.watched, v_at)
		)
		select count(*), count(*) filter (where w.delivered_at = v_at and w.read_at is null),
			(select true from bellwire.epoch e where rt_private.epoch_holds(e.started, e.watched, v_at))
		into v_count, v_plain, v_ready
		from written w;
	elsif v_slot = 1 then
		with written as (
			insert into platform.message_receipts as r (message_id, user_id, delivered_at)
			select d.message_id, d.user_id, v_at from rt_private.deliveries(p_message_ids, p_user_ids) d
			on conflict (message_id, user_id) do nothing
			returning r.*
		), told as (
			insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data)
			select 1, e.n, v_at, d.rooms, '{}', 'chat:message:delivered', d.data
			from written w
			cross join lateral rt_private.delivered_event(w.message_id, w.user_id, v_iso) d
			cross join bellwire.epoch e
			where p_together and rt_private.epoch_holds(e.started, e.watched, v_at)
		)
		select count(*), count(*) filter (where w.delivered_at = v_at and w.read_at is null),
			(select true from bellwire.epoch e where rt_private.epoch_holds(e.started, e.watched, v_at))
		into v_count, v_plain, v_ready
		from written w;
	else
		with written as (
			insert into platform.message_receipts as r (message_id, user_id, delivered_at)
			select d.message_id, d.user_id, v_at from rt_private.deliveries(p_message_ids, p_user_ids) d
			on conflict (message_id, user_id) do nothing
			returning r.*
		), told as (
			insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data)
			select 2, e.n, v_at, d.rooms, '{}', 'chat:message:delivered', d.data
			from written w
			cross join lateral rt_private.delivered_event(w.message_id, w.user_id, v_iso) d
			cross join bellwire.epoch e
			where p_together and rt_private.epoch_holds(e.started, e.watched, v_at)
		)
		select count(*), count(*) filter (where w.delivered_at = v_at and w.read_at is null),
			(select true from bellwire.epoch e where rt_private.epoch_holds(e.started, e.watched, v_at))
		into v_count, v_plain, v_ready
		from written w;
	end if;
	if p_together then
		if v_plain < v_count or v_ready is null or current_setting('bellwire.together') = '' then
			raise exception 'a trigger changed receipts, or wrote a message, or the outbox is not ready'
				using errcode = 'triggered_action_exception';
		end if;
		perform set_config('bellwire.together', '', true);
		if v_count > 0 and rt_private.must_ring() then
			perform pg_notify('bellwire', '');
		end if;
	end if;
	return v_count;
end
$$;
comment on function rt_private.deliver_once(uuid[], uuid[], boolean) is
	'One attempt of rt_private.deliver_each. together: receipts_publish leaves these receipts alone.';

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
			v_count := rt_private.deliver_once(p_message_ids, p_user_ids,
				attempt = 1 and pg_has_role(session_user, 'bellwire_edge', 'member')
					and not rt_private.is_silent());
			exit;
		exception when foreign_key_violation or sqlstate 'RT403' or triggered_action_exception then
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

create or replace function rt_private.deliver_first(p_message_ids uuid[], p_user_ids uuid[]) returns int
language plpgsql volatile
as $$
declare
	v_messages uuid[];
	v_users    uuid[];
begin
	if cardinality(p_message_ids) = 1 then -- an edge that asks few clients brings one answer, as a rule
		if (select true from platform.message_receipts d
			where d.message_id = p_message_ids[1] and d.delivered_at is not null limit 1) then
			return 0;
		end if;
		return rt_private.deliver_each(p_message_ids, p_user_ids);
	end if;
	select array_agg(f.id), array_agg(f.user_id) into v_messages, v_users
	from (
		select c.message_id as id, (array_agg(c.user_id order by c.user_id))[1] as user_id
		from rt_private.deliveries(p_message_ids, p_user_ids) c
		group by c.message_id
	) f
	where (select true from platform.message_receipts d
		where d.message_id = f.id and d.delivered_at is not null limit 1) is null;
	return case when v_messages is null then 0 else rt_private.deliver_each(v_messages, v_users) end;
end
$$;
comment on function rt_private.deliver_first(uuid[], uuid[]) is
	'Message i has arrived at user i, in a large chat: only the first recipient of a message counts. Returns how '
	'many receipts were written.';

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
	perform rt_private.deliver_first(array_agg(q.message_id), array_agg(q.user_id))
	from unnest(p_message_ids, p_user_ids) q (message_id, user_id)
	where q.message_id = any(v_large);
end
$$;
comment on function rt_private.deliver(uuid[], uuid[]) is
	'Message i has arrived at user i. In chats above the setting receipts_max_participants only the first '
	'recipient counts.';
