-- The users who are announced online.

-- Rows of users who have none are made first. Another session may be making the same row, and is waited for then.
create or replace function rt_private.presence_make(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_new constant uuid[] := array(
		select distinct u from unnest(p_users) u
		where not exists (select from bellwire.presence p where p.user_id = u) order by u);
	v_user uuid;
begin
	if cardinality(v_new) = 0 then
		return;
	end if;
	begin
		insert into bellwire.presence (user_id) select u from unnest(v_new) u on conflict (user_id) do nothing;
		return;
	exception when lock_not_available then
		perform set_config('lock_timeout', '1ms', true);
	end;
	foreach v_user in array v_new loop
		begin
			insert into bellwire.presence (user_id) values (v_user) on conflict (user_id) do nothing;
		exception when lock_not_available then
			null; -- somebody makes this one, and keeps it
		end;
	end loop;
end
$$;
comment on function rt_private.presence_make(uuid[]) is
	'Makes the presence rows that are missing, but for those that somebody has been making for longer than 250 ms.';

-- Presence rows are locked, so that transitions of one user never cross. Other batches hold a row for milliseconds, and
-- are waited for. Where somebody holds one for longer, the other users go on. Only the wait is a subtransaction: a row
-- that is locked in one and changed after its end costs a multixact.
create or replace function rt_private.presence_hold(p_users uuid[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_held uuid[];
begin
	perform rt_private.presence_make(p_users);
	v_held := array(
		select p.user_id from bellwire.presence p where p.user_id = any(p_users)
		order by p.user_id for no key update skip locked);
	if not exists (select from unnest(p_users) u where u <> all(v_held)) then
		return v_held;
	end if;
	begin
		return v_held || array(
			select p.user_id from bellwire.presence p
			where p.user_id = any(p_users) and p.user_id <> all(v_held)
			order by p.user_id for no key update);
	exception when lock_not_available or deadlock_detected then
		null;
	end;
	return v_held || array(
		select p.user_id from bellwire.presence p where p.user_id = any(p_users) and p.user_id <> all(v_held)
		order by p.user_id for no key update skip locked);
end
$$;
comment on function rt_private.presence_hold(uuid[]) is
	'Locks (and makes) presence rows; returns whose. Somebody has held the others'' for longer than 250 ms.';

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
