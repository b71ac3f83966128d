-- chat:typing  ->  {status}

create or replace function rt.chat_typing(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
begin
	return rt_private.relay('chat:typing', p_user_id, p_payload);
end
$$;
comment on function rt.chat_typing(uuid, jsonb) is
	'{chat_id, is_typing} -> {status:"ok"}. chat:typing {chat_id, user_id, user_name, is_typing} to chat:<chat_id> but the calling socket; nothing is kept. RT400, RT403 not a participant, RT404 no such chat.';

select bellwire.ensure_route('chat:typing', 'rt.chat_typing', p_max_bytes => 1024,
	p_rate_class => 'typing', p_rate_per_s => 5, p_rate_burst => 20, p_repeatable => 'always', p_ephemeral => true);
select bellwire.ensure_relay('chat:typing', 'chat:{chat_id}', 'participants:{chat_id}',
	'{"chat_id": "uuid", "user_id": "user_id", "is_typing": "boolean", "user_name": "user_name"}');
