-- chat:message:send  ->  {status, message_id, created_at, client_id?}

create or replace function rt_private.chat_message_ack(p_id uuid, p_at timestamptz, p_client_id text) returns jsonb
language sql stable
return jsonb_object(array['status', 'sent', 'message_id', p_id::text, 'created_at', rt_private.iso(p_at)]
	|| case when p_client_id is not null then array['client_id', p_client_id] end);
comment on function rt_private.chat_message_ack(uuid, timestamptz, text) is 'What the sender of a message is told.';

-- As the function of every route of ours it has no rights and no search_path of its own, since those of rt.dispatch and its kin
-- hold: a second switch costs as much as half of the lock of the chat.
create or replace function rt.chat_message_send(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_client_id constant text := p_payload ->> 'client_id';
	v_chat_id   constant text := p_payload ->> 'chat_id';
	v_chat      uuid;
	v_id        uuid;
	v_at        timestamptz;
begin
	if v_client_id is not null then
		if jsonb_typeof(p_payload -> 'client_id') <> 'string' or char_length(v_client_id) not between 1 and 64 then
			raise exception using errcode = 'RT400', message = 'client_id must be a string of 1 to 64 characters';
		end if;
		-- the first send counts, whatever else has changed
		select m.id, m.created_at into v_id, v_at
		from platform.messages m where m.sender_id = p_user_id and m.client_id = v_client_id;
	end if;
	if v_id is null then
		v_chat := rt_private.text_uuid(v_chat_id, 'chat_id');
		if jsonb_path_match(p_payload, '$.type.type() == "string" && $.content.type() == "string"')
			is not true then
			raise exception using errcode = 'RT400', message = case
				when jsonb_typeof(p_payload -> 'type') = 'string' then 'content' else 'type' end
				|| ' must be a string';
		end if;
		insert into platform.messages (chat_id, sender_id, type, content, metadata, client_id)
		values (v_chat, p_user_id, p_payload ->> 'type', p_payload ->> 'content',
			coalesce(nullif(p_payload -> 'metadata', 'null'), '{}'), v_client_id)
		on conflict (sender_id, client_id) do nothing
		returning id, created_at into v_id, v_at;
		if v_id is null then
			-- the same send came over another connection at the same moment
			select m.id, m.created_at into strict v_id, v_at
			from platform.messages m where m.sender_id = p_user_id and m.client_id = v_client_id;
		end if;
	end if;
	return rt_private.chat_message_ack(v_id, v_at, v_client_id);
end
$$;
comment on function rt.chat_message_send(uuid, jsonb) is
	'{chat_id, type, content, metadata?, client_id?} -> {status:"sent", message_id, created_at, client_id?}. The '
	'same client_id again: the first message''s ack, no second row. RT400, RT413, RT403 not a participant, RT404 '
	'no such chat.';

-- The limit: content and metadata of 16 KiB each, which a client may write as \uXXXX.
select bellwire.ensure_route('chat:message:send', 'rt.chat_message_send', p_max_bytes => 106496,
	p_rate_class => 'send', p_rate_per_s => 10, p_rate_burst => 60, p_lock_key => 'chat_id', p_repeatable => 'by key');
