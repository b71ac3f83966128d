-- Reading the outbox: the cursor is a snapshot.

create or replace function rt_private.page_bytes() returns bigint
language sql stable
return coalesce(nullif(current_setting('bellwire.page_bytes', true), '')::bigint, 9223372036854775807);
comment on function rt_private.page_bytes() is
	'Bytes of data after which an answer of rt.fetch and rt.fetch_page ends, with the row that reaches them. '
	'The edge sets it for its session.';

create or replace function rt_private.outbox_kept()
returns table (xid xid8, id bigint, epoch int, at timestamptz, rooms text[], except_rooms text[], event text,
	data jsonb, confirm jsonb, control text, ephemeral boolean)
language sql stable
begin atomic
	select a.xid, a.id, a.epoch, a.at, a.rooms, a.except_rooms, a.event, a.data, a.confirm, a.control, false
	from bellwire.outbox a;
end;
comment on function rt_private.outbox_kept() is
	'The rows of the outbox. Postgres puts this into the query that asks, so its conditions find the indexes.';

create or replace function rt_private.outbox_both()
returns table (xid xid8, id bigint, epoch int, at timestamptz, rooms text[], except_rooms text[], event text, data jsonb,
	confirm jsonb, control text, ephemeral boolean)
language sql stable
begin atomic
	select * from rt_private.outbox_kept()
	union all
	select a.xid, a.id, a.epoch, a.at, a.rooms, a.except_rooms, a.event, a.data, a.confirm, a.control, true
	from bellwire.outbox_ephemeral a;
end;
comment on function rt_private.outbox_both() is
	'The rows of the outbox and of its twin. Postgres puts this into the query that asks, too.';

-- An answer has the rows as text. A query makes that of the rows that it has chosen and put in order: made in
-- outbox_both, it would be made ready for each of six tables, which costs as much as a fetch.
create or replace function rt_private.lines(p_rooms text[]) returns text
language sql stable
return array_to_string(p_rooms, e'\n');
comment on function rt_private.lines(text[]) is 'The names of rooms as an answer of rt.fetch has them, one a line.';

create or replace function rt_private.fetch_rows(p_from pg_snapshot, p_upto pg_snapshot, p_after bigint, p_limit int)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
	c_most  constant bigint := 9223372036854775807;
	v_after bigint := p_after;
	-- A page is looked for among the next ids first, and then behind them. Without that, each page of a large
	-- transaction would build and sort all rows of the transaction.
	v_last  bigint := case when p_after = 0 then c_most else p_after + 4 * p_limit::bigint end;
	v_left  bigint := p_limit;
	v_bytes bigint := rt_private.page_bytes();
begin
	-- Two index probes per slot: transactions that began after p_from, and those in flight at p_from. No row is in
	-- both, since xip < xmax. That rows are visible now is implied by MVCC; xid < xmax(p_upto) keeps out restored
	-- rows with huge xids.
	-- Row by row: so no more rows are read, unpacked and written as text than the answer has room for.
	loop
		for id, xid, at_us, rooms, except_rooms, event, control, data, confirm, ephemeral in
			select q.id, q.xid::text, rt_private.micros(q.at), rt_private.lines(q.rooms), rt_private.lines(q.except_rooms),
				q.event, q.control, q.data::text, q.confirm::text, q.ephemeral
			from (
				select *
				from (
					select * from rt_private.outbox_both() a
					where a.xid >= pg_snapshot_xmax(p_from) and a.xid < pg_snapshot_xmax(p_upto)
					union all
					select * from rt_private.outbox_both() a
					where a.xid = any(array(select pg_snapshot_xip(p_from)))
				) o
				where o.id > v_after and o.id <= v_last and pg_visible_in_snapshot(o.xid, p_upto)
				order by o.id
				limit v_left
			) q
		loop
			return next;
			v_left := v_left - 1;
			v_bytes := v_bytes - octet_length(data);
			if v_bytes <= 0 then
				return;
			end if;
		end loop;
		exit when v_left = 0 or v_last = c_most;
		v_after := v_last;
		v_last := c_most;
	end loop;
end
$$;
comment on function rt_private.fetch_rows(pg_snapshot, pg_snapshot, bigint, int) is
	'Rows not visible in p_from and visible in p_upto, id > p_after, in id order, as many as an answer has. '
	'No name here but for rt.fetch and rt.fetch_page.';

-- After a crash of the same primary, xids repeat. The old cursor finds the rows of its own epoch; all rows of later
-- epochs are new.
create or replace function rt_private.fetch_rows_across(p_from pg_snapshot, p_epoch int, p_upto pg_snapshot, p_after bigint, p_limit int)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
	v_bytes bigint := rt_private.page_bytes();
begin
	for id, xid, at_us, rooms, except_rooms, event, control, data, confirm, ephemeral in
		select q.id, q.xid::text, rt_private.micros(q.at), rt_private.lines(q.rooms), rt_private.lines(q.except_rooms),
			q.event, q.control, q.data::text, q.confirm::text, q.ephemeral
		from (
			select *
			from rt_private.outbox_both() o
			where o.id > p_after and pg_visible_in_snapshot(o.xid, p_upto)
				and (o.epoch > p_epoch or (o.epoch = p_epoch and not pg_visible_in_snapshot(o.xid, p_from)))
			order by o.id
			limit p_limit
		) q
	loop
		return next;
		v_bytes := v_bytes - octet_length(data);
		exit when v_bytes <= 0;
	end loop;
end
$$;
comment on function rt_private.fetch_rows_across(pg_snapshot, int, pg_snapshot, bigint, int) is
	'fetch_rows for a cursor from before a crash: reads the whole outbox once.';

create or replace function rt_private.snapshot_covers(p_snapshot pg_snapshot, p_other pg_snapshot) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select p_other is null or pg_snapshot_xmax(p_snapshot) >= pg_snapshot_xmax(p_other) and not exists (
		select from pg_snapshot_xip(p_snapshot) x
		where x < pg_snapshot_xmax(p_other) and x not in (select pg_snapshot_xip(p_other)))
$$;
comment on function rt_private.snapshot_covers(pg_snapshot, pg_snapshot) is
	'Does p_snapshot see every transaction that p_other sees? True where p_other is null.';

create or replace function rt_private.gap(p_from pg_snapshot, p_epoch text, p_epoch_now text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_dropped pg_snapshot;
begin
	if split_part(p_epoch, '/', 1) is distinct from split_part(p_epoch_now, '/', 1) then
		return case when split_part(p_epoch, '.', 1) = split_part(p_epoch_now, '.', 1)
				and split_part(p_epoch, '.', 2) = split_part(p_epoch_now, '.', 2)
			then 'another database' else 'another system or timeline' end;
	end if;
	if p_epoch <> p_epoch_now and not exists (
		select from bellwire.epochs e where e.n || '.' || e.random = split_part(p_epoch, '/', 2)) then
		return 'an epoch that this database does not know';
	end if;
	select s.dropped into v_dropped from bellwire.outbox_state s;
	if not rt_private.snapshot_covers(p_from, v_dropped) then
		return 'older than what the outbox keeps';
	end if;
	return null;
end
$$;
comment on function rt_private.gap(pg_snapshot, text, text) is
	'Why a cursor does not cover everything since; null when it does.';
