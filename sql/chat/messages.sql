-- platform.messages: the check of a message, its place in the chat, and its announcement. The rules are the table's, so
-- they hold for every writer.

create or replace function rt_private.messages_check() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_done boolean;
begin
	new.metadata := coalesce(new.metadata, '{}');
	v_done := rt_private.message_check(new.type, new.content, new.metadata, new.client_id);
	return new;
end
$$;
comment on function rt_private.messages_check() is 'message_check for later changes. RT400, RT413.';

-- A set, which the planner inlines where it stands in FROM. Its names are bound then, under the search_path of its
-- callers, for a migration that is taken back drops bellwire.places.
create or replace function rt_private.chat_last(p_chat_id uuid, p_user_id uuid)
returns table (seq bigint, created_at timestamptz)
language sql stable
as $$
	select greatest(m.seq, (select g.seq from bellwire.places g where g.chat_id = p_chat_id)), m.created_at
	from platform.chat_participants p
	left join lateral (
		select l.seq, l.created_at from platform.messages l where l.chat_id = p_chat_id order by l.seq desc limit 1
	) m on true
	where p.chat_id = p_chat_id and p.user_id = p_user_id
$$;
comment on function rt_private.chat_last(uuid, uuid) is
	'The last place that was given in a chat, and the time of its last message, nulls where there is none; no row '
	'for a user who does not take part. Asked under the lock of the chat.';

create or replace function rt_private.chat_last(p_chat_id uuid) returns table (seq bigint, created_at timestamptz)
language sql stable
as $$
	select greatest(m.seq, (select g.seq from bellwire.places g where g.chat_id = p_chat_id)), m.created_at
	from (select) one
	left join lateral (
		select l.seq, l.created_at from platform.messages l where l.chat_id = p_chat_id order by l.seq desc limit 1
	) m on true
$$;
comment on function rt_private.chat_last(uuid) is
	'The same whoever asks: for the statements of an earlier version, which go on while this one is applied.';

create or replace function rt_private.is_together() returns boolean
language sql volatile
as $$ select rt_private.is_marked('bellwire.together') $$;
comment on function rt_private.is_together() is
	'In a trigger: are these rows of rt_private.chat_message_send_many, which does for all rows what the trigger '
	'does?';

-- Inlined, so that an ordinary row asks one question in place of two.
create or replace function rt_private.is_special() returns boolean
language sql volatile
return concat(current_setting('bellwire.silent', true), current_setting('bellwire.together', true)) <> '';
comment on function rt_private.is_special() is
	'May this row be one of a silent import (rt_private.is_silent) or of a batch (rt_private.is_together)?';

-- One function does everything before the row is written, with one query: each further function or query costs a tenth
-- of the message, and each expression a two-hundredth.
create or replace function rt_private.messages_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_silent boolean;
	v_seq    bigint;
	v_at     timestamptz;
	v_done   boolean;
begin
	if new.seq is not null or not rt_private.session_is_plain() then -- seldom
		if new.seq is not null and rt_private.is_together() then
			return new;
		end if;
		v_silent := rt_private.is_silent();
	end if;
	-- The lock comes first: then the orders by seq, by time, of commits and of delivery agree (docs/event-path.md,
	-- "Order within a chat"). It is a lock and not an update, since an update leaves a row version behind every
	-- message.
	if v_silent then
		v_seq := new.seq; -- an import may set places and times itself
		v_at := new.created_at;
		perform rt_private.read_marks_void();
	else
		perform from platform.chats c where c.id = new.chat_id for no key update;
		if current_setting('transaction_isolation') <> 'read committed' then
			-- An older snapshot sees neither a message that was the last one and is deleted, nor its place. To
			-- write the row of that place is refused then (40001).
			insert into bellwire.places as g (chat_id, seq) select c.id, 0 from platform.chats c where c.id = new.chat_id
			on conflict (chat_id) do update set seq = g.seq;
		end if;
	end if;
	select coalesce(v_seq, l.seq + 1, 1), coalesce(v_at, greatest(clock_timestamp(), l.created_at))
	into new.seq, new.created_at
	from rt_private.chat_last(new.chat_id, new.sender_id) l;
	if rt_private.message_is_plain(new.type, new.content, new.metadata, new.client_id) is not true then
		new.metadata := coalesce(new.metadata, '{}');
		v_done := rt_private.message_check(new.type, new.content, new.metadata, new.client_id);
	end if;
	if not found then
		perform rt_private.chat_refuse(new.chat_id);
	end if;
	return new;
end
$$;
comment on function rt_private.messages_insert() is
	'Locks the chat, checks the message, refuses a sender who does not take part, sets seq and created_at. RT400, '
	'RT413, RT403, RT404. A statement that writes into several chats locks them in the order of its rows.';

create or replace function rt_private.messages_gone() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into bellwire.places as g (chat_id, seq)
	select o.chat_id, max(o.seq) from old_rows o
	join platform.chats c on c.id = o.chat_id -- a chat that goes needs no place
	group by o.chat_id
	having not exists (select from platform.messages m where m.chat_id = o.chat_id and m.seq > max(o.seq))
	order by o.chat_id
	on conflict (chat_id) do update set seq = excluded.seq where g.seq < excluded.seq;
	return null;
end
$$;
comment on function rt_private.messages_gone() is
	'A place is given once: after the last message of a chat was deleted, the next one gets the place behind it.';

create or replace function rt_private.messages_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into bellwire.places as g (chat_id, seq)
	select m.chat_id, max(m.seq) from platform.messages m group by m.chat_id order by m.chat_id
	on conflict (chat_id) do update set seq = excluded.seq where g.seq < excluded.seq;
	return null;
end
$$;
comment on function rt_private.messages_truncate() is 'messages_gone for TRUNCATE, which names no rows.';

create or replace function rt_private.messages_fixed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.is_silent() then
		perform rt_private.read_marks_void();
		return new;
	end if;
	raise exception using errcode = 'RT400', message = 'A message keeps its chat, sender, place and time';
end
$$;
comment on function rt_private.messages_fixed() is 'Columns that the order rests on cannot be changed. RT400.';

-- A row trigger: nearly all statements write one message, and the machinery of a transition table costs as much as all
-- the rest. Rows of one statement fire in the order of their numbers. The row goes straight to the outbox, in the one
-- statement that makes the event: rt_private.publish would check what other writers may do wrong, and each further call
-- costs a tenth of the message.
create or replace function rt_private.messages_publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_at   timestamptz;
	v_slot bigint;
	v_row  record;
	v_ring boolean;
	v_done boolean;
begin
	if rt_private.is_special() then
		if rt_private.is_silent() then
			perform rt_private.silent_note();
			return null;
		elsif rt_private.is_together() then
			return null;
		end if;
		-- A trigger of a service answers a message with a message. The answer is announced here: it is not one of
		-- the batch, and its place is between them.
		perform set_config('bellwire.together', '', true);
	end if;
	v_at := clock_timestamp();
	v_slot := rt_private.outbox_turn(v_at);
	if v_slot = 0 then
		insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data, confirm)
		select 0, m.* from rt_private.message_row(v_at, new.id, new.chat_id, new.seq, new.sender_id, new.type,
			new.content, new.metadata, new.created_at) m
		returning xmin, id, epoch, rooms, data, confirm into v_row;
	elsif v_slot = 1 then
		insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data, confirm)
		select 1, m.* from rt_private.message_row(v_at, new.id, new.chat_id, new.seq, new.sender_id, new.type,
			new.content, new.metadata, new.created_at) m
		returning xmin, id, epoch, rooms, data, confirm into v_row;
	else
		insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data, confirm)
		select 2, m.* from rt_private.message_row(v_at, new.id, new.chat_id, new.seq, new.sender_id, new.type,
			new.content, new.metadata, new.created_at) m
		returning xmin, id, epoch, rooms, data, confirm into v_row;
	end if;
	if found then
		if current_setting('bellwire.dispatch', true) is null then -- no transaction of this session ever was a dispatch
			v_ring := rt_private.edge_sleeps();
		else
			v_ring := rt_private.must_ring_row(v_row.xmin, v_row.id, v_row.epoch, v_at, v_row.rooms[1], 'chat:message:new',
				v_row.data, v_row.confirm);
		end if;
		if v_ring then
			perform rt_private.ring_carrying(v_row.xmin, v_row.id, v_row.epoch, v_at, v_row.rooms[1],
				'chat:message:new', v_row.data, v_row.confirm);
		end if;
	else -- the first write after a start, a crash, or a time without any edge: outbox_insert knows what to do
		select rt_private.outbox_insert(m.rooms, '{}', 'chat:message:new', m.data, m.confirm, null, false)
		into strict v_done
		from rt_private.message_event(new.id, new.chat_id, new.seq, new.sender_id, new.type, new.content,
			new.metadata, new.created_at) m;
	end if;
	return null;
end
$$;
comment on function rt_private.messages_publish() is
	'chat:message:new to participants:<chat>, or chat:<chat> (setting message_audience). What is confirmed of it '
	'comes back to rt.confirm.';

select bellwire.ensure_trigger('platform.messages', 'messages_check',
	$$before update of type, content, metadata, client_id on platform.messages for each row execute function rt_private.messages_check()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_insert',
	$$before insert on platform.messages for each row execute function rt_private.messages_insert()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_fixed',
	$$before update of chat_id, sender_id, seq, created_at on platform.messages for each row
	when ((old.chat_id, old.sender_id, old.seq, old.created_at) is distinct from (new.chat_id, new.sender_id, new.seq, new.created_at))
	execute function rt_private.messages_fixed()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_gone',
	$$after delete on platform.messages referencing old table as old_rows for each statement
	execute function rt_private.messages_gone()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_truncate',
	$$before truncate on platform.messages for each statement execute function rt_private.messages_truncate()$$,
	'always');
select bellwire.ensure_trigger('platform.messages', 'messages_publish',
	$$after insert on platform.messages for each row execute function rt_private.messages_publish()$$);
