-- platform.message_receipts: delivered and read, told to the sender.

create or replace function rt_private.receipts_first() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'UPDATE' then
		if (old.message_id, old.user_id) <> (new.message_id, new.user_id) then
			raise exception using errcode = 'RT400', message = 'A receipt keeps its message and user';
		end if;
		-- the first time counts; null takes a time back
		if new.delivered_at is not null then
			new.delivered_at := coalesce(old.delivered_at, new.delivered_at);
		end if;
		if new.read_at is not null then
			new.read_at := coalesce(old.read_at, new.read_at);
		end if;
	end if;
	if new.read_at is not null and new.delivered_at is null then
		-- what is read has arrived. The microsecond marks a delivery that nobody wrote: receipts_publish keeps silent about it.
		new.delivered_at := new.read_at - interval '1 microsecond';
	end if;
	return new;
end
$$;
comment on function rt_private.receipts_first() is 'The first delivery and the first read count; a read is a delivery too. RT400.';

-- By statement: a batch of confirmations is hundreds of receipts, and each of them is one event.
create or replace function rt_private.receipts_publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_rooms    text[];
	v_events   text[];
	v_data     jsonb[];
	v_own      boolean;
	v_stranger boolean;
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op = 'INSERT' then
		select array_agg('user:' || r.sender_id order by r.message_id, r.user_id, e.n) filter (where e.n is not null),
			array_agg(e.event order by r.message_id, r.user_id, e.n) filter (where e.n is not null),
			array_agg(jsonb_build_object('message_id', r.message_id, 'chat_id', r.chat_id, e.who, r.user_id, e.whenever, rt_private.iso(e.at))
				order by r.message_id, r.user_id, e.n) filter (where e.n is not null),
			bool_or(r.sender_id = r.user_id),
			bool_or(not exists (select from platform.chat_participants p where p.chat_id = r.chat_id and p.user_id = r.user_id))
		into v_rooms, v_events, v_data, v_own, v_stranger
		from (
			select n.message_id, m.chat_id, m.sender_id, n.user_id, n.read_at,
				case when n.delivered_at is distinct from n.read_at - interval '1 microsecond' then n.delivered_at end as delivered_at
			from new_rows n
			join platform.messages m on m.id = n.message_id
		) r
		left join lateral (values (1, 'chat:message:delivered', 'delivered_to', 'delivered_at', r.delivered_at),
			(2, 'chat:message:read', 'read_by', 'read_at', r.read_at)) e (n, event, who, whenever, at) on e.at is not null;
		if v_own then
			raise exception using errcode = 'RT400', message = 'One''s own message has no receipt';
		elsif v_stranger then
			raise exception using errcode = 'RT403', message = 'Not a participant of this chat';
		end if;
	else
		select array_agg('user:' || r.sender_id order by r.message_id, r.user_id, e.n),
			array_agg(e.event order by r.message_id, r.user_id, e.n),
			array_agg(jsonb_build_object('message_id', r.message_id, 'chat_id', r.chat_id, e.who, r.user_id, e.whenever, rt_private.iso(e.at))
				order by r.message_id, r.user_id, e.n)
		into v_rooms, v_events, v_data
		from (
			select n.message_id, m.chat_id, m.sender_id, n.user_id,
				case when o.read_at is null then n.read_at end as read_at,
				case when o.delivered_at is null and n.delivered_at is distinct from n.read_at - interval '1 microsecond'
					then n.delivered_at end as delivered_at
			from new_rows n
			join old_rows o using (message_id, user_id)
			join platform.messages m on m.id = n.message_id
		) r
		join lateral (values (1, 'chat:message:delivered', 'delivered_to', 'delivered_at', r.delivered_at),
			(2, 'chat:message:read', 'read_by', 'read_at', r.read_at)) e (n, event, who, whenever, at) on e.at is not null;
	end if;
	perform rt_private.publish_each(v_rooms, v_events, v_data);
	return null;
end
$$;
comment on function rt_private.receipts_publish() is
	'Announces the times that this statement set: chat:message:delivered and chat:message:read to user:<sender>. Refuses a receipt of one''s own message (RT400) and of somebody who does not take part (RT403).';

select bellwire.ensure_trigger('platform.message_receipts', 'receipts_first',
	$$before insert on platform.message_receipts for each row when (new.read_at is not null and new.delivered_at is null)
	execute function rt_private.receipts_first()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_first_update',
	$$before update on platform.message_receipts for each row execute function rt_private.receipts_first()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_publish_insert',
	$$after insert on platform.message_receipts referencing new table as new_rows for each statement execute function rt_private.receipts_publish()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'receipts_publish_update',
	$$after update on platform.message_receipts referencing old table as old_rows new table as new_rows for each statement execute function rt_private.receipts_publish()$$);

create or replace function rt_private.deliver(p_message_ids uuid[], p_user_ids uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_max constant int := rt_private.setting('receipts_max_participants')::int;
begin
	for attempt in 1..5 loop
		begin
			-- sorted by (message, user): two of these never wait for each other crosswise (design 8.12)
			with m as materialized (
				select o.id, o.chat_id, o.sender_id from platform.messages o where o.id = any(p_message_ids)
			), sizes as materialized (
				-- once for each chat: counting the participants costs as much as they are many
				select c.chat_id, exists (select from platform.chat_participants a where a.chat_id = c.chat_id offset v_max) as large
				from (select distinct m.chat_id from m) c
			)
			insert into platform.message_receipts as r (message_id, user_id, delivered_at)
			select f.message_id, f.user_id, clock_timestamp()
			from (
				select c.message_id, c.user_id, c.large, row_number() over (partition by c.message_id order by c.user_id) as n
				from (
					select distinct m.id as message_id, p.user_id, h.large
					from unnest(p_message_ids, p_user_ids) as q(message_id, user_id)
					join m on m.id = q.message_id and m.sender_id <> q.user_id
					join sizes h on h.chat_id = m.chat_id
					join platform.chat_participants p on p.chat_id = m.chat_id and p.user_id = q.user_id
					-- a value and no join: that would read all receipts of a message for each of them
					where (select d.delivered_at from platform.message_receipts d where d.message_id = m.id and d.user_id = q.user_id) is null
				) c
			) f
			where not f.large or f.n = 1
				and not exists (select from platform.message_receipts d where d.message_id = f.message_id and d.delivered_at is not null)
			order by f.message_id, f.user_id
			on conflict (message_id, user_id) do update set delivered_at = excluded.delivered_at where r.delivered_at is null;
			return;
		exception when foreign_key_violation or sqlstate 'RT403' then
			-- a message, a user or a participant went away under the statement: what is left is tried again
			if attempt = 5 then
				raise;
			end if;
		end;
	end loop;
end
$$;
comment on function rt_private.deliver(uuid[], uuid[]) is
	'Message i has arrived at user i. Once per message and recipient; senders, strangers and what is gone are passed over. In chats above the setting receipts_max_participants only the first recipient counts.';

-- Planned once: planning for each batch would cost a third of it.
create or replace function rt.confirm(p_confirms jsonb[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set plan_cache_mode = force_generic_plan
as $$
declare
	v_messages uuid[];
	v_users    uuid[];
begin
	select array_agg((c -> 'confirm' ->> 'message_id')::uuid), array_agg((c ->> 'user_id')::uuid) into v_messages, v_users
	from unnest(p_confirms) c
	where c -> 'confirm' ? 'message_id';
	if v_messages is not null then
		perform rt_private.deliver(v_messages, v_users);
	end if;
end
$$;
comment on function rt.confirm(jsonb[]) is
	'Events that a recipient''s client has taken: [{"confirm": the event''s confirm value, untouched, "user_id": whose socket}]. Those of messages become receipts.';

-- chat:message:read  ->  {message_id, chat_id, read_by, read_at}
create or replace function rt.chat_message_read(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_message constant uuid := rt_private.payload_uuid(p_payload, 'message_id');
	v_chat    constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
	v_sender  uuid;
	v_read_at timestamptz;
begin
	if not exists (select from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id) then
		perform rt_private.chat_refuse(v_chat);
	end if;
	select m.sender_id into v_sender from platform.messages m where m.id = v_message and m.chat_id = v_chat;
	if not found then
		raise exception using errcode = 'RT403', message = 'No such message in this chat';
	end if;
	if v_sender <> p_user_id then
		insert into platform.message_receipts as r (message_id, user_id, read_at)
		values (v_message, p_user_id, clock_timestamp())
		on conflict (message_id, user_id) do update set read_at = excluded.read_at where r.read_at is null
		returning r.read_at into v_read_at;
		if v_read_at is null then
			select r.read_at into v_read_at from platform.message_receipts r where r.message_id = v_message and r.user_id = p_user_id;
		end if;
	end if;
	return jsonb_build_object('message_id', v_message, 'chat_id', v_chat, 'read_by', p_user_id, 'read_at', rt_private.iso(v_read_at));
end
$$;
comment on function rt.chat_message_read(uuid, jsonb) is
	'{message_id, chat_id} -> {message_id, chat_id, read_by, read_at}; the first read counts. One''s own message: read_at null, nothing happens. RT400, RT403 not a participant or no such message there, RT404 no such chat.';

select bellwire.ensure_route('chat:message:read', 'rt.chat_message_read', p_max_bytes => 1024,
	p_rate_class => 'read', p_rate_per_s => 50, p_rate_burst => 200, p_repeatable => 'always');
