-- The clock of Postgres may be set (docs/availability.md): what the edges have stored is then of another time.

create or replace function rt_private.clock_move(p_step interval) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_ticks bellwire.ticks[] := array(select t from bellwire.ticks t);
begin
	update bellwire.edges e set seen_at = e.seen_at + p_step, clock_at = e.clock_at + p_step
	where e.seen_at <> '-infinity';
	-- not an update: their times are their keys, and one would meet another's
	delete from bellwire.ticks;
	insert into bellwire.ticks (at, snapshot) select t.at + p_step, t.snapshot from unnest(v_ticks) t on conflict do nothing;
	update bellwire.presence p set offline_due = p.offline_due + p_step
	where p.user_id in (
		select q.user_id from bellwire.presence q where q.offline_due is not null
		order by q.user_id for no key update skip locked);
	update bellwire.recoveries r set ended_at = r.ended_at + p_step
	where r.pid in (
		select q.pid from bellwire.recoveries q where q.ended_at is not null order by q.pid for update skip locked);
end
$$;
comment on function rt_private.clock_move(interval) is
	'Leases, ticks and graces move with the clock, so that none gets longer or shorter.';

create or replace function rt_private.clock_check(p_edge uuid, p_clock_ms bigint) returns interval
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	-- below it is the way of a call to here, and no period is as short
	c_least constant interval := interval '10 seconds';
	v_step interval;
begin
	select clock_timestamp() - e.clock_at - make_interval(secs => (p_clock_ms - e.clock_ms)::double precision / 1000) into v_step
	from bellwire.edges e where e.edge_id = p_edge;
	if v_step > -c_least and v_step < c_least or v_step is null then
		return null;
	end if;
	-- each edge notices; the first one moves what all of them have
	perform pg_advisory_xact_lock(rt_private.alive_class(), -4);
	select clock_timestamp() - e.clock_at - make_interval(secs => (p_clock_ms - e.clock_ms)::double precision / 1000) into v_step
	from bellwire.edges e where e.edge_id = p_edge;
	if v_step > -c_least and v_step < c_least or v_step is null then
		return null;
	end if;
	perform rt_private.clock_move(v_step);
	return v_step;
end
$$;
comment on function rt_private.clock_check(uuid, bigint) is
	'The edge''s clock, which nobody sets, is at p_clock_ms: by how much that of Postgres was set since its last call, if it was.';

create or replace function rt_private.clock_clamp() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_now constant timestamptz := clock_timestamp();
	v_grace constant interval := make_interval(secs => greatest(rt_private.setting('presence_grace')::double precision,
		rt_private.setting('presence_grace_restart')::double precision));
begin
	update bellwire.edges e set seen_at = v_now where e.seen_at > v_now + interval '5 seconds';
	delete from bellwire.ticks t where t.at > v_now + interval '5 seconds';
	update bellwire.presence p set offline_due = v_now + v_grace
	where p.user_id in (
		select q.user_id from bellwire.presence q where q.offline_due > v_now + v_grace + interval '5 seconds'
		order by q.user_id for no key update skip locked);
end
$$;
comment on function rt_private.clock_clamp() is
	'What lies in the future was stored before the clock was set back while no edge was there: it begins anew.';
