-- The users who are announced online.

-- Rows of users who have none are made first. Another session may be making the same row, and is waited for then.
create or replace function rt_private.presence_make(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_new constant uuid[] := array(
		select distinct u from unnest(p_users) u
		where (select true from bellwire.presence p where p.user_id = u) is null order by u);
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

create or replace function rt_private.presence_free(p_users uuid[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- row by row (sql/plans.sql)
	return array_remove(array(
		select (select p.user_id from bellwire.presence p where p.user_id = q.id for no key update skip locked)
		from (select distinct u as id from unnest(p_users) u order by u) q), null);
end
$$;
comment on function rt_private.presence_free(uuid[]) is
	'Locks those presence rows that nobody else holds, in the order of the users; returns whose.';

-- Presence rows are locked, so that transitions of one user never cross. Other batches hold a row for milliseconds, and
-- are waited for. Where somebody holds one for longer, the other users go on. Only the wait is a subtransaction: a row
-- that is locked in one and changed after its end costs a multixact.
create or replace function rt_private.presence_hold(p_users uuid[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_held uuid[];
	v_left uuid[];
begin
	perform rt_private.presence_make(p_users);
	v_held := rt_private.presence_free(p_users);
	v_left := array(select distinct u from unnest(p_users) u where u <> all(v_held) order by u);
	if cardinality(v_left) = 0 then
		return v_held;
	end if;
	begin
		return v_held || array_remove(array(
			select (select p.user_id from bellwire.presence p where p.user_id = q.id for no key update)
			from unnest(v_left) q (id)), null);
	exception when lock_not_available or deadlock_detected then
		null;
	end;
	return v_held || rt_private.presence_free(v_left);
end
$$;
comment on function rt_private.presence_hold(uuid[]) is
	'Locks (and makes) presence rows; returns whose. Somebody has held the others'' for longer than 250 ms.';

create or replace function rt_private.presence_online(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_new constant uuid[] := array(
		select p.user_id from bellwire.presence p where p.user_id = any(p_users) and not p.online);
	v_user uuid;
begin
	update bellwire.presence p set online = true, offline_due = null
	where p.user_id = any(p_users) and (not p.online or p.offline_due is not null);
	foreach v_user in array v_new loop
		perform rt_private.presence_publish(v_user, true);
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
		and (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) is null;
end
$$;
comment on function rt_private.sockets_gone(uuid[], text) is
	'Users without a socket left get p_grace seconds to come back. Their presence rows are locked.';

create or replace function rt_private.presence_forget(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	delete from bellwire.presence p
	where p.user_id = any(p_users) and not p.online
		and (select true from platform.users u where u.id = p.user_id) is null
		and (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) is null;
end
$$;
comment on function rt_private.presence_forget(uuid[]) is
	'The presence rows of deleted users go once their end has been told. Those rows are locked.';

create or replace function rt_private.presence_offline(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_back uuid[];
	v_user uuid;
begin
	for v_user in
		update bellwire.presence p set online = false, offline_due = null
		where p.user_id = any(p_users) and p.online
			and (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) is null
		returning p.user_id
	loop
		perform rt_private.presence_publish(v_user, false);
	end loop;
	-- "case" hides the condition from the partial index, which has the users of all other calls
	v_back := array(
		select p.user_id from bellwire.presence p
		where p.user_id = any(p_users) and case when p.offline_due is not null
			then (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) end);
	if cardinality(v_back) > 0 then
		update bellwire.presence p set offline_due = null where p.user_id = any(v_back);
	end if;
	perform rt_private.presence_forget(p_users);
end
$$;
comment on function rt_private.presence_offline(uuid[]) is
	'Announces offline the users who have no socket. Their presence rows are locked.';
