-- Sockets that come and go. An edge is registered for them in this transaction, and goes with its rollback.

create or replace function rt_test.edge() returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_edge uuid := nullif(current_setting('rt_test.edge', true), '')::uuid;
	v_n int;
begin
	if v_edge is null or not exists (select from bellwire.edges e where e.edge_id = v_edge) then
		v_edge := gen_random_uuid(); -- of its own: two tests at once must not wait for each other
		insert into bellwire.edges (edge_id, name, pid, backend_start) values (v_edge, 'rt_test', 0, now())
		returning n into v_n;
		-- as a pump's session: an edge without this lock has died, and its users come by a reconnection
		perform pg_advisory_xact_lock(rt_private.alive_class(), v_n);
		perform set_config('rt_test.edge', v_edge::text, true);
	end if;
	return v_edge;
end
$$;
comment on function rt_test.edge() is 'The edge of the sockets of this transaction.';

create or replace function rt_test.connects(p_user_id uuid, p_socket text default 'phone') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_id constant text := rt_test.socket_id(p_user_id, p_socket);
	v_open record;
begin
	select o.ok, o.reason into strict v_open from rt.socket_open(rt_test.edge(), array[jsonb_build_object(
		'socket_id', c_id, 'user_id', p_user_id, 'recovery', false)::text]) o;
	if not v_open.ok then
		raise exception 'user % may not connect: %', p_user_id, v_open.reason using errcode = 'RT401';
	end if;
	perform rt_test.tell(p_user_id, p_socket, 'connected',
		jsonb_build_object('user_id', p_user_id, 'socket_id', c_id));
	perform rt_test.tell(p_user_id, p_socket, 'sync:required',
		jsonb_build_object('user_id', p_user_id, 'reason', v_open.reason));
end
$$;
comment on function rt_test.connects(uuid, text) is
	'This socket was not there, and connects now. A user''s first one makes user:online. RT401: unknown or '
	'disabled.';

create or replace function rt_test.disconnects(p_user_id uuid, p_socket text default 'phone') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_id constant text := rt_test.socket_id(p_user_id, p_socket);
begin
	if not exists (select from bellwire.sockets s where s.socket_id = c_id) then
		raise exception 'the socket "%" of user % has not connected in this transaction', p_socket, p_user_id
			using errcode = 'no_data_found', hint = 'rt_test.connects comes first.';
	end if;
	perform rt_private.publish(array[c_id], 'disconnect', '{}', p_ephemeral => true);
	perform from rt.socket_close(rt_test.edge(), array[jsonb_build_object(
		'socket_id', c_id, 'user_id', p_user_id, 'clean', true)::text]);
end
$$;
comment on function rt_test.disconnects(uuid, text) is
	'This socket, which rt_test.connects brought, ends because its client says so. The last one makes '
	'user:offline.';
