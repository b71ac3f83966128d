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

select bellwire.ensure_route('chat:typing', 'rt.chat_typing', p_max_bytes => 1024,
	p_rate_class => 'typing', p_rate_per_s => 5, p_rate_burst => 20, p_repeatable => 'always', p_ephemeral => true);
