-- Control rows: orders to the edges.

create or replace function rt_private.control(p_verb text, p_data jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_done boolean;
begin
	v_done := rt_private.outbox_insert('{}', '{}', null, p_data, null, p_verb, false);
	-- rt.dispatch reads this: an ack of this transaction must not come before the control row
	perform set_config('bellwire.moved', 'moved', true);
end
$$;
comment on function rt_private.control(text, jsonb) is
	'Writes a control row (docs/edge-sql.md): an order to the edges that travels with the events around it.';

create or replace function rt_private.rooms_stale(p_users uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select rt_private.control('rooms_stale',
		case when p_users is null then '{}'::jsonb else jsonb_build_object('user_ids', to_jsonb(p_users)) end)
$$;
comment on function rt_private.rooms_stale(uuid[]) is 'Edges read the rooms of these users again; null: of everyone.';

-- Membership of live sockets, ordered with the events around it (docs/architecture.md, "Membership").
create or replace function rt_private.socket_join(p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt.socket_id() is not null then
		perform rt_private.control('socket_join', jsonb_build_object('socket_id', rt.socket_id(), 'room', p_room));
	end if;
end
$$;
comment on function rt_private.socket_join(text) is
	'The calling socket enters the room; nothing outside a client event.';

create or replace function rt_private.socket_leave(p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt.socket_id() is not null then
		perform rt_private.control('socket_leave', jsonb_build_object('socket_id', rt.socket_id(), 'room', p_room));
	end if;
end
$$;
comment on function rt_private.socket_leave(text) is
	'The calling socket leaves the room; nothing outside a client event.';

create or replace function rt_private.user_control(p_verb text, p_user uuid, p_key text, p_value text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
	else
		perform rt_private.control(p_verb, jsonb_build_object('user_id', p_user, p_key, p_value));
	end if;
end
$$;
comment on function rt_private.user_control(text, uuid, text, text) is 'A control row about a user.';

create or replace function rt_private.user_join(p_user uuid, p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform rt_private.user_control('user_join', p_user, 'room', p_room); end $$;
comment on function rt_private.user_join(uuid, text) is 'All sockets of the user enter the room.';

create or replace function rt_private.user_leave(p_user uuid, p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.user_control('user_leave', p_user, 'room', p_room);
	perform set_config('bellwire.left', pg_current_xact_id()::text, true);
end
$$;
comment on function rt_private.user_leave(uuid, text) is 'All sockets of the user leave the room.';

-- The index leads to the rows of one transaction, whatever is known of a table that is emptied every ten minutes.
create or replace function rt_private.leaves_undo(p_family text, p_ids uuid[], p_users uuid[])
returns table (id uuid, user_id uuid)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
begin
	if current_setting('bellwire.left', true) = pg_current_xact_id_if_assigned()::text then
		return query
		with gone as (
			delete from bellwire.outbox o using unnest(p_ids, p_users) n (id, user_id)
			where o.xid = pg_current_xact_id() and o.control = 'user_leave'
				and (o.data ->> 'user_id')::uuid = n.user_id
				and o.data ->> 'room' in (p_family || ':' || n.id,
					case p_family when 'participants' then 'chat:' || n.id end)
			returning n.id, n.user_id
		)
		select distinct g.id, g.user_id from gone g;
	end if;
end
$$;
comment on function rt_private.leaves_undo(text, uuid[], uuid[]) is
	'Users who left <family>:<id> earlier in this transaction and are back: takes the order to leave out of the '
	'outbox, and returns them.';

create or replace function rt_private.user_kick(p_user uuid, p_reason text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform rt_private.user_control('user_kick', p_user, 'reason', p_reason); end $$;
comment on function rt_private.user_kick(uuid, text) is
	'The user''s sockets end: "disabled" or "deleted" (docs/connecting.md, "The end of a token, and of a user").';
