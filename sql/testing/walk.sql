-- Who hears what: the rows of this transaction, one after the other, as an edge takes them (docs/architecture.md,
-- "Membership").

-- rt_private.user_rooms has none for a user who is disabled. Until the row that says so, this one has them.
create or replace function rt_test.rooms_granted(p_user_id uuid) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select array['user:' || p_user_id]
		|| array(select 'participants:' || p.chat_id from platform.chat_participants p
			where p.user_id = p_user_id)
		|| array(select 'followers:' || f.followee_id from platform.follows f where f.follower_id = p_user_id)
		|| coalesce((select o.rooms from rt_private.rooms_sourced(array[p_user_id]) o), '{}')
$$;
comment on function rt_test.rooms_granted(uuid) is 'Rooms that rows grant the user now.';

-- Rows say what is, the control rows say what has changed. So the rooms of then are those of now, with the first change
-- of each room since undone.
create or replace function rt_test.rooms_then(p_user_id uuid, p_id bigint) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	with first as (
		select distinct on (w.data ->> 'room') w.data ->> 'room' as room, w.control
		from rt_test.written() w
		where w.control in ('user_join', 'user_leave') and w.data ->> 'user_id' = p_user_id::text
			and w.data ->> 'room' not like 'chat:%' and w.id > p_id
		order by w.data ->> 'room', w.id
	)
	select coalesce(array_agg(r.room), '{}')
	from (
		select g.room from unnest(rt_test.rooms_granted(p_user_id)) g (room)
		where not exists (select from first f where f.room = g.room)
		union
		select f.room from first f where f.control = 'user_leave'
	) r
$$;
comment on function rt_test.rooms_then(uuid, bigint) is
	'Rooms that rows granted the user behind this row of the outbox; 0: when the transaction began. A user whom it '
	'made is there from the beginning.';

create or replace function rt_test.open_before(p_user_id uuid, p_socket text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select coalesce(
		(select w.event <> 'connected' from rt_test.written() w
		where w.rooms = array[rt_test.socket_id(p_user_id, p_socket)] and w.event in ('connected', 'disconnect')
		order by w.id limit 1), true)
		and (exists (select from platform.users u where u.id = p_user_id and u.disabled_at is null)
			or exists (select from rt_test.written() w
				where w.control = 'user_kick' and w.data ->> 'user_id' = p_user_id::text))
$$;
comment on function rt_test.open_before(uuid, text) is 'Is the socket one that was there when this transaction began?';

-- A room that the socket is put into, or leaves. chat: rooms go with the socket, and with the chat's participant.
create or replace function rt_test.rooms_after(p_rooms text[], p_id bigint, p_control text, p_data jsonb,
	p_user_id uuid, p_socket_id text) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select case
		when p_control in ('user_join', 'user_leave') and p_data ->> 'user_id' is distinct from p_user_id::text
			then p_rooms
		when p_control in ('socket_join', 'socket_leave')
			and p_data ->> 'socket_id' is distinct from p_socket_id then p_rooms
		when p_control in ('user_leave', 'socket_leave') then array_remove(p_rooms, p_data ->> 'room')
		when p_control in ('user_join', 'socket_join')
			then array_remove(p_rooms, p_data ->> 'room') || (p_data ->> 'room')
		when p_control = 'rooms_stale'
			and coalesce(p_data -> 'user_ids' ? p_user_id::text, true) then array(
				select g.room from unnest(rt_test.rooms_then(p_user_id, p_id)) g (room)
				union
				select r.room from unnest(p_rooms) r (room)
				where r.room = p_socket_id or rt_private.may_join(p_user_id, r.room))
		else p_rooms end
$$;
comment on function rt_test.rooms_after(text[], bigint, text, jsonb, uuid, text) is
	'The rooms of a socket behind a control row.';

create or replace function rt_test.walk(p_user_id uuid, p_socket text default 'phone')
returns table (id bigint, event text, data jsonb, confirm jsonb, heard boolean, is_open boolean, inside text[],
	rooms text[], except_rooms text[])
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_id constant text := rt_test.socket_id(p_user_id, p_socket);
	w record;
begin
	is_open := rt_test.open_before(p_user_id, p_socket);
	inside := rt_test.rooms_then(p_user_id, 0) || c_id;
	for w in select * from rt_test.written() loop
		id := w.id; event := w.event; data := w.data; confirm := w.confirm; rooms := w.rooms;
		except_rooms := w.except_rooms;
		if w.control = 'user_kick' and w.data ->> 'user_id' = p_user_id::text then
			-- the last thing that the socket is told
			event := 'error'; rooms := array[c_id];
			data := jsonb_build_object('code', 'UNAUTHORIZED', 'message', 'Invalid token',
				'timestamp', rt_private.iso(clock_timestamp()));
			heard := is_open;
			return next;
			is_open := false;
		elsif w.control is not null then
			inside := rt_test.rooms_after(inside, w.id, w.control, w.data, p_user_id, c_id);
		elsif w.rooms = array[c_id] and w.event in ('connected', 'disconnect') then
			inside := array(select r.room from unnest(inside) r (room) where r.room not like 'chat:%');
			is_open := w.event = 'connected';
			heard := is_open;
			return next;
		else
			heard := is_open and (w.rooms is null or w.rooms && inside) and not w.except_rooms && inside;
			return next;
		end if;
	end loop;
	id := null; event := null; data := null; confirm := null; heard := false; rooms := null; except_rooms := null;
	return next;
end
$$;
comment on function rt_test.walk(uuid, text) is
	'Each event of this transaction, with the rooms that the socket was in when it came, and whether it was heard. '
	'Last a row without id: the socket as it is now.';
