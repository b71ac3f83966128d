-- The users who are announced online.

-- Presence rows are locked in one order, so that transitions of one user never cross.
create or replace function rt_private.presence_lock(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into bellwire.presence (user_id)
	select u from (select distinct unnest(p_users) as u) x order by u
	on conflict (user_id) do nothing;
	perform from bellwire.presence p where p.user_id = any(p_users) order by p.user_id for no key update;
end
$$;
comment on function rt_private.presence_lock(uuid[]) is 'Locks (and makes) presence rows, sorted.';

create or replace function rt_private.presence_online(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_user uuid;
begin
	for v_user in
		update bellwire.presence p set online = true, offline_due = null
		from (select q.user_id, q.online from bellwire.presence q where q.user_id = any(p_users)) was
		where p.user_id = was.user_id and (not p.online or p.offline_due is not null)
		returning case when not was.online then p.user_id end
	loop
		if v_user is not null then
			perform rt_private.presence_publish(v_user, true);
		end if;
	end loop;
end
$$;
comment on function rt_private.presence_online(uuid[]) is
	'These users have a socket: announced, unless they already are. Their presence rows are locked.';

create or replace function rt_private.sockets_gone(p_users uuid[], p_grace text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_due constant timestamptz := clock_timestamp() + make_interval(secs => p_grace::double precision);
begin
	-- a statement of its own, so that its snapshot is younger than the locks on the presence rows
	update bellwire.presence p set offline_due = v_due
	where p.user_id = any(p_users) and p.online and p.offline_due is null
		and not exists (select from bellwire.sockets s where s.user_id = p.user_id);
end
$$;
comment on function rt_private.sockets_gone(uuid[], text) is
	'Users without a socket left get p_grace seconds to come back. Their presence rows are locked.';

create or replace function rt_private.presence_forget(p_users uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	delete from bellwire.presence p
	where p.user_id = any(p_users) and not p.online
		and not exists (select from platform.users u where u.id = p.user_id)
		and not exists (select from bellwire.sockets s where s.user_id = p.user_id)
$$;
comment on function rt_private.presence_forget(uuid[]) is
	'The presence rows of deleted users go once their end has been told. Those rows are locked.';

create or replace function rt_private.presence_offline(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_user uuid;
begin
	for v_user in
		update bellwire.presence p set online = false, offline_due = null
		where p.user_id = any(p_users) and p.online and not exists (select from bellwire.sockets s where s.user_id = p.user_id)
		returning p.user_id
	loop
		perform rt_private.presence_publish(v_user, false);
	end loop;
	update bellwire.presence p set offline_due = null
	where p.user_id = any(p_users) and p.offline_due is not null
		and exists (select from bellwire.sockets s where s.user_id = p.user_id);
	perform rt_private.presence_forget(p_users);
end
$$;
comment on function rt_private.presence_offline(uuid[]) is
	'Announces offline the users who have no socket. Their presence rows are locked.';
