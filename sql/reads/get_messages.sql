-- GET /api/v2/chats/{id}/messages
create or replace function rt.get_messages(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_chat   constant uuid := rt_private.payload_uuid(p_query, 'chat_id');
	v_limit  constant int := rt_private.query_limit(p_query);
	v_before constant text[] := rt_private.query_before(p_query, '^-?[0-9]{1,19}$', true);
	v_upto   bigint;
	v_new    uuid[];
	v_items  jsonb;
	v_places text[];
begin
	perform rt_private.reader_check(p_user_id);
	if not exists (select from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id) then
		perform rt_private.chat_refuse(v_chat);
	end if;
	if rt_private.is_uuid(v_before[1]) then
		select m.seq into v_upto from platform.messages m where m.id = v_before[1]::uuid and m.chat_id = v_chat;
		if not found then
			raise exception using errcode = 'RT400', message = 'before is not a message of this chat';
		end if;
	else
		v_upto := v_before[1]::bigint;
	end if;
	if v_upto is null then
		-- The page ends at one place for both statements below: else a message that comes between them pushes one that
		-- counts as delivered off the page.
		select coalesce(max(m.seq), 0) + 1 into v_upto from platform.messages m where m.chat_id = v_chat;
	end if;
	-- fetched messages count as delivered
	select array_agg(m.id) into v_new
	from (
		select m.id, m.sender_id from platform.messages m
		where m.chat_id = v_chat and m.seq < v_upto
		order by m.seq desc limit v_limit
	) m
	where m.sender_id <> p_user_id and not exists (select from platform.message_receipts r
		where r.message_id = m.id and r.user_id = p_user_id and r.delivered_at is not null);
	if v_new is not null then
		perform rt_private.deliver(v_new, array_fill(p_user_id, array[cardinality(v_new)]));
	end if;
	select coalesce(jsonb_agg(rt_private.message_payload(m.id, m.chat_id, m.seq, m.sender_id, u.name, u.avatar_url, m.type, m.content,
			m.metadata, m.created_at, rt_private.message_status(m.id, m.sender_id, p_user_id))
			order by m.seq desc), '[]'),
		array_agg(m.seq::text order by m.seq desc)
	into v_items, v_places
	from (
		select m.* from platform.messages m
		where m.chat_id = v_chat and m.seq < v_upto
		order by m.seq desc limit v_limit + 1
	) m
	join platform.users u on u.id = m.sender_id;
	return rt_private.page(v_items, v_places, v_limit);
end
$$;
comment on function rt.get_messages(uuid, jsonb) is
	'{chat_id, limit?, before?} -> {items:[keys of chat:message:new], next_before}, by seq, newest first. '
	'Others'' messages on the page count as delivered. status: see rt_private.message_status. RT400, RT401, RT403 '
	'not a participant, RT404 no such chat.';
