-- One socket that closes, as in rt.socket_open_one: what is out of the ordinary is left to rt.socket_close.

create or replace function rt.socket_close_one(p_edge uuid, p_socket text, p_user uuid, p_clean boolean,
	p_over boolean, p_why text, p_unrung boolean) returns table (ord int, xact text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $$
declare
	v_place  tid; -- of the presence row, which is locked now
	v_online boolean;
	v_due    timestamptz;
	v_gone   boolean; -- no socket is left; null: this one is not there
	v_over   boolean; -- it cannot be recovered, and could be
	v_lost   boolean; -- offline now
begin
	select a.ctid, a.online, a.offline_due, case when p_unrung then rt_private.unrung() end
	into v_place, v_online, v_due, xact
	from bellwire.presence a where a.user_id = p_user for no key update skip locked;
	if v_online then
		-- a statement of its own, so that its snapshot is younger than the lock
		delete from bellwire.sockets k where k.socket_id = p_socket and k.edge_id is not distinct from p_edge
		returning (
			select true from bellwire.sockets s
			where s.user_id = p_user and s.socket_id <> p_socket limit 1) is null,
			(select true from bellwire.recoveries r where r.socket_id = p_socket and (p_clean or p_over))
		into v_gone, v_over;
	end if;
	if v_gone is null then
		ord := (select c.ord from rt.socket_close(p_edge, array[jsonb_build_object('socket_id', p_socket,
			'user_id', p_user, 'clean', p_clean, 'over', p_over, 'why', p_why)::text]) c);
		return next;
		return;
	end if;
	v_lost := v_gone and p_clean and v_due is null;
	update bellwire.presence p
	set ended_at = clock_timestamp(), ended_by_expiry = p_why is not distinct from 'token_expired',
		unclean_at = case when p_clean then p.unclean_at else clock_timestamp() end,
		online = not v_lost,
		offline_due = case when not v_gone or p_clean or v_due is not null then v_due
			else clock_timestamp() + rt_private.presence_grace(p_why) end
	where p.ctid = v_place;
	if v_over then
		perform rt_private.recovery_over(array[p_socket]);
	end if;
	if not v_lost then
		xact := null; -- there is nothing to read
	elsif not rt_private.presence_tell(p_user, false, null) then
		perform rt_private.presence_forget(array[p_user]);
	end if;
	return next;
end
$$;
comment on function rt.socket_close_one(uuid, text, uuid, boolean, boolean, text, boolean) is
	'rt.socket_close for one socket: its id, its user, clean, over, why. One row: ord is null unless it comes '
	'again; unrung and xact as in rt.socket_open_one.';
