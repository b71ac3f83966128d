-- The pump's poll.

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
	v_low xid8;
	v_high xid8;
	v_gap text;
	v_bytes bigint := rt_private.page_bytes();
begin
	if pg_is_in_recovery() then
		raise exception 'a standby cannot be read: its snapshots hide what is in flight' using errcode = 'RT503';
	end if;
	-- rt.pump_open has set it for this session. It cannot be out of date: no session outlives a crash, and a
	-- standby that is promoted has none.
	v_epoch := coalesce(nullif(current_setting('bellwire.epoch', true), ''), rt_private.epoch_text());
	-- The upper snapshot is fixed first: rows that commit from here on belong to the next fetch
	-- (docs/event-path.md, "Large transactions").
	v_now := pg_current_snapshot();
	-- `dropped` is read before the rows, hence before a TRUNCATE that could take some of them: the next fetch sees
	-- such a TRUNCATE, because its cursor does not cover it. It is read after the snapshot, because an earlier
	-- TRUNCATE must be known now.
	select s.dropped into v_dropped from bellwire.outbox_state s;
	if p_from is not null then
		v_from := p_from::pg_snapshot;
		if p_epoch is distinct from v_epoch or pg_snapshot_xmin(v_from) < pg_snapshot_xmax(v_dropped) then
			v_gap := rt_private.gap(v_from, p_epoch, v_epoch);
		end if; -- else every transaction that the dropped snapshot sees was over when the cursor was taken
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
		-- An old transaction is open. One range scan from its beginning would read all rows since, at every
		-- poll.
		return query select * from rt_private.fetch_rows(v_from, v_now, 0, c_limit);
	else
		-- Variables, because each of six probes would set up a call.
		v_low := pg_snapshot_xmin(v_from);
		v_high := pg_snapshot_xmax(v_now);
		-- The rows of fetch_rows, with one probe per slot: setting up more probes costs more than reading a few
		-- rows in vain. The query is here and not in a function of its own, whose rows would be copied once
		-- more. The bytes are counted in a loop, because most answers have a row or two, for which a window in the
		-- query is not worth being set up.
		for id, xid, at_us, rooms, except_rooms, event, control, data, confirm, ephemeral in
			select o.id, o.xid::text, rt_private.micros(o.at), rt_private.lines(o.rooms), rt_private.lines(o.except_rooms),
				o.event, o.control, o.data::text, o.confirm::text, o.ephemeral
			from rt_private.outbox_both() o
			where o.xid >= v_low and o.xid < v_high
				and not pg_visible_in_snapshot(o.xid, v_from) and pg_visible_in_snapshot(o.xid, v_now)
			order by o.id
			limit c_limit
		loop
			return next;
			v_bytes := v_bytes - octet_length(data);
			exit when v_bytes <= 0;
		end loop;
	end if;
	if exists (select from bellwire.outbox_state s where s.dropped::text is distinct from v_dropped::text)
		and rt_private.gap(v_from, p_epoch, v_epoch) is not null then
		raise exception 'a slot of the outbox was truncated during the fetch' using errcode = '40001';
	end if;
end
$$;
comment on function rt.fetch(text, text) is
	'Header row, then at most 1000 events, or rt_private.page_bytes, that are not visible in p_from and visible '
	'now, in id order; '
	'docs/edge-sql.md has the columns. 40001: ask again.';
