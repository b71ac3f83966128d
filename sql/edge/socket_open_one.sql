-- One socket that opens, which is what comes while there is no storm: without arrays and JSON, each row by its key, and
-- all that is read by one statement. What is out of the ordinary is left to rt.socket_open.

create or replace function rt.socket_open_one(p_edge uuid, p_socket text, p_user uuid, p_again boolean, p_pid text,
	p_unrung boolean)
returns table (ord int, ok boolean, rooms text, reason text, snapshot text, xact text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	v_place   tid; -- of the presence row, which is locked now; a locked row stays there
	v_online  boolean;
	v_due     timestamptz;
	v_unclean timestamptz;
	v_expired timestamptz;
	v_expiry  boolean;
	v_sourced boolean;
	v_done    boolean;
begin
	select pg_current_snapshot(), p.ctid, p.online, p.offline_due, p.unclean_at, p.expired_token_at,
		p.ended_by_expiry, exists (select from bellwire.room_sources),
		array_to_string(array(
			select r.room from rt_private.rooms_around(u.id, 'user:', 'followers:') r), e'\n'),
		case when p_unrung then rt_private.unrung() end
	into snapshot, v_place, v_online, v_due, v_unclean, v_expired, v_expiry, v_sourced, rooms, xact
	from bellwire.edges e
	cross join platform.users u
	left join lateral (
		select a.ctid, a.online, a.offline_due, a.unclean_at, a.expired_token_at, a.ended_by_expiry
		from bellwire.presence a where a.user_id = p_user for no key update skip locked
	) p on true
	where e.edge_id = p_edge and e.seen_at <> '-infinity' and u.id = p_user and u.disabled_at is null;
	ok := rooms is not null and (v_place is not null or rt_private.presence_begin(p_user));
	if ok is not true then
		if ok is false then -- null: somebody makes the row
			return query
			select o.*, socket_open_one.xact
			from rt.socket_open(p_edge, array[jsonb_build_object('socket_id', p_socket, 'user_id', p_user,
				'recovery', p_again, 'pid', p_pid)::text]) o;
		end if;
		return;
	end if;
	reason := 'connection_established';
	-- only then has rt_private.reason anything to find; without a presence row all but the first are null
	if p_again or v_online or v_expiry
		or greatest(v_unclean, v_expired) > clock_timestamp() - interval '2 minutes' then
		select y.reason into strict reason from rt_private.reason(p_user, p_again) y;
	end if;
	insert into bellwire.sockets (socket_id, edge_id, user_id) values (p_socket, p_edge, p_user)
	on conflict (socket_id) do update set edge_id = excluded.edge_id, user_id = excluded.user_id;
	if p_pid is not null then
		perform rt_private.recovery_register(array[p_socket], array[p_user], array[p_pid], array[p_user]);
	end if;
	-- as rt_private.presence_online; a row that has just been made is as it must be
	if not v_online or v_due is not null or v_expired is not null or v_expiry then
		update bellwire.presence p
		set online = true, offline_due = null, expired_token_at = null, ended_by_expiry = false
		where p.ctid = v_place;
	end if;
	if v_online is not true then
		v_done := rt_private.presence_tell(p_user, true, rooms);
	else
		xact := null; -- there is nothing to read
	end if;
	if v_sourced then
		select concat_ws(e'\n', socket_open_one.rooms, string_agg(array_to_string(o.rooms, e'\n'), e'\n'))
		into rooms
		from rt_private.rooms_sourced(array[p_user]) o;
	end if;
	ord := 1;
	return next;
end
$$;
comment on function rt.socket_open_one(uuid, text, uuid, boolean, text, boolean) is
	'rt.socket_open for one socket: its id, its user, recovery, pid. unrung: the edge is alone, and reads by '
	'itself what this writes; xact is the transaction then, if there is something to read.';
