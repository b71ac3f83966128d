-- Which sockets may be recovered (docs/recovery.md).

create or replace function rt_private.recovery_pid(p_pid text) returns bytea
language sql stable
return sha256(convert_to(p_pid, 'UTF8'));
comment on function rt_private.recovery_pid(text) is 'How a client''s private id is kept.';

-- Neither has a search_path of its own: their callers have one.
create or replace function rt_private.recovery_register(p_ids text[], p_of uuid[], p_pids text[], p_users uuid[])
returns void
language plpgsql volatile
as $$
begin
	if array_remove(p_pids, null) <> '{}' then
		insert into bellwire.recoveries (pid, user_id, socket_id)
		select rt_private.recovery_pid(s.pid), s.user_id, s.id
		from unnest(p_ids, p_of, p_pids) s (id, user_id, pid)
		where s.pid is not null and s.user_id = any(p_users)
		on conflict do nothing; -- the call is repeated when its answer was lost
	end if;
end
$$;
comment on function rt_private.recovery_register(text[], uuid[], text[], uuid[]) is
	'Those of rt.socket_open''s sockets that bring a pid may be recovered with it: socket i of user i, if he is '
	'one of users.';

create or replace function rt_private.recovery_over(p_ids text[]) returns void
language plpgsql volatile
as $$
declare
	v_pids constant bytea[] := array(select r.pid from bellwire.recoveries r where r.socket_id = any(p_ids));
begin
	if cardinality(v_pids) > 0 then
		perform (select true from bellwire.recoveries r where r.pid = q.pid for update)
		from (select p.pid from unnest(v_pids) p (pid) order by p.pid offset 0) q;
		delete from bellwire.recoveries r where r.pid = any(v_pids) and r.socket_id = any(p_ids);
	end if;
end
$$;
comment on function rt_private.recovery_over(text[]) is
	'Those of rt.socket_close''s sockets that ended for good cannot be recovered: clean, or over.';

-- A row is given up in two steps: after a crash of Postgres bellwire.sockets is empty until the edges register their
-- sockets again.
create or replace function rt_private.recovery_sweep() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	delete from bellwire.recoveries r where r.pid in (
		select q.pid from bellwire.recoveries q where q.ended_at < clock_timestamp()
			- greatest(make_interval(secs => rt_private.setting('recovery_window')::double precision), interval '1 minute')
		for update skip locked);
	update bellwire.recoveries r set ended_at = case when r.ended_at is null then clock_timestamp() end
	where r.pid in (
		select q.pid from bellwire.recoveries q
		where (q.ended_at is null) <> exists (select from bellwire.sockets s where s.socket_id = q.socket_id)
		for update skip locked);
end
$$;
comment on function rt_private.recovery_sweep() is
	'Forgets sockets that have been gone for longer than an offset is taken.';
