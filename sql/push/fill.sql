-- What consumers of pushes have still to look at: filled from the outbox, so that a message costs its writer nothing.

create or replace function rt_private.push_rows(p_ids bigint[], p_events text[], p_data text[], p_at_us bigint[])
returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	insert into bellwire.pushes (consumer, kind, id, written_at)
	select c.consumer, case r.event when 'chat:message:new' then 'message' else 'notification' end,
		(r.data::jsonb ->> 'id')::uuid, to_timestamp(r.at_us / 1000000.0)
	from bellwire.push_consumers c
	cross join unnest(p_ids, p_events, p_data, p_at_us) r (n, event, data, at_us)
	where r.event in ('chat:message:new', 'notification:new')
	order by r.n
	on conflict do nothing
$$;
comment on function rt_private.push_rows(bigint[], text[], text[], bigint[]) is
	'Rows of the outbox, as rt.fetch has them, become rows of bellwire.pushes.';

create or replace function rt_private.push_fill() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_cursor bellwire.push_cursor;
	v_head   record;
	v_rows   record;
	v_last   bigint;
begin
	select c.* into v_cursor from bellwire.push_cursor c for update skip locked;
	if not found then
		return; -- somebody else fills
	end if;
	select max(f.id) as last, array_agg(f.id) filter (where f.id is not null) as ids,
		array_agg(f.event) filter (where f.id is not null) as events,
		array_agg(f.data) filter (where f.id is not null) as data,
		array_agg(f.at_us) filter (where f.id is not null) as at_us,
		max(f.rooms) filter (where f.id is null) as snapshot,
		max(f.except_rooms) filter (where f.id is null) as epoch,
		max(f.data) filter (where f.id is null) as gap, count(f.id) as n
	into v_head
	from rt.fetch(v_cursor.snapshot, v_cursor.epoch) f;
	if v_head.gap is not null then
		raise warning 'rt.undelivered: what was written meanwhile is not known: %', v_head.gap;
	end if;
	perform rt_private.push_rows(v_head.ids, v_head.events, v_head.data, v_head.at_us);
	v_last := case when v_head.n > 0 then v_head.last end;
	while v_last is not null loop
		select max(f.id) as last, array_agg(f.id) as ids, array_agg(f.event) as events,
			array_agg(f.data) as data, array_agg(f.at_us) as at_us
		into v_rows
		from rt.fetch_page(v_cursor.snapshot, v_head.snapshot, v_last, 1000, v_cursor.epoch) f;
		perform rt_private.push_rows(v_rows.ids, v_rows.events, v_rows.data, v_rows.at_us);
		v_last := v_rows.last;
	end loop;
	update bellwire.push_cursor c
	set snapshot = v_head.snapshot, epoch = v_head.epoch, at = clock_timestamp();
end
$$;
comment on function rt_private.push_fill() is
	'Takes what the outbox has had since the last time into bellwire.pushes; nothing where somebody else does.';

create or replace function rt_private.push_tick() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- A consumer that has not come for a day is forgotten: its rows would grow for ever.
	delete from bellwire.push_consumers c where c.called_at < clock_timestamp() - interval '1 day';
	delete from bellwire.notifications_taken t where t.at < clock_timestamp() - interval '1 day';
	if not exists (select from bellwire.push_consumers) then
		delete from bellwire.push_cursor;
	elsif exists (select from bellwire.push_cursor c where c.at < clock_timestamp() - interval '30 s') then
		perform rt_private.push_fill();
	end if;
end
$$;
comment on function rt_private.push_tick() is
	'Of rt.maintain: fills for consumers that do not come for a while, before the outbox forgets; forgets '
	'consumers.';
