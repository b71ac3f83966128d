-- Reading the outbox: the cursor is a snapshot (design section 2, 8.4, 8.5, 8.8, 8.9).

create or replace function rt_private.fetch_rows(p_from pg_snapshot, p_upto pg_snapshot, p_after bigint, p_limit int)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
	c_most  constant bigint := 9223372036854775807;
	v_after bigint := p_after;
	-- A page is looked for where its ids are likely to lie, and then behind: else each page of a large transaction would bring
	-- all of its rows into the form of the answer, and sort them.
	v_last  bigint := case when p_after = 0 then c_most else p_after + 4 * p_limit::bigint end;
	v_left  bigint := p_limit;
	v_found bigint;
begin
	-- Two index probes per slot: what began after p_from, and what was in flight at p_from. They cannot meet: xip < xmax.
	-- Visible in our own snapshot is implied by MVCC; xid < xmax(p_upto) keeps out restored rows with huge xids.
	loop
		return query
		select o.id, o.xid::text, (extract(epoch from o.at) * 1000000)::bigint, array_to_string(o.rooms, e'\n'),
			array_to_string(o.except_rooms, e'\n'), o.event, o.control, o.data::text, o.confirm::text, o.ephemeral
		from (
			select a.*, false as ephemeral from bellwire.outbox a
			where a.xid >= pg_snapshot_xmax(p_from) and a.xid < pg_snapshot_xmax(p_upto)
			union all
			select a.*, false from bellwire.outbox a where a.xid = any(array(select pg_snapshot_xip(p_from)))
			union all
			select a.*, true from bellwire.outbox_ephemeral a
			where a.xid >= pg_snapshot_xmax(p_from) and a.xid < pg_snapshot_xmax(p_upto)
			union all
			select a.*, true from bellwire.outbox_ephemeral a where a.xid = any(array(select pg_snapshot_xip(p_from)))
		) o
		where o.id > v_after and o.id <= v_last and pg_visible_in_snapshot(o.xid, p_upto)
		order by o.id
		limit v_left;
		get diagnostics v_found = row_count;
		v_left := v_left - v_found;
		exit when v_left = 0 or v_last = c_most;
		v_after := v_last;
		v_last := c_most;
	end loop;
end
$$;
comment on function rt_private.fetch_rows(pg_snapshot, pg_snapshot, bigint, int) is
	'Rows not visible in p_from and visible in p_upto, id > p_after, in id order. No name here but for rt.fetch and rt.fetch_page.';

-- After a crash of the same primary xids repeat: the old epoch's rows are found by the old cursor, those of later epochs are all new.
create or replace function rt_private.fetch_rows_across(p_from pg_snapshot, p_epoch int, p_upto pg_snapshot, p_after bigint, p_limit int)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select o.id, o.xid::text, (extract(epoch from o.at) * 1000000)::bigint, array_to_string(o.rooms, e'\n'),
		array_to_string(o.except_rooms, e'\n'), o.event, o.control, o.data::text, o.confirm::text, o.ephemeral
	from (
		select a.*, false as ephemeral from bellwire.outbox a
		union all
		select a.*, true from bellwire.outbox_ephemeral a
	) o
	where o.id > p_after and pg_visible_in_snapshot(o.xid, p_upto)
		and (o.epoch > p_epoch or (o.epoch = p_epoch and not pg_visible_in_snapshot(o.xid, p_from)))
	order by o.id
	limit p_limit;
end
$$;
comment on function rt_private.fetch_rows_across(pg_snapshot, int, pg_snapshot, bigint, int) is
	'fetch_rows for a cursor from before a crash: reads the whole outbox once.';

create or replace function rt_private.gap(p_from pg_snapshot, p_epoch text, p_epoch_now text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_dropped pg_snapshot;
begin
	if split_part(p_epoch, '/', 1) is distinct from split_part(p_epoch_now, '/', 1) then
		return 'another system or timeline';
	end if;
	if p_epoch <> p_epoch_now and not exists (
		select from bellwire.epochs e where e.n || '.' || e.random = split_part(p_epoch, '/', 2)) then
		return 'an epoch that this database does not know';
	end if;
	select s.dropped into v_dropped from bellwire.outbox_state s;
	-- covered: whatever the dropped snapshot sees, the cursor has seen
	if v_dropped is not null and (pg_snapshot_xmax(p_from) < pg_snapshot_xmax(v_dropped) or exists (
		select from pg_snapshot_xip(p_from) x
		where x < pg_snapshot_xmax(v_dropped) and x not in (select pg_snapshot_xip(v_dropped)))) then
		return 'older than what the outbox keeps';
	end if;
	return null;
end
$$;
comment on function rt_private.gap(pg_snapshot, text, text) is 'Why a cursor does not cover everything since; null when it does.';

create or replace function rt.fetch(p_from text, p_epoch text)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_limit constant int := 1000;
	v_epoch text;
	v_now pg_snapshot;
	v_from pg_snapshot;
	v_dropped pg_snapshot;
	v_gap text;
begin
	if pg_is_in_recovery() then
		raise exception 'a standby cannot be read: its snapshots hide what is in flight' using errcode = 'RT503';
	end if;
	-- noted by rt.pump_open for its session, which no crash outlives; a promotion finds no such session
	v_epoch := coalesce(nullif(current_setting('bellwire.epoch', true), ''), rt_private.epoch_text());
	-- fixed first: rows that commit from here on belong to the next fetch (design 8.8)
	v_now := pg_current_snapshot();
	-- before the rows are read, so before they could go: a slot that is truncated between the two is seen by the next
	-- fetch, whose cursor then no longer covers it; and after, because what went before must be known now
	select s.dropped into v_dropped from bellwire.outbox_state s;
	if p_from is not null then
		v_from := p_from::pg_snapshot;
		if p_epoch is distinct from v_epoch or pg_snapshot_xmin(v_from) < pg_snapshot_xmax(v_dropped) then
			v_gap := rt_private.gap(v_from, p_epoch, v_epoch);
		end if; -- else whatever the dropped snapshot sees was over when the cursor was taken
	end if;
	id := null; xid := pg_snapshot_xmin(v_now)::text; at_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
	rooms := v_now::text; except_rooms := v_epoch;
	event := v_dropped::text;
	control := case when v_gap is null then 'ok' else 'gap' end; data := v_gap;
	return next;
	if p_from is null or v_gap is not null or (p_from = rooms and p_epoch = v_epoch) then
		return;
	end if;
	if p_epoch <> v_epoch then
		return query select * from rt_private.fetch_rows_across(v_from, split_part(split_part(p_epoch, '/', 2), '.', 1)::int, v_now, 0, c_limit);
	elsif pg_snapshot_xmin(v_from) < pg_snapshot_xmax(v_from) and (pg_snapshot_xmin(v_from) = pg_snapshot_xmin(v_now)
		or pg_snapshot_xmax(v_from)::text::bigint - pg_snapshot_xmin(v_from)::text::bigint > 64) then
		-- an old transaction is open: to read from where it began would read all that came since, at every poll
		return query select * from rt_private.fetch_rows(v_from, v_now, 0, c_limit);
	else
		-- What fetch_rows finds, by one probe per slot: setting up the others would cost more than reading a few rows in vain.
		-- Here and not in a function of its own, whose rows would be copied once more.
		return query
		select o.id, o.xid::text, (extract(epoch from o.at) * 1000000)::bigint, array_to_string(o.rooms, e'\n'),
			array_to_string(o.except_rooms, e'\n'), o.event, o.control, o.data::text, o.confirm::text, o.ephemeral
		from (
			select a.*, false as ephemeral from bellwire.outbox a
			where a.xid >= pg_snapshot_xmin(v_from) and a.xid < pg_snapshot_xmax(v_now)
			union all
			select a.*, true from bellwire.outbox_ephemeral a
			where a.xid >= pg_snapshot_xmin(v_from) and a.xid < pg_snapshot_xmax(v_now)
		) o
		where not pg_visible_in_snapshot(o.xid, v_from) and pg_visible_in_snapshot(o.xid, v_now)
		order by o.id
		limit c_limit;
	end if;
	if exists (select from bellwire.outbox_state s where s.dropped::text is distinct from v_dropped::text)
		and rt_private.gap(v_from, p_epoch, v_epoch) is not null then
		raise exception 'a slot of the outbox was truncated during the fetch' using errcode = '40001';
	end if;
end
$$;
comment on function rt.fetch(text, text) is
	'Header row, then at most 1000 events that are not visible in p_from and visible now, in id order; docs/edge-sql.md has the columns. 40001: ask again.';

create or replace function rt.fetch_page(p_from text, p_upto text, p_after bigint, p_limit int, p_epoch text)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_epoch constant text := rt_private.epoch_text();
begin
	if p_epoch = v_epoch then
		return query select * from rt_private.fetch_rows(p_from::pg_snapshot, p_upto::pg_snapshot, p_after, p_limit);
	else
		return query select * from rt_private.fetch_rows_across(p_from::pg_snapshot,
			split_part(split_part(p_epoch, '/', 2), '.', 1)::int, p_upto::pg_snapshot, p_after, p_limit);
	end if;
	if rt_private.gap(p_from::pg_snapshot, p_epoch, v_epoch) is not null then
		raise exception 'a slot of the outbox was truncated during the fetch' using errcode = '40001';
	end if;
end
$$;
comment on function rt.fetch_page(text, text, bigint, int, text) is
	'The next rows of a fetch that was cut: not visible in p_from, visible in p_upto, id > p_after. p_epoch is the one the fetch was called with.';

----------------------------------------------------------------------------------------------------- the pump
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
	-- once: who comes second waits here, and finds it done
	select s.system_identifier into v_known from bellwire.outbox_state s for update;
	if v_known <> v_system then
		truncate bellwire.outbox, bellwire.outbox_ephemeral, bellwire.sockets, bellwire.edges, bellwire.ticks, bellwire.epoch;
		update bellwire.outbox_state s set dropped = null;
	end if;
	update bellwire.outbox_state s set system_identifier = v_system where s.system_identifier is distinct from v_system;
end
$$;
comment on function rt_private.restored() is
	'Where a dump of another cluster was restored: outbox, sockets, edges and all snapshots of that cluster go, before they are taken for this one''s (design 8.13).';

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
	-- the session's, not the function's: a parallel plan costs 15 ms a poll (design section 2)
	perform set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
		set_config('enable_bitmapscan', 'off', false), -- two nodes to set up instead of one
		set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false),
		set_config('default_transaction_isolation', 'read committed', false);
	perform rt_private.restored();
	-- an earlier session of this edge may hang on a connection that is gone
	perform pg_terminate_backend(e.pid) from bellwire.edges e, pg_stat_get_activity(e.pid) a
	where e.edge_id = p_edge and e.pid <> pg_backend_pid() and a.backend_start = e.backend_start;
	insert into bellwire.edges (edge_id, name, pid, backend_start)
	values (p_edge, p_name, pg_backend_pid(),
		coalesce((select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a), clock_timestamp()))
	on conflict (edge_id) do update
		set name = excluded.name, pid = excluded.pid, backend_start = excluded.backend_start, seen_at = clock_timestamp()
	returning n into v_n;
	-- ends with the session: tells at once that an edge is dead
	perform set_config('lock_timeout', '2s', true), pg_advisory_lock(rt_private.alive_class(), v_n);
	perform set_config('bellwire.epoch', rt_private.epoch_text(), false); -- for every rt.fetch of this session
	return query select current_setting('bellwire.epoch'), rt_private.schema_version(),
		(select s.system_identifier::text from pg_control_system() s), rt_private.bell_key();
end
$$;
comment on function rt.pump_open(uuid, text) is 'Registers an edge on the session of its pump and sets the session up. RT503 on a standby.';

create or replace function rt_private.alive_class() returns int
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 1650814060 $$;
comment on function rt_private.alive_class() is 'First key of the advisory lock (class, bellwire.edges.n) that an edge''s pump holds: "bell" in ASCII.';

create or replace function rt_private.schema_version() returns int
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce(max(m.version)::int, 0) from bellwire.migrations m $$;
comment on function rt_private.schema_version() is 'Number of the latest migration.';

create or replace function rt.bell_arm() returns table (granted boolean, xid text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	granted := pg_try_advisory_lock_shared(rt_private.bell_key());
	if granted then
		-- after the lock: whoever may have seen "nobody sleeps" has an xid below this one
		xid := pg_current_xact_id()::text;
	end if;
	return next;
end
$$;
comment on function rt.bell_arm() is 'The edge wants to sleep: from now on writers ring. Not granted: a writer is asking at this moment, try again.';

create or replace function rt.bell_disarm() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select case when pg_advisory_unlock_shared(rt_private.bell_key()) then null end $$;
comment on function rt.bell_disarm() is 'The edge polls: writers need not ring for it.';
