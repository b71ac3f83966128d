-- chat:leave  ->  {status, chat_id}

create or replace function rt.chat_leave(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
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

select bellwire.ensure_route('chat:leave', 'rt.chat_leave', p_max_bytes => 1024,
	p_rate_class => 'join', p_rate_per_s => 20, p_rate_burst => 60, p_repeatable => 'always');
