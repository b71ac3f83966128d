-- Which sockets may be recovered (docs/recovery.md).

create or replace function rt_private.recovery_pid(p_pid text) returns bytea
language sql immutable
return sha256(convert_to(p_pid, 'UTF8'));
comment on function rt_private.recovery_pid(text) is 'How a client''s private id is kept.';

create or replace function rt_private.recovery_register(p_sockets text[], p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into bellwire.recoveries (pid, user_id, socket_id)
	select rt_private.recovery_pid(s.pid), s.user_id, s.socket_id
	from rt_private.sockets_parse(p_sockets) s
	where s.pid is not null and s.user_id = any(p_users)
	on conflict do nothing; -- the call is repeated when its answer was lost
end
$$;
comment on function rt_private.recovery_register(text[], uuid[]) is
	'Those of rt.socket_open''s sockets that bring a pid may be recovered with it.';

create or replace function rt_private.recovery_end(p_sockets text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_ids constant text[] := array(
		select s.socket_id from rt_private.sockets_parse(p_sockets) s where s.clean or s.over);
	v_pids bytea[];
begin
	if cardinality(v_ids) > 0 then
		v_pids := array(select r.pid from bellwire.recoveries r where r.socket_id = any(v_ids));
		perform (select true from bellwire.recoveries r where r.pid = q.pid for update)
		from (select p.pid from unnest(v_pids) p (pid) order by p.pid offset 0) q;
		delete from bellwire.recoveries r where r.pid = any(v_pids) and r.socket_id = any(v_ids);
	end if;
end
$$;
comment on function rt_private.recovery_end(text[]) is
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
