-- The peer's own, beside the tables of migrations/0100_platform.sql.
create sequence platform.peer_seq start 1000000;

create function platform.peer_notify(m platform.messages, u platform.users) returns void
language sql volatile
as $$
	select pg_notify('deliveries', jsonb_build_object('room', 'participants:' || m.chat_id, 'event', 'chat:message:new', 'data',
		jsonb_build_object('id', m.id, 'chat_id', m.chat_id, 'seq', m.seq, 'sender_id', m.sender_id, 'sender_name', u.name,
			'sender_avatar', u.avatar_url, 'type', m.type, 'content', m.content, 'metadata', m.metadata, 'created_at', m.created_at,
			'status', 'sent'))::text)
$$;

create function platform.peer_emit(room text, event text, data jsonb) returns void
language sql volatile
as $$ select pg_notify('deliveries', jsonb_build_object('room', room, 'event', event, 'data', data)::text) $$;
