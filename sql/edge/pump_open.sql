-- A pump's session begins.

create or replace function rt_private.restored() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_system constant text := (select s.system_identifier from pg_control_system() s);
	v_oid constant oid := (select d.oid from pg_database d where d.datname = current_database());
	v bellwire.outbox_state;
begin
	select s.* into v from bellwire.outbox_state s;
	if v.system_identifier = v_system and v.database_oid = v_oid then
		return;
	end if;
	-- done once: a second edge waits here, and finds it done
	select s.* into v from bellwire.outbox_state s for update;
	if v.system_identifier <> v_system or v.database_oid <> v_oid then
		truncate bellwire.outbox, bellwire.outbox_ephemeral, bellwire.sockets, bellwire.edges,
			bellwire.edges_gone, bellwire.ticks, bellwire.epoch, bellwire.marks;
		update bellwire.outbox_state s set dropped = null;
		update bellwire.bell b set channel = default; -- a dump has that of the other one
	end if;
	update bellwire.outbox_state s set system_identifier = v_system, database_oid = v_oid;
end
$$;
comment on function rt_private.restored() is
	'Where a dump of another database was restored, or a copy made: outbox, sockets, edges and all snapshots of '
	'that one go, before they are taken for this one''s, and so does the secret channel of its bells '
	'(docs/event-path.md, "Restores and imports").';

create or replace function rt_private.pump_end(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select pg_terminate_backend(a.pid)
	from bellwire.edges e, pg_stat_get_activity(e.pid) a
	where e.edge_id = p_edge and e.pid <> pg_backend_pid() and a.backend_start = e.backend_start
		and a.datid = (select d.oid from pg_database d where d.datname = current_database())
		and a.application_name = e.application_name
$$;
comment on function rt_private.pump_end(uuid) is
	'Ends the session of an edge''s pump where it can be shown to be that: the process, its start, its database and '
	'its name are those that it gave. Rows may be copies, and name sessions of another database.';

create or replace function rt_private.history_ends(p_epoch text, p_marks text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_epoch constant text := rt_private.epoch_text();
begin
	-- Within one epoch there is one history. Of another place rt_private.gap tells by itself.
	if p_epoch = v_epoch or split_part(p_epoch, '/', 1) is distinct from split_part(v_epoch, '/', 1)
		or (select bool_and(rt_private.mark_known(m)) from unnest(p_marks) m) is not false then
		return;
	end if;
	delete from bellwire.epochs e where e.n <> split_part(split_part(v_epoch, '/', 2), '.', 1)::int;
end
$$;
comment on function rt_private.history_ends(text, text[]) is
	'A pump comes back and names what it saw last. Where this database does not know it, it is another history: no '
	'epoch before the present one is known any more, so that every cursor and every offset of then is void.';

create or replace function rt.pump_open(
	p_edge uuid,
	p_name text,
	p_epoch text default null,
	p_marks text[] default null)
returns table (epoch text, schema_version int, system_identifier text, bell_key bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_n int;
	v_came boolean;
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
	-- an earlier session of this edge may hang on a connection that is gone
	perform rt_private.pump_end(p_edge);
	insert into bellwire.edges (edge_id, name, pid, backend_start, application_name)
	select p_edge, p_name, pg_backend_pid(), coalesce(a.backend_start, clock_timestamp()), a.application_name
	from (select pg_backend_pid() as pid) me left join pg_stat_get_activity(me.pid) a on true
	on conflict (edge_id) do update
		set name = excluded.name, pid = excluded.pid, backend_start = excluded.backend_start,
			application_name = excluded.application_name, seen_at = clock_timestamp()
	returning n, xmax = 0 into v_n, v_came;
	-- The lock ends with the session, which tells at once that an edge is dead.
	perform set_config('lock_timeout', '2s', true), pg_advisory_lock(rt_private.alive_class(), v_n);
	perform rt_private.history_ends(p_epoch, p_marks);
	perform set_config('bellwire.epoch', rt_private.epoch_text(), false); -- for every rt.fetch of this session
	if v_came then -- the others tell it from now on what they relay
		perform rt_private.control('edge_came', jsonb_build_object('edge_id', p_edge));
	end if;
	return query select current_setting('bellwire.epoch'), rt_private.schema_version(),
		(select s.system_identifier::text from pg_control_system() s), rt_private.bell_key();
end
$$;
comment on function rt.pump_open(uuid, text, text, text[]) is
	'Registers an edge on the session of its pump and sets the session up. p_epoch and p_marks: of its cursor, if it '
	'has one, and what it saw last, each as rt.mark names it. RT503 on a standby.';
