-- Maintenance, which every edge calls every two seconds. Common work is done by the edge that comes first.

-- Whoever is online has a socket or a grace: every transaction leaves it so. But sockets do not survive a crash, and a
-- dump that is restored brings none of this database. Both begin an epoch, so to look once in each is enough.
create or replace function rt_private.presence_vanished() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_users uuid[];
begin
	if (select e.sockets_seen from bellwire.epoch e) is not false then
		return;
	end if;
	v_users := array(
		select p.user_id from bellwire.presence p
		where p.online and p.offline_due is null
			and not exists (select from bellwire.sockets s where s.user_id = p.user_id)
		limit 5000);
	if v_users = '{}' then
		update bellwire.epoch e set sockets_seen = true;
	end if;
	update bellwire.presence p
	set offline_due = clock_timestamp() + rt_private.presence_grace('shutdown')
	where p.user_id in (
		select q.user_id from bellwire.presence q
		where q.user_id = any(v_users) and q.online and q.offline_due is null
		order by q.user_id for no key update skip locked);
end
$$;
comment on function rt_private.presence_vanished() is
	'Users whose sockets vanished, in a crash of Postgres, have presence_grace_restart to come back: 5000 at a '
	'time, until nobody is found in this epoch.';

create or replace function rt.maintain(p_edge uuid, p_clock_ms bigint default null)
returns table (outbox_rows bigint, notify_usage double precision, edges int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	v_now constant timestamptz := clock_timestamp();
	v_clock_at constant timestamptz := (select e.clock_at from bellwire.edges e where e.edge_id = p_edge);
begin
	-- The clock is read before the check: what is stored is of the time that was checked. After a step, whoever found
	-- it, the row has moved along, and the next call renews it.
	if rt_private.clock_check(p_edge, p_clock_ms) is null then
		update bellwire.edges e set seen_at = v_now, clock_at = v_now, clock_ms = p_clock_ms
		where e.edge_id = p_edge and e.seen_at <> '-infinity' and e.clock_at is not distinct from v_clock_at;
	end if;
	-- one that ends keeps its row until its last socket is swept, by this
	if not exists (select from bellwire.edges e where e.edge_id = p_edge) then
		perform rt_private.edge_check(p_edge);
	end if;
	perform rt_private.clock_clamp();
	perform rt.sweep(p_edge);
	insert into bellwire.ticks (at)
	select clock_timestamp() where not exists (select from bellwire.ticks t where t.at > clock_timestamp() - interval '5 seconds')
	on conflict do nothing;
	if found then
		perform rt_private.outbox_watch(interval '15 minutes');
		perform rt_private.presence_vanished();
		perform rt_private.recovery_sweep();
		perform rt_private.push_tick();
		perform rt_private.asks_forget();
	end if;
	delete from bellwire.ticks t where t.at < clock_timestamp() - interval '2 hours';

	-- last, so that the slot is not locked while something above waits
	perform rt_private.rotate();

	-- pg_class.reltuples would need a vacuum of the outbox; the statistics follow every commit and TRUNCATE
	outbox_rows := (select coalesce(sum(pg_stat_get_live_tuples(i.inhrelid)), 0) from pg_inherits i
		where i.inhparent in ('bellwire.outbox'::regclass, 'bellwire.outbox_ephemeral'::regclass));
	notify_usage := pg_notification_queue_usage();
	edges := (select count(*)::int from bellwire.edges);
	return next;
end
$$;
comment on function rt.maintain(uuid, bigint) is
	'Every few seconds per edge: renews its lease (RT410: it has none, rt.pump_open gives one), sweeps a portion '
	'(rt.sweep), ticks, rotates the outbox. Returns the outbox''s rows (estimated), how full the NOTIFY queue is '
	'(0-1) and how many edges there are.';
