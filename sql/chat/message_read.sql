-- chat:message:read  ->  {message_id, chat_id, read_by, read_at}

create or replace function rt.chat_message_read(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_message constant uuid := rt_private.payload_uuid(p_payload, 'message_id');
	v_chat    constant uuid := rt_private.payload_uuid(p_payload, 'chat_id');
	v_sender  uuid;
	v_in      uuid;
	v_read_at timestamptz;
begin
	if not exists (select from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id) then
		perform rt_private.chat_refuse(v_chat);
	end if;
	select m.sender_id, m.chat_id into v_sender, v_in from platform.messages m where m.id = v_message;
	if v_in is distinct from v_chat then
		raise exception using errcode = 'RT403', message = 'No such message in this chat';
	end if;
	-- An INSERT with "do update" would fire the triggers of both, whatever it does. It goes round again where somebody
	-- else writes or deletes the receipt meanwhile, but not for ever: a trigger may keep it from being written.
	for attempt in 1..5 loop
		exit when v_sender = p_user_id or v_read_at is not null;
		select r.read_at into v_read_at from platform.message_receipts r
		where (r.message_id, r.user_id) >= (v_message, p_user_id)
			and (r.message_id, r.user_id) <= (v_message, p_user_id);
		if not found then
			insert into platform.message_receipts as r (message_id, user_id, read_at)
			values (v_message, p_user_id, clock_timestamp())
			on conflict (message_id, user_id) do nothing
			returning r.read_at into v_read_at;
		elsif v_read_at is null then
			update platform.message_receipts r set read_at = clock_timestamp()
			where (r.message_id, r.user_id) >= (v_message, p_user_id)
				and (r.message_id, r.user_id) <= (v_message, p_user_id) and r.read_at is null
			returning r.read_at into v_read_at;
		end if;
	end loop;
	return jsonb_build_object('message_id', v_message, 'chat_id', v_chat, 'read_by', p_user_id, 'read_at', rt_private.iso(v_read_at));
end
$$;
comment on function rt.chat_message_read(uuid, jsonb) is
	'{message_id, chat_id} -> {message_id, chat_id, read_by, read_at}; the first read counts. One''s own message: read_at null, nothing happens. RT400, RT403 not a participant or no such message there, RT404 no such chat.';

select bellwire.ensure_route('chat:message:read', 'rt.chat_message_read', p_max_bytes => 1024,
	p_rate_class => 'read', p_rate_per_s => 50, p_rate_burst => 200, p_repeatable => 'always');
