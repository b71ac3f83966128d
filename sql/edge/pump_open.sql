-- A pump's session begins.

create or replace function rt_private.restored() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_system constant text := (select s.system_identifier from pg_control_system() s);
	v_known text;
begin
	select s.system_identifier into v_known from bellwire.outbox_state s;
	if v_known = v_system then
		return;
	end if;
	-- done once: a second edge waits here, and finds it done
	select s.system_identifier into v_known from bellwire.outbox_state s for update;
	if v_known <> v_system then
		truncate bellwire.outbox, bellwire.outbox_ephemeral, bellwire.sockets, bellwire.edges, bellwire.ticks, bellwire.epoch;
		update bellwire.outbox_state s set dropped = null;
	end if;
	update bellwire.outbox_state s set system_identifier = v_system where s.system_identifier is distinct from v_system;
end
$$;
comment on function rt_private.restored() is
	'Where a dump of another cluster was restored: outbox, sockets, edges and all snapshots of that cluster go, '
	'before they are taken for this one''s (docs/event-path.md, "Restores and imports").';

create or replace function rt.pump_open(p_edge uuid, p_name text)
returns table (epoch text, schema_version int, system_identifier text, bell_key bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_n int;
begin
	if pg_is_in_recovery() then
		raise exception 'a standby cannot be read: its snapshots hide what is in flight' using errcode = 'RT503';
	end if;
	-- These settings are the session's, not the function's. A parallel plan costs 15 ms a poll.
	perform set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
		set_config('enable_bitmapscan', 'off', false), -- two nodes to set up instead of one
		set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false),
		set_config('default_transaction_isolation', 'read committed', false),
		-- A pump asks every 15 s at least. One that is stuck holds the bell, and not every login may end
		-- another's session (rt.sweep): this one ends by itself, with the lease.
		set_config('idle_session_timeout', '35s', false);
	perform rt_private.restored();
	-- ends an earlier session of this edge, which may hang on a connection that is gone
	perform pg_terminate_backend(e.pid) from bellwire.edges e, pg_stat_get_activity(e.pid) a
	where e.edge_id = p_edge and e.pid <> pg_backend_pid() and a.backend_start = e.backend_start;
	insert into bellwire.edges (edge_id, name, pid, backend_start)
	values (p_edge, p_name, pg_backend_pid(),
		coalesce((select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a), clock_timestamp()))
	on conflict (edge_id) do update
		set name = excluded.name, pid = excluded.pid, backend_start = excluded.backend_start, seen_at = clock_timestamp()
	returning n into v_n;
	-- The lock ends with the session, which tells at once that an edge is dead.
	perform set_config('lock_timeout', '2s', true), pg_advisory_lock(rt_private.alive_class(), v_n);
	perform set_config('bellwire.epoch', rt_private.epoch_text(), false); -- for every rt.fetch of this session
	return query select current_setting('bellwire.epoch'), rt_private.schema_version(),
		(select s.system_identifier::text from pg_control_system() s), rt_private.bell_key();
end
$$;
comment on function rt.pump_open(uuid, text) is
	'Registers an edge on the session of its pump and sets the session up. RT503 on a standby.';
