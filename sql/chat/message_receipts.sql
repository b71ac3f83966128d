-- platform.message_receipts: what was delivered and read, and the events about it to the sender.

create or replace function rt_private.receipts_first() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'UPDATE' then
		if (old.message_id, old.user_id) <> (new.message_id, new.user_id) then
			raise exception using errcode = 'RT400', message = 'A receipt keeps its message and user';
		end if;
		-- The first time counts. Null takes a time back.
		if new.delivered_at is not null then
			new.delivered_at := coalesce(old.delivered_at, new.delivered_at);
		end if;
		if new.read_at is not null then
			new.read_at := coalesce(old.read_at, new.read_at);
		end if;
	end if;
	if new.read_at is not null and new.delivered_at is null then
		-- A message that was read has arrived. The microsecond marks a delivery that no writer set:
		-- receipts_publish does not announce it.
		new.delivered_at := new.read_at - interval '1 microsecond';
	end if;
	return new;
end
$$;
comment on function rt_private.receipts_first() is
	'The first delivery and the first read count; a read is a delivery too. RT400.';

create or replace function rt_private.receipt_refuse(p_own boolean) returns boolean
language plpgsql stable
as $$
begin
	if p_own then
		raise exception using errcode = 'RT400', message = 'One''s own message has no receipt';
	end if;
	raise exception using errcode = 'RT403', message = 'Not a participant of this chat';
end
$$;
comment on function rt_private.receipt_refuse(boolean) is
	'Refuses a receipt: of one''s own message (RT400), or of somebody who does not take part (RT403).';

-- Inlined where they are called, as all of these.
create or replace function rt_private.receipt_data(p_message_id uuid, p_chat_id uuid, p_who text, p_user_id uuid,
	p_whenever text, p_at text) returns jsonb
language sql stable
return jsonb_object(array['message_id', p_message_id::text, 'chat_id', p_chat_id::text, p_who, p_user_id::text,
	p_whenever, p_at]);
comment on function rt_private.receipt_data(uuid, uuid, text, uuid, text, text) is
	'What an event about a receipt says. who, whenever: the names of user_id and at there.';

create or replace function rt_private.delivered_data(p_message_id uuid, p_chat_id uuid, p_user_id uuid, p_at text)
returns jsonb
language sql stable
-- text, which records no dependency: what a later version leaves away is dropped in no order
as $$ select rt_private.receipt_data(p_message_id, p_chat_id, 'delivered_to', p_user_id, 'delivered_at', p_at) $$;
comment on function rt_private.delivered_data(uuid, uuid, uuid, text) is
	'What chat:message:delivered says. at: rt_private.iso of it.';

create or replace function rt_private.may_announce() returns boolean
language sql volatile
as $$
	select rt_private.session_is_plain() and pg_trigger_depth() = 0
		and pg_has_role(session_user, 'bellwire_edge', 'member')
$$;
comment on function rt_private.may_announce() is
	'May a statement say that it announces its receipts itself (bellwire.receipts)? An edge''s, and no import''s.';

create or replace function rt_private.is_announced() returns boolean
language sql volatile
as $$ select rt_private.is_marked('bellwire.receipts') $$;
comment on function rt_private.is_announced() is
	'In a trigger: are these receipts of rt_private.receipts_write, which announces them itself?';

-- One question in place of two where neither is so; and a statement that writes nothing takes no transaction id for it.
create or replace function rt_private.receipts_special() returns boolean
language sql volatile
return concat(current_setting('bellwire.silent', true), current_setting('bellwire.receipts', true)) <> '';
comment on function rt_private.receipts_special() is
	'May these receipts be of a silent import (rt_private.is_silent), or be announced already '
	'(rt_private.is_announced)?';

-- Inlined where it stands in FROM.
create or replace function rt_private.receipt_told(p_message_id uuid, p_user_id uuid, p_delivered_at timestamptz,
	p_read_at timestamptz) returns table (rooms text[], event text, data jsonb)
language sql stable
as $$
	select array['user:' || m.sender_id], e.event,
		rt_private.receipt_data(p_message_id, m.chat_id, e.who, p_user_id, e.whenever, rt_private.iso(e.at))
	from (
		select a.chat_id, a.sender_id from platform.messages a
		where a.id = p_message_id and (
			a.sender_id <> p_user_id and (
				select true from platform.chat_participants p
				where p.chat_id = a.chat_id and p.user_id = p_user_id)
			or rt_private.receipt_refuse(a.sender_id = p_user_id))
		offset 0
	) m
	cross join lateral (
		select 'chat:message:delivered', 'delivered_to', 'delivered_at', p_delivered_at
		where p_delivered_at is not null
			and p_delivered_at is distinct from p_read_at - interval '1 microsecond'
		union all
		select 'chat:message:read', 'read_by', 'read_at', p_read_at where p_read_at is not null
	) e (event, who, whenever, at)
$$;
comment on function rt_private.receipt_told(uuid, uuid, timestamptz, timestamptz) is
	'The events of a receipt. Refuses one of one''s own message (RT400) and of somebody who does not take part '
	'(RT403).';

-- A statement trigger: a batch of confirmations is hundreds of receipts, and each of them is one event. It names the
-- slot, as rt_private.outbox_insert does.
create or replace function rt_private.receipts_publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_at   timestamptz;
	v_slot bigint;
begin
	if rt_private.receipts_special() then
		if rt_private.is_announced() then
			return null;
		elsif rt_private.is_silent() then
			perform rt_private.silent_note();
			return null;
		end if;
	end if;
	v_at := clock_timestamp();
	v_slot := rt_private.outbox_turn(v_at);
	if v_slot = 0 then
		insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data)
		select 0, e.n, v_at, t.rooms, '{}', t.event, t.data
		from new_rows r
		cross join lateral rt_private.receipt_told(r.message_id, r.user_id, r.delivered_at, r.read_at) t
		cross join bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, v_at);
	elsif v_slot = 1 then
		insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data)
		select 1, e.n, v_at, t.rooms, '{}', t.event, t.data
		from new_rows r
		cross join lateral rt_private.receipt_told(r.message_id, r.user_id, r.delivered_at, r.read_at) t
		cross join bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, v_at);
	else
		insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data)
		select 2, e.n, v_at, t.rooms, '{}', t.event, t.data
		from new_rows r
		cross join lateral rt_private.receipt_told(r.message_id, r.user_id, r.delivered_at, r.read_at) t
		cross join bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, v_at);
	end if;
	if not found then -- the first write after a start, a crash, or a time without any edge
		perform rt_private.publish_each(array_agg(t.rooms[1]), array_agg(t.event), array_agg(t.data))
		from new_rows r
		cross join lateral rt_private.receipt_told(r.message_id, r.user_id, r.delivered_at, r.read_at) t;
	elsif rt_private.must_ring() then
		perform pg_notify('bellwire', '');
	end if;
	return null;
end
$$;
comment on function rt_private.receipts_publish() is
	'Announces the times that this INSERT set: chat:message:delivered and chat:message:read to user:<sender>, in '
	'the order of its rows. Refuses a receipt of one''s own message (RT400) and of somebody who does not take '
	'part (RT403).';

create or replace function rt_private.receipts_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_rooms  text[];
	v_events text[];
	v_data   jsonb[];
	v_done   boolean;
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	-- an update comes by its rows in any order
	select array_agg('user:' || r.sender_id order by r.sent_at, r.chat_id, r.seq, r.user_id, e.n),
		array_agg(e.event order by r.sent_at, r.chat_id, r.seq, r.user_id, e.n),
		array_agg(jsonb_build_object('message_id', r.message_id, 'chat_id', r.chat_id, e.who, r.user_id, e.whenever, rt_private.iso(e.at))
			order by r.sent_at, r.chat_id, r.seq, r.user_id, e.n)
	into v_rooms, v_events, v_data
	from (
		select n.message_id, m.chat_id, m.seq, m.created_at as sent_at, m.sender_id, n.user_id,
			case when o.read_at is null then n.read_at end as read_at,
			case when o.delivered_at is null and n.delivered_at is distinct from n.read_at - interval '1 microsecond'
				then n.delivered_at end as delivered_at
		from new_rows n
		join old_rows o using (message_id, user_id)
		cross join lateral (
			select a.chat_id, a.seq, a.created_at, a.sender_id from platform.messages a where a.id = n.message_id offset 0
		) m
	) r
	join lateral (values (1, 'chat:message:delivered', 'delivered_to', 'delivered_at', r.delivered_at),
		(2, 'chat:message:read', 'read_by', 'read_at', r.read_at)) e (n, event, who, whenever, at) on e.at is not null;
	if cardinality(v_rooms) = 1 then
		v_done := rt_private.outbox_insert(v_rooms, '{}', v_events[1], v_data[1], null, null, false);
	else
		perform rt_private.publish_each(v_rooms, v_events, v_data);
	end if;
	return null;
end
$$;
comment on function rt_private.receipts_changed() is
	'Announces the times that this UPDATE set, as rt_private.receipts_publish does, in the order of the messages.';

create or replace function rt_private.receipts_unread() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'TRUNCATE' then
		perform rt_private.read_marks_void();
	-- if the message is gone too, there is nothing to be read
	elsif exists (select from platform.messages m where m.id = old.message_id) then
		if current_setting('transaction_isolation') <> 'read committed' then
			-- the snapshot may be older than the row
			perform rt_private.read_marks_void();
		else
			lock table bellwire.read_marks in row exclusive mode;
			delete from bellwire.read_marks k using platform.messages m
			where m.id = old.message_id and k.user_id = old.user_id and k.chat_id = m.chat_id and k.runs @> m.seq;
		end if;
	end if;
	return null;
end
$$;
comment on function rt_private.receipts_unread() is
	'A message is unread again: deletes the read_marks that say otherwise.';

select bellwire.ensure_trigger('platform.message_receipts', 'receipts_first',
	$$before insert on platform.message_receipts for each row when (new.read_at is not null)
	execute function rt_private.receipts_first()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_first_update',
	$$before update on platform.message_receipts for each row execute function rt_private.receipts_first()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_publish_insert',
	$$after insert on platform.message_receipts referencing new table as new_rows for each statement execute function rt_private.receipts_publish()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_publish_update',
	$$after update on platform.message_receipts referencing old table as old_rows new table as new_rows for each statement execute function rt_private.receipts_changed()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_unread_update',
	$$after update on platform.message_receipts for each row when (old.read_at is not null and new.read_at is null)
	execute function rt_private.receipts_unread()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_unread_delete',
	$$after delete on platform.message_receipts for each row when (old.read_at is not null) execute function rt_private.receipts_unread()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_truncated',
	$$after truncate on platform.message_receipts for each statement execute function rt_private.receipts_unread()$$,
	'always');
