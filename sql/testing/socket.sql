-- Sockets of a test. No edge and no client is there. A user has as many sockets as the test names, each of them
-- connected all along, unless rt_test.connects says when it came.

create or replace function rt_test.socket_id(p_user_id uuid, p_socket text default 'phone') returns text
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$ select 'rt_test:' || p_user_id || ':' || p_socket $$;
comment on function rt_test.socket_id(uuid, text) is
	'The id, and so the room, of a user''s socket of this name.';

create or replace function rt_test.forget() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select set_config('rt_test.mark', nextval('bellwire.outbox_id')::text, true) $$;
comment on function rt_test.forget() is
	'What was published and heard in this transaction up to here counts no longer. Who is in which room stays.';

create or replace function rt_test.mark() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce(nullif(current_setting('rt_test.mark', true), ''), '0')::bigint $$;
comment on function rt_test.mark() is 'The outbox id of the last rt_test.forget() in this transaction, or 0.';

create or replace function rt_test.written()
returns table (id bigint, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb, control text,
	ephemeral boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
	select o.id, o.rooms, o.except_rooms, o.event, o.data, o.confirm, o.control, false
	from bellwire.outbox o where o.xid = pg_current_xact_id_if_assigned()
	union all
	select o.id, o.rooms, o.except_rooms, o.event, o.data, o.confirm, o.control, true
	from bellwire.outbox_ephemeral o where o.xid = pg_current_xact_id_if_assigned()
	order by 1
$$;
comment on function rt_test.written() is
	'Rows that this transaction has in the outbox, in their order: what an edge would read after the commit.';

-- The events among them, without orders to edges and without what rt_test itself tells a socket.
create or replace function rt_test.published()
returns table (id bigint, event text, data jsonb, rooms text[], except_rooms text[], ephemeral boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select w.id, w.event, w.data, w.rooms, w.except_rooms, w.ephemeral
	from rt_test.written() w
	where w.control is null and w.id > rt_test.mark()
		and (w.rooms is null or array_to_string(w.rooms, ' ') not like 'rt\_test:%')
$$;
comment on function rt_test.published() is
	'Events that this transaction has published since rt_test.forget(), whoever hears them. rooms null: everyone.';

create or replace function rt_test.tell(p_user_id uuid, p_socket text, p_event text, p_data jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select rt_private.publish(array[rt_test.socket_id(p_user_id, p_socket)], p_event,
		p_data || jsonb_build_object('timestamp', rt_private.iso(clock_timestamp())), p_ephemeral => true)
$$;
comment on function rt_test.tell(uuid, text, text, jsonb) is
	'An event that an edge itself would say to this socket, with the time.';
