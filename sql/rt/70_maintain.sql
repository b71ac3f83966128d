-- What every edge does every few seconds; whoever comes first does it for all.

create or replace function rt_private.rotate() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
declare
	v_tick pg_snapshot;
	v_slot int;
	v_dirty boolean;
begin
	-- one attempt in 10 s by anybody: a waiting TRUNCATE blocks the pumps behind it (design 8.5)
	update bellwire.outbox_state s set tried_at = clock_timestamp()
	where s.tried_at < clock_timestamp() - interval '10 seconds' and pg_try_advisory_xact_lock(rt_private.alive_class(), -1);
	if not found then
		return;
	end if;
	select t.snapshot into v_tick from bellwire.ticks t
	where t.at < clock_timestamp() - make_interval(secs => rt_private.setting('outbox_retention')::double precision)
	order by t.at desc limit 1;
	if v_tick is null then
		return;
	end if;
	-- neither the slot being written nor the next one: the last one
	v_slot := (rt_private.outbox_slot(clock_timestamp()) + 2) % 3;
	execute format('select exists (select from bellwire.outbox_%1$s) or exists (select from bellwire.outbox_ephemeral_%1$s)', v_slot) into v_dirty;
	if not v_dirty then
		return;
	end if;
	execute format('lock table bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s in access exclusive mode', v_slot);
	-- now nobody writes it, and what is there is all there is; younger than the tick: later
	execute format('select exists (select from bellwire.outbox_%1$s where not pg_visible_in_snapshot(xid, $1))'
		' or exists (select from bellwire.outbox_ephemeral_%1$s where not pg_visible_in_snapshot(xid, $1))', v_slot) into v_dirty using v_tick;
	if v_dirty then
		return;
	end if;
	execute format('truncate bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s', v_slot);
	update bellwire.outbox_state set dropped = v_tick;
exception when lock_not_available then
	null; -- a writer or a pump was in it; in ten seconds again
end
$$;
comment on function rt_private.rotate() is 'Truncates the outbox slot before the present one once everything in it is older than outbox_retention.';

-- In portions: who opens a socket meanwhile waits for one of them, not for all that a dead edge had. Nobody's lock is waited for.
create or replace function rt_private.edges_sweep(p_edges uuid[]) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_users constant int := 500;
	v_users uuid[];
	v_locked uuid[];
	v_due constant timestamptz := clock_timestamp()
		+ make_interval(secs => rt_private.setting('presence_grace_restart')::double precision);
begin
	v_users := array(select distinct s.user_id from bellwire.sockets s where s.edge_id = any(p_edges) order by s.user_id limit c_users);
	insert into bellwire.presence (user_id) select u from unnest(v_users) u order by u on conflict (user_id) do nothing;
	v_locked := array(
		select p.user_id from bellwire.presence p where p.user_id = any(v_users) order by p.user_id for no key update skip locked);
	delete from bellwire.sockets s where s.edge_id = any(p_edges) and s.user_id = any(v_locked);
	update bellwire.presence p set unclean_at = clock_timestamp(), ended_at = clock_timestamp(), ended_by_expiry = false,
		offline_due = case when p.online and p.offline_due is null
			and not exists (select from bellwire.sockets s where s.user_id = p.user_id) then v_due else p.offline_due end
	where p.user_id = any(v_locked);
	-- users of whom a row is locked by somebody come with the next portion; nobody enters sockets for an edge that is no more
	delete from bellwire.edges e
	where e.edge_id = any(p_edges) and not exists (select from bellwire.sockets s where s.edge_id = e.edge_id);
	return cardinality(v_users) = c_users and cardinality(v_locked) > 0;
end
$$;
comment on function rt_private.edges_sweep(uuid[]) is
	'A portion of the sockets of edges that are no more: they ended uncleanly, their users have presence_grace_restart to come back. An edge goes with its last socket. True: there is more.';

create or replace function rt.sweep(p_edge uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	c_users constant int := 500;
	v_edge record;
	v_lapsed uuid[];
	v_users uuid[];
	v_more boolean := false;
begin
	v_lapsed := array(
		select e.edge_id from bellwire.edges e
		where e.seen_at < clock_timestamp() - interval '30 seconds' and (e.edge_id <> p_edge or e.seen_at = '-infinity')
		order by e.edge_id for no key update skip locked);
	if cardinality(v_lapsed) > 0 then
		for v_edge in
			select e.edge_id, e.pid, e.backend_start from bellwire.edges e where e.edge_id = any(v_lapsed) and e.edge_id <> p_edge
		loop
			-- its pump may be stuck with the bell armed: everybody would ring for nobody (design 8.10)
			perform pg_terminate_backend(a.pid) from pg_stat_get_activity(v_edge.pid) a
			where a.backend_start = v_edge.backend_start;
		end loop;
		v_more := rt_private.edges_sweep(v_lapsed);
	end if;

	v_users := array(
		select p.user_id from bellwire.presence p where p.offline_due < clock_timestamp()
		order by p.user_id limit c_users for no key update skip locked);
	perform rt_private.presence_offline(v_users);
	v_more := v_more or cardinality(v_users) = c_users;

	v_users := array(
		select u.id from bellwire.presence p join platform.users u on u.id = p.user_id
		where p.last_seen_owed is not null order by u.id limit c_users for no key update skip locked);
	if cardinality(v_users) > 0 then
		update platform.users u set last_seen_at = greatest(u.last_seen_at, p.last_seen_owed)
		from bellwire.presence p where u.id = any(v_users) and p.user_id = u.id;
		update bellwire.presence p set last_seen_owed = null where p.user_id = any(v_users);
	end if;
	return v_more;
end
$$;
comment on function rt.sweep(uuid) is
	'A portion of what waits for whoever comes first: sockets of edges whose lease of 30 s lapsed, users who went offline, users whose last_seen_at could not be written. True: there is more, call again.';

create or replace function rt_private.edge_sweep(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- its lease is over, whatever is left of it belongs to everybody
	update bellwire.edges e set seen_at = '-infinity' where e.edge_id = p_edge;
	select rt_private.edges_sweep(array[p_edge]);
$$;
comment on function rt_private.edge_sweep(uuid) is 'An edge is no more: rt.sweep, anybody''s, finds what is left of it after a first portion.';

create or replace function rt.edge_close(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.edge_sweep(p_edge) $$;
comment on function rt.edge_close(uuid) is 'This edge ends.';

create or replace function rt.maintain(p_edge uuid)
returns table (outbox_rows bigint, notify_usage double precision, edges int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	update bellwire.edges e set seen_at = clock_timestamp() where e.edge_id = p_edge and e.seen_at <> '-infinity';
	perform rt.sweep(p_edge);
	insert into bellwire.ticks (at)
	select clock_timestamp() where not exists (select from bellwire.ticks t where t.at > clock_timestamp() - interval '5 seconds')
	on conflict do nothing;
	if found then -- as rarely as ticks: these look at everybody who is online
		-- sockets vanished with a crash of Postgres, or their edge was never registered
		update bellwire.presence p
		set offline_due = clock_timestamp() + make_interval(secs => rt_private.setting('presence_grace_restart')::double precision)
		where p.user_id in (
			select q.user_id from bellwire.presence q
			where q.online and q.offline_due is null and not exists (select from bellwire.sockets s where s.user_id = q.user_id)
			order by q.user_id limit 5000 for no key update skip locked);
		perform rt_private.recovery_sweep();
	end if;
	delete from bellwire.ticks t where t.at < clock_timestamp() - interval '2 hours';

	-- last, so that nothing above is waited for while the slot is locked
	perform rt_private.rotate();

	-- no vacuum counts the outbox (pg_class.reltuples); the statistics follow every commit and TRUNCATE
	outbox_rows := (select coalesce(sum(pg_stat_get_live_tuples(i.inhrelid)), 0) from pg_inherits i
		where i.inhparent in ('bellwire.outbox'::regclass, 'bellwire.outbox_ephemeral'::regclass));
	notify_usage := pg_notification_queue_usage();
	edges := (select count(*)::int from bellwire.edges);
	return next;
end
$$;
comment on function rt.maintain(uuid) is
	'Every few seconds per edge: renews its lease, sweeps a portion (rt.sweep), ticks, rotates the outbox. Returns the outbox''s rows (estimated), how full the NOTIFY queue is (0-1) and how many edges there are.';

create or replace function rt.monitor()
returns table (foreign_locks int, outbox_age double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- the bell, held shared by pumps alone (writers try it for less than a microsecond), and the edges' signs of life
	foreign_locks := (
		select count(*) from pg_locks l
		where l.locktype = 'advisory' and l.granted
			and l.database = (select d.oid from pg_database d where d.datname = current_database())
			and case l.objsubid
				when 1 then (l.classid::bigint << 32 | l.objid::bigint) = rt_private.bell_key()
				when 2 then l.classid = rt_private.alive_class()::oid and l.objid <> (-1)::oid -- -1: rotate()
			end
			and not exists (select from bellwire.edges e where e.pid = l.pid));
	-- by the index: ids and times follow the transactions' order closely enough
	outbox_age := coalesce((
		select extract(epoch from clock_timestamp() - min(x.at))
		from ((select o.at from bellwire.outbox o order by o.xid limit 1)
			union all (select o.at from bellwire.outbox_ephemeral o order by o.xid limit 1)) x), 0);
	return next;
end
$$;
comment on function rt.monitor() is
	'What the metrics need besides: how many advisory locks of ours sessions hold that are no edge''s pump, and the age of the oldest row in the outbox, in seconds.';
