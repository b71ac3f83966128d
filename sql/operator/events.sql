-- The last events, and those that come.

create or replace function rt_private.rooms_of(p_user uuid) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select array_agg(r.room) from (
		select unnest(u.rooms) as room from rt_private.user_rooms(array[p_user]) u
		union all
		select 'user:' || p_user
		union all
		select 'chat:' || p.chat_id from platform.chat_participants p where p.user_id = p_user
		union all
		select s.socket_id from bellwire.sockets s where s.user_id = p_user) r
$$;
comment on function rt_private.rooms_of(uuid) is
	'Every room in which a socket of the user may be now: those of its rows, its own, and the chats that it may '
	'have on screen.';

create or replace function rt.events(
	p_from text default null,
	p_user uuid default null,
	p_room text default null,
	p_event text default null,
	p_limit int default 100,
	p_bodies boolean default false)
returns table (id bigint, xid text, at timestamptz, rooms text[], except_rooms text[], event text, control text,
	ephemeral boolean, bytes int, data jsonb)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
	c_read constant int := 20000;
	v_now constant pg_snapshot := pg_current_snapshot();
	v_from constant pg_snapshot := p_from::pg_snapshot;
	v_since constant xid8 := coalesce(pg_snapshot_xmin(v_from), '0'::xid8);
	v_rooms constant text[] := case when p_user is not null then rt_private.rooms_of(p_user) end;
	v_limit constant int := rt_private.ask_limit(p_limit);
begin
	id := null; xid := v_now::text;
	return next;
	-- By the index on xid, the newest first, and never more than some: an outbox of an hour's burst must not be
	-- read for each look.
	return query
	select r.* from (
		select q.id, q.xid::text, q.at, q.rooms, q.except_rooms, q.event, q.control, q.ephemeral, q.bytes,
			q.data
		from (
			select o.id, o.xid, o.at, o.rooms, o.except_rooms, o.event, o.control, o.ephemeral,
				octet_length(o.data::text) as bytes, case when p_bodies then o.data end as data
			from (
				select a.*, false as ephemeral from bellwire.outbox a
				where a.xid >= v_since and a.xid < pg_snapshot_xmax(v_now)
				union all
				select a.*, true from bellwire.outbox_ephemeral a
				where a.xid >= v_since and a.xid < pg_snapshot_xmax(v_now)
				order by 1 desc
				limit c_read
			) o
			where pg_visible_in_snapshot(o.xid, v_now)
				and (v_from is null or not pg_visible_in_snapshot(o.xid, v_from))
				and (p_event is null or o.event = p_event or o.control = p_event)
				and (p_room is null or o.rooms is null or p_room = any(o.rooms))
				and (p_user is null or o.data ->> 'user_id' = p_user::text and o.control is not null
					or o.control is null and (o.rooms is null or o.rooms && v_rooms)
						and not o.except_rooms && array['user:' || p_user])
		) q
		order by q.id desc
		limit v_limit
	) r
	order by r.id;
end
$$;
comment on function rt.events(text, uuid, text, text, int, boolean) is
	'The last rows of the outbox, oldest first: events and control rows that a user may have heard, of a room, of '
	'one name; bodies only where they are asked for. The first row has the cursor as xid: given as p_from, only '
	'what has become visible since comes, late commits too. p_limit (1000) at most, among the last 20 000. RT400.';
