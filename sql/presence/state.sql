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

-- The following have no search_path of their own, as all their callers have one: a switch costs as much as two rows.
create or replace function rt_private.presence_free(p_users uuid[]) returns uuid[]
language plpgsql volatile
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

-- Only the wait is a subtransaction: a row that is locked in one and changed after its end costs a multixact.
create or replace function rt_private.presence_wait(p_users uuid[]) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
begin
	begin
		return array_remove(array(
			select (select p.user_id from bellwire.presence p where p.user_id = q.id for no key update)
			from (select u as id from unnest(p_users) u order by u) q), null);
	exception when lock_not_available or deadlock_detected then
		null;
	end;
	return rt_private.presence_free(p_users);
end
$$;
comment on function rt_private.presence_wait(uuid[]) is
	'presence_free for rows that somebody holds: waits up to 250 ms first.';

-- Presence rows are locked, so that transitions of one user never cross. Other batches hold a row for milliseconds, and
-- are waited for. Where somebody holds one for longer, the other users go on.
create or replace function rt_private.presence_hold(p_users uuid[]) returns uuid[]
language plpgsql volatile
as $$
declare
	v_held uuid[];
begin
	if exists (
		select from unnest(p_users) u
		where (select true from bellwire.presence p where p.user_id = u) is null) then
		perform rt_private.presence_make(p_users);
	end if;
	v_held := rt_private.presence_free(p_users);
	if cardinality(v_held) < cardinality(p_users) then
		v_held := v_held || rt_private.presence_wait(array(
			select u from unnest(p_users) u where u <> all(v_held)));
	end if;
	return v_held;
end
$$;
comment on function rt_private.presence_hold(uuid[]) is
	'Locks (and makes) presence rows of users, none of them twice; returns whose. Somebody has held the others'' '
	'for longer than 250 ms.';

create or replace function rt_private.presence_begin(p_user uuid) returns boolean
language plpgsql volatile set lock_timeout = '250ms'
as $$
begin
	insert into bellwire.presence (user_id, online) values (p_user, true) on conflict (user_id) do nothing;
	return found;
exception when lock_not_available then
	return null;
end
$$;
comment on function rt_private.presence_begin(uuid) is
	'The presence row of a user who has none yet and whose first socket opens: online. False: there is one; null: '
	'somebody has been making it for 250 ms.';

create or replace function rt_private.presence_online(p_users uuid[], p_told boolean) returns void
language plpgsql volatile
as $$
declare
	v_changed int;
	v_new     uuid[];
begin
	select count(*), array_agg(p.user_id) filter (where not p.online) into v_changed, v_new
	from bellwire.presence p
	where p.user_id = any(p_users) and case when p.online and p.offline_due is null
		then p_told and (p.expired_token_at is not null or p.ended_by_expiry) else true end;
	if v_changed > 0 then
		update bellwire.presence p
		set online = true, offline_due = null,
			expired_token_at = case when not p_told then p.expired_token_at end,
			ended_by_expiry = p.ended_by_expiry and not p_told
		where p.user_id = any(p_users) and case when p.online and p.offline_due is null
			then p_told and (p.expired_token_at is not null or p.ended_by_expiry) else true end;
	end if;
	if v_new is not null then
		perform rt_private.presence_publish(v_new, true);
	end if;
end
$$;
comment on function rt_private.presence_online(uuid[], boolean) is
	'These users have a socket: announced, unless they already are. told: the reason of sync:required, which uses '
	'up the facts that made it token_refresh. Their presence rows are locked.';

create or replace function rt_private.presence_forget(p_users uuid[]) returns void
language plpgsql volatile
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
language plpgsql volatile
as $$
declare
	v_gone uuid[];
	v_back uuid[];
begin
	with gone as (
		update bellwire.presence p set online = false, offline_due = null
		where p.user_id = any(p_users) and p.online
			and (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) is null
		returning p.user_id
	)
	select array_agg(g.user_id) into v_gone from gone g;
	if v_gone is not null then
		perform rt_private.presence_publish(v_gone, false);
	end if;
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
