-- The pump's poll.

-- A session notes what the counter says, and at its next fetch which transaction id comes next. A transaction from there
-- on takes its id after the counter was read, writes the twin after that, and is counted before it commits. So while the
-- counter stands still, none of them has written. The xmax of a snapshot will not do: transactions above it may have
-- their id already, and be counted.
create or replace function rt_private.ephemeral_note(p_high xid8) returns void
language plpgsql volatile
as $$
declare
	v_counted constant text := pg_sequence_last_value('bellwire.outbox_ephemeral_written');
begin
	if coalesce(current_setting('bellwire.epoch', true), '') = '' then
		return; -- no pump's session: a pooler's, or a service's, which may have any isolation
	elsif current_setting('bellwire.ephemeral_counted', true) is distinct from v_counted then
		perform set_config('bellwire.ephemeral_counted', v_counted, false),
			set_config('bellwire.ephemeral_since', '', false);
	elsif current_setting('bellwire.ephemeral_since') = '' then
		perform set_config('bellwire.ephemeral_since', (p_high::text::bigint + age(p_high::xid))::text, false);
	end if;
end
$$;
comment on function rt_private.ephemeral_note(xid8) is
	'Notes since which transaction nobody has written bellwire.outbox_ephemeral, in a session of a pump, which is read '
	'committed. Asked after the snapshot of a fetch; p_high: its xmax, from which age() counts.';

-- Inlined, because the call of a function is a twentieth of a poll. Its names are bound where it is, for a migration
-- that is taken back drops the sequence.
create or replace function rt_private.ephemeral_idle(p_low xid8) returns boolean
language sql volatile
as $$
	select current_setting('bellwire.ephemeral_counted', true)
			= pg_sequence_last_value('bellwire.outbox_ephemeral_written')::text
		and p_low >= nullif(current_setting('bellwire.ephemeral_since', true), '')::xid8
$$;
comment on function rt_private.ephemeral_idle(xid8) is
	'Has no transaction from p_low on written bellwire.outbox_ephemeral? Null: not known. Asked after the snapshot '
	'of a fetch.';

create or replace function rt.fetch(p_from text, p_epoch text)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_limit constant int := 1000;
	-- rt.pump_open has set it for this session. It cannot be out of date: no session outlives a crash, and a
	-- standby that is promoted has none.
	v_epoch text := nullif(current_setting('bellwire.epoch', true), '');
	v_now pg_snapshot;
	v_from pg_snapshot;
	v_dropped pg_snapshot;
	v_low xid8;
	v_high xid8;
	v_gap text;
	v_bytes bigint;
begin
	if v_epoch is null then
		if pg_is_in_recovery() then
			raise exception 'a standby cannot be read: its snapshots hide what is in flight'
				using errcode = 'RT503';
		end if;
		v_epoch := rt_private.epoch_text();
	end if;
	-- The upper snapshot is fixed first: rows that commit from here on belong to the next fetch
	-- (docs/event-path.md, "Large transactions"). `dropped` is of the same snapshot: an earlier TRUNCATE must be
	-- known now, and one that comes from here on is not covered by the cursor, so that the next fetch sees it.
	select pg_current_snapshot(), pg_current_snapshot()::text, pg_snapshot_xmin(pg_current_snapshot())::text,
		rt_private.micros(clock_timestamp()), s.dropped, s.dropped::text
	into v_now, rooms, xid, at_us, v_dropped, event
	from bellwire.outbox_state s;
	if p_from is not null then
		v_from := p_from::pg_snapshot;
		if p_epoch is distinct from v_epoch or pg_snapshot_xmin(v_from) < pg_snapshot_xmax(v_dropped) then
			v_gap := rt_private.gap(v_from, p_epoch, v_epoch);
		end if; -- else every transaction that the dropped snapshot sees was over when the cursor was taken
	end if;
	except_rooms := v_epoch;
	control := case when v_gap is null then 'ok' else 'gap' end;
	data := v_gap;
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
		v_bytes := rt_private.page_bytes();
		if rt_private.ephemeral_idle(v_low) then
			-- as below, from half of the tables
			for id, xid, at_us, rooms, except_rooms, event, control, data, confirm, ephemeral in
				select o.id, o.xid::text, rt_private.micros(o.at), rt_private.lines(o.rooms),
					rt_private.lines(o.except_rooms), o.event, o.control, o.data::text,
					o.confirm::text, o.ephemeral
				from rt_private.outbox_kept() o
				where o.xid >= v_low and o.xid < v_high
				and not pg_visible_in_snapshot(o.xid, v_from) and pg_visible_in_snapshot(o.xid, v_now)
				order by o.id
				limit c_limit
			loop
				return next;
				v_bytes := v_bytes - octet_length(data);
				exit when v_bytes <= 0;
			end loop;
		else
			perform rt_private.ephemeral_note(v_high);
			for id, xid, at_us, rooms, except_rooms, event, control, data, confirm, ephemeral in
				select o.id, o.xid::text, rt_private.micros(o.at), rt_private.lines(o.rooms),
					rt_private.lines(o.except_rooms), o.event, o.control, o.data::text,
					o.confirm::text, o.ephemeral
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
