-- Client events of chats but receipts (40_receipts.sql).

select bellwire.ensure_lock_key('chat_id', 'platform.chats', 'id');

-- chat:join  ->  {status, chat_id}
create or replace function rt.chat_join(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_chat constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
begin
	-- Locked, so that the leave of a removal comes after this join. Not waiting: a removal that has the row wants the chat
	-- next, which this transaction holds (55P03, UNAVAILABLE; once it has both, the item is deferred instead).
	perform from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id for key share nowait;
	if not found then
		perform rt_private.chat_refuse(v_chat);
	end if;
	perform rt_private.socket_join('chat:' || v_chat);
	return jsonb_build_object('status', 'joined', 'chat_id', v_chat);
end
$$;
comment on function rt.chat_join(uuid, jsonb) is
	'{chat_id} -> {status:"joined", chat_id}. The calling socket enters chat:<chat_id>. RT400, RT403 not a participant, RT404 no such chat.';

-- chat:leave  ->  {status, chat_id}
create or replace function rt.chat_leave(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_chat constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
begin
	perform rt_private.socket_leave('chat:' || v_chat);
	return jsonb_build_object('status', 'left', 'chat_id', v_chat);
end
$$;
comment on function rt.chat_leave(uuid, jsonb) is
	'{chat_id} -> {status:"left", chat_id}. The calling socket leaves chat:<chat_id>, whether or not it was in it. RT400.';

-- chat:message:send  ->  {status, message_id, created_at, client_id?}
create or replace function rt_private.chat_message_ack(p_id uuid, p_at timestamptz, p_client_id text) returns jsonb
language sql stable
return jsonb_build_object('status', 'sent', 'message_id', p_id, 'created_at', rt_private.iso(p_at))
	|| case when p_client_id is null then '{}' else jsonb_build_object('client_id', p_client_id) end;
comment on function rt_private.chat_message_ack(uuid, timestamptz, text) is 'What the sender of a message is told.';

create or replace function rt.chat_message_send(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_client_id constant text := p_payload ->> 'client_id';
	v_chat      uuid;
	v_id        uuid;
	v_at        timestamptz;
begin
	if v_client_id is not null then
		if jsonb_typeof(p_payload -> 'client_id') <> 'string' or char_length(v_client_id) not between 1 and 64 then
			raise exception using errcode = 'RT400', message = 'client_id must be a string of 1 to 64 characters';
		end if;
		-- the first send counts, whatever else changed since
		select m.id, m.created_at into v_id, v_at
		from platform.messages m where m.sender_id = p_user_id and m.client_id = v_client_id;
	end if;
	if v_id is null then
		v_chat := rt_private.payload_uuid(p_payload, 'chat_id');
		if jsonb_typeof(p_payload -> 'type') is distinct from 'string' then
			raise exception using errcode = 'RT400', message = 'type must be a string';
		elsif jsonb_typeof(p_payload -> 'content') is distinct from 'string' then
			raise exception using errcode = 'RT400', message = 'content must be a string';
		end if;
		insert into platform.messages (chat_id, sender_id, type, content, metadata, client_id)
		values (v_chat, p_user_id, p_payload ->> 'type', p_payload ->> 'content',
			coalesce(nullif(p_payload -> 'metadata', 'null'), '{}'), v_client_id)
		on conflict (sender_id, client_id) do nothing
		returning id, created_at into v_id, v_at;
		if v_id is null then
			-- the same send, at the same moment, over another connection
			select m.id, m.created_at into strict v_id, v_at
			from platform.messages m where m.sender_id = p_user_id and m.client_id = v_client_id;
		end if;
	end if;
	return rt_private.chat_message_ack(v_id, v_at, v_client_id);
end
$$;
comment on function rt.chat_message_send(uuid, jsonb) is
	'{chat_id, type, content, metadata?, client_id?} -> {status:"sent", message_id, created_at, client_id?}. The same client_id again: the first message''s ack, no second row. RT400, RT413, RT403 not a participant, RT404 no such chat.';

-- One statement writes all, and one announces them: half of what they cost one by one is the machinery around.
create or replace function rt_private.chat_message_send_many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
	v_ids      uuid[];
	v_rooms    text[];
	v_events   text[];
	v_data     jsonb[];
	v_confirms jsonb[];
	v_acks     jsonb[];
begin
	if not pg_has_role(session_user, 'bellwire_edge', 'member') or exists ( -- of others messages_publish does not believe it
		select from unnest(p_payloads) p
		where jsonb_typeof(p -> 'chat_id') is distinct from 'string' or jsonb_typeof(p -> 'type') is distinct from 'string'
			or jsonb_typeof(p -> 'content') is distinct from 'string' or jsonb_typeof(p -> 'client_id') not in ('string', 'null')
			or p ->> 'chat_id' !~ '^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$') then
		return null; -- rt.chat_message_send knows what to say
	end if;
	v_ids := array(select gen_random_uuid() from generate_series(1, cardinality(p_payloads)));
	perform set_config('bellwire.together', pg_current_xact_id()::text, true);
	with sent as (
		insert into platform.messages (id, chat_id, sender_id, type, content, metadata, client_id)
		select e.id, (e.payload ->> 'chat_id')::uuid, e.user_id, e.payload ->> 'type', e.payload ->> 'content',
			coalesce(nullif(e.payload -> 'metadata', 'null'), '{}'), e.payload ->> 'client_id'
		from unnest(v_ids, p_user_ids, p_payloads) with ordinality e (id, user_id, payload, n)
		order by e.n
		on conflict (sender_id, client_id) do nothing
		returning *
	)
	select array_agg(q.room), array_agg('chat:message:new'::text), array_agg(q.data), array_agg(jsonb_build_object('message_id', q.id)), array_agg(q.ack)
	into v_rooms, v_events, v_data, v_confirms, v_acks
	from (
		select s.id, a.audience || s.chat_id as room, rt_private.chat_message_ack(s.id, s.created_at, s.client_id) as ack,
			rt_private.message_payload(s.id, s.chat_id, s.seq, s.sender_id, u.name, u.avatar_url, s.type, s.content, s.metadata,
				s.created_at, 'sent') as data
		from sent s
		join platform.users u on u.id = s.sender_id
		join unnest(v_ids) with ordinality i (id, n) on i.id = s.id
		cross join (select rt_private.message_audience()) a (audience)
		order by i.n
	) q;
	if cardinality(v_acks) is distinct from cardinality(v_ids) then
		raise exception 'a client_id was sent before' using errcode = 'unique_violation';
	elsif current_setting('bellwire.together') = '' then
		raise exception 'a trigger wrote a message among them, and their order is that of one by one';
	end if;
	perform set_config('bellwire.together', '', true);
	perform rt_private.publish_each(v_rooms, v_events, v_data, v_confirms);
	return v_acks;
end
$$;
comment on function rt_private.chat_message_send_many(uuid[], jsonb[]) is
	'rt.chat_message_send for several at once: all of them, or an error or null and none. Each of them then goes its own way.';

-- chat:typing  ->  {status}
create or replace function rt.chat_typing(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_chat constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
	v_name text;
begin
	if jsonb_typeof(p_payload -> 'is_typing') is distinct from 'boolean' then
		raise exception using errcode = 'RT400', message = 'is_typing must be a boolean';
	end if;
	select u.name into v_name
	from platform.chat_participants p
	join platform.users u on u.id = p.user_id
	where p.chat_id = v_chat and p.user_id = p_user_id;
	if not found then
		perform rt_private.chat_refuse(v_chat);
	end if;
	perform rt_private.publish(array['chat:' || v_chat], 'chat:typing',
		jsonb_build_object('chat_id', v_chat, 'user_id', p_user_id, 'user_name', v_name, 'is_typing', p_payload -> 'is_typing'),
		p_except => array_remove(array[rt.socket_id()], null), p_ephemeral => true);
	return jsonb_build_object('status', 'ok');
end
$$;
comment on function rt.chat_typing(uuid, jsonb) is
	'{chat_id, is_typing} -> {status:"ok"}. chat:typing {chat_id, user_id, user_name, is_typing} to chat:<chat_id> but the calling socket; nothing is kept. RT400, RT403 not a participant, RT404 no such chat.';

-- A join takes the chat's lock, as a removal does: while one is under way, the join is deferred.
select bellwire.ensure_route('chat:join', 'rt.chat_join', p_max_bytes => 1024,
	p_rate_class => 'join', p_rate_per_s => 20, p_rate_burst => 60, p_lock_key => 'chat_id', p_repeatable => 'always');
select bellwire.ensure_route('chat:leave', 'rt.chat_leave', p_max_bytes => 1024,
	p_rate_class => 'join', p_rate_per_s => 20, p_rate_burst => 60, p_repeatable => 'always');
-- Content and metadata of 16 KiB each, every byte pair of which a client may write as \uXXXX.
select bellwire.ensure_route('chat:message:send', 'rt.chat_message_send', p_max_bytes => 106496,
	p_rate_class => 'send', p_rate_per_s => 10, p_rate_burst => 60, p_lock_key => 'chat_id', p_repeatable => 'by key');
select bellwire.ensure_route_many('chat:message:send', 'rt_private.chat_message_send_many');
select bellwire.ensure_route('chat:typing', 'rt.chat_typing', p_max_bytes => 1024,
	p_rate_class => 'typing', p_rate_per_s => 5, p_rate_burst => 20, p_repeatable => 'always', p_ephemeral => true);
