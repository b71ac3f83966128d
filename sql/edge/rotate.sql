-- The outbox's slots, in turn.

create or replace function rt_private.rotate() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
declare
	v_tick pg_snapshot;
	v_slot int;
	v_dirty boolean;
begin
	-- All edges together make one attempt in 10 s, since a TRUNCATE that waits blocks the pumps behind it.
	update bellwire.outbox_state s set tried_at = clock_timestamp()
	where s.tried_at not between clock_timestamp() - interval '10 seconds' and clock_timestamp() and pg_try_advisory_xact_lock(rt_private.alive_class(), -1);
	if not found then
		return;
	end if;
	select t.snapshot into v_tick from bellwire.ticks t
	where t.at < clock_timestamp() - make_interval(secs => rt_private.setting('outbox_retention')::double precision)
	order by t.at desc limit 1;
	if v_tick is null then
		return;
	end if;
	-- the former slot: neither the present nor the next one
	v_slot := (rt_private.outbox_slot(clock_timestamp()) + 2) % 3;
	execute format('select exists (select from bellwire.outbox_%1$s) or exists (select from bellwire.outbox_ephemeral_%1$s)', v_slot) into v_dirty;
	if not v_dirty then
		return;
	end if;
	begin -- a block of its own: an attempt that fails is one
		execute format('lock table bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s in access exclusive mode',
			v_slot);
	exception when lock_not_available then
		return; -- a writer or a pump uses the slot; the next attempt is in ten seconds
	end;
	-- The slot is locked, so no row is added. If a row is younger than the tick, another attempt comes later.
	execute format('select exists (select from bellwire.outbox_%1$s where not pg_visible_in_snapshot(xid, $1))'
		' or exists (select from bellwire.outbox_ephemeral_%1$s where not pg_visible_in_snapshot(xid, $1))', v_slot) into v_dirty using v_tick;
	if v_dirty then
		return;
	end if;
	execute format('truncate bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s', v_slot);
	-- a tick may be older than what rt_private.slot_forget has dropped
	update bellwire.outbox_state s set dropped = v_tick where rt_private.snapshot_covers(v_tick, s.dropped);
end
$$;
comment on function rt_private.rotate() is
	'Truncates the outbox slot before the present one once everything in it is older than outbox_retention.';
