-- All grants. A role may do nothing that does not stand here (docs/event-path.md, "Small rules").

do $$
declare
	v_function text;
begin
	for v_function in
		select f.name from bellwire.code_functions() f where f.is_new
	loop
		execute format('revoke all on function %s from public, bellwire_edge, bellwire_operator', v_function);
	end loop;
end
$$;

grant usage on schema rt to bellwire_edge, bellwire_service, bellwire_operator;

grant usage on schema platform to bellwire_service;

grant execute on function
	rt.pump_open(uuid, text, text, text[]), rt.mark(), rt.place(text), rt.fetch(text, text), rt.fetch_page(text, text, bigint, int, text),
	rt.poll(pg_snapshot, xid8), rt.poll_both(pg_snapshot, xid8), rt.poll_few(pg_snapshot, xid8),
	rt.poll_ids(pg_snapshot, xid8),
	rt.bell_arm(), rt.bell_disarm(), rt.bell_hear(boolean), rt.ring(),
	rt.dispatch(text[]), rt.dispatch_lone(text, uuid, text, text), rt.dispatch_lone(text),
	rt.dispatch_one(text),
	rt.socket_open(uuid, text[]), rt.socket_register(uuid, text[]), rt.socket_close(uuid, text[]),
	rt.socket_open_one(uuid, text, uuid, boolean, text, boolean),
	rt.socket_close_one(uuid, text, uuid, boolean, boolean, text, boolean),
	rt.rooms(uuid[]), rt.token_expired(uuid), rt.user_state(uuid), rt.token_keys(), rt.users_of(text[]),
	rt.recovery_key(), rt.recover(text[]),
	rt.routes(), rt.relays(), rt.relayed(uuid, jsonb), rt.names(uuid[]),
	rt.version(), rt.maintain(uuid, bigint), rt.sweep(uuid), rt.monitor(), rt.edge_close(uuid),
	rt.confirm(jsonb[], uuid[], uuid[], uuid[], uuid[]), rt.confirm_lone(uuid, uuid, boolean, boolean),
	rt.answer(uuid, text[]), rt.emitter_attachment(bigint),
	rt.page_ask(text, jsonb), rt.page_answer(uuid, boolean),
	rt.get_chats(uuid, jsonb), rt.get_messages(uuid, jsonb), rt.get_notifications(uuid, jsonb)
to bellwire_edge;

-- what rt.poll, rt.poll_both, rt.poll_few and rt.poll_ids read, with the rights of whoever asks
grant select on rt.outbox_head, rt.outbox_kept, rt.outbox_both, rt.outbox_rows to bellwire_edge;

grant execute on function rt.emit(text[], text, jsonb, text[], boolean), rt.socket_id(),
	rt.online(uuid[]), rt.user_join(uuid, text),
	rt.user_leave(uuid, text), rt.undelivered(interval, int, text),
	rt.verify_open(uuid, text[], jsonb), rt.verify_renew(uuid), rt.verify_close(uuid)
to bellwire_service;

grant execute on function
	rt.ask_edges(), rt.ask_sockets(uuid, text, text, int), rt.ask_rooms(text, int), rt.kick(uuid, text, text, text),
	rt.ask_recall(text, uuid), rt.explain(text, uuid, uuid, interval),
	rt.answers(uuid, interval), rt.events(text, uuid, text, text, int, boolean), rt.version(),
	rt.emit(text[], text, jsonb, text[], boolean)
to bellwire_operator;

grant execute on function platform.notify(uuid, text, text, text, jsonb) to bellwire_service;
