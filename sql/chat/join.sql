-- chat:join  ->  {status, chat_id}

create or replace function rt.chat_join(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_chat constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
begin
	-- The row is locked, so that the leave of a removal comes after this join. The lock is not waited for: a
	-- removal that has the row wants the chat next, which this transaction holds. (55P03, UNAVAILABLE. A removal
	-- that has both locks defers the item.)
	perform from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id for key share nowait;
	if not found then
		perform rt_private.chat_refuse(v_chat);
	end if;
	perform rt_private.socket_join('chat:' || v_chat);
	return jsonb_build_object('status', 'joined', 'chat_id', v_chat);
end
$$;
comment on function rt.chat_join(uuid, jsonb) is
	'{chat_id} -> {status:"joined", chat_id}. The calling socket enters chat:<chat_id>. RT400, RT403 not a '
	'participant, RT404 no such chat.';

-- A join takes the chat's lock, as a removal does: during a removal the join is deferred.
select bellwire.ensure_route('chat:join', 'rt.chat_join', p_max_bytes => 1024,
	p_rate_class => 'join', p_rate_per_s => 20, p_rate_burst => 60, p_lock_key => 'chat_id', p_repeatable => 'always');
