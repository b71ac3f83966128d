-- Writing the outbox.

create or replace function rt_private.outbox_slot(p_at timestamptz) returns smallint
language sql stable
return (floor(date_part('epoch', p_at) / 600)::bigint % 3)::smallint;
comment on function rt_private.outbox_slot(timestamptz) is
	'Slot 0-2 of the outbox that is written at a time: ten minutes each.';

-- It has no search_path of its own: its callers are definer functions with one, and a second switch would cost a tenth
-- of the insert. Each slot is named, since finding the partition of a row costs as much as writing it.
create or replace function rt_private.outbox_insert(p_rooms text[], p_except text[], p_event text, p_data jsonb, p_confirm jsonb,
	p_control text, p_ephemeral boolean) returns boolean
language plpgsql volatile
as $$
declare
	v_at   constant timestamptz := clock_timestamp();
	v_slot constant smallint := rt_private.outbox_slot(v_at);
begin
	loop
		if p_ephemeral then
			insert into bellwire.outbox_ephemeral (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select v_slot, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control
			from bellwire.epoch e where e.started = pg_postmaster_start_time();
		elsif v_slot = 0 then
			insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 0, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control
			from bellwire.epoch e where e.started = pg_postmaster_start_time();
		elsif v_slot = 1 then
			insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 1, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control
			from bellwire.epoch e where e.started = pg_postmaster_start_time();
		else
			insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 2, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control
			from bellwire.epoch e where e.started = pg_postmaster_start_time();
		end if;
		exit when found;
		perform rt_private.epoch_n(); -- the first write after a start or a crash
	end loop;
	-- rung here, because a trigger on each slot would cost as much as the row
	if not p_ephemeral and rt_private.must_ring() then
		perform pg_notify('bellwire', '');
	end if;
	return true; -- lets callers use an assignment, which costs half of a perform
end
$$;
comment on function rt_private.outbox_insert(text[], text[], text, jsonb, jsonb, text, boolean) is
	'The insert into the outbox, of one row.';

-- It has no search_path either. Checks nothing: the event and the rooms are of our own making.
create or replace function rt_private.outbox_insert_each(p_event text, p_rooms text[], p_data jsonb[]) returns void
language plpgsql volatile
as $$
declare
	v_at   constant timestamptz := clock_timestamp();
	v_done boolean;
begin
	if p_rooms is null then
		return;
	elsif cardinality(p_rooms) = 1 then
		v_done := rt_private.outbox_insert(p_rooms, '{}', p_event, p_data[1], null, null, false);
		return;
	end if;
	perform rt_private.epoch_n();
	insert into bellwire.outbox (slot, epoch, at, rooms, except_rooms, event, data)
	select rt_private.outbox_slot(v_at), e.n, v_at, array[p.room], '{}', p_event, p.data
	from bellwire.epoch e, unnest(p_rooms, p_data) with ordinality p (room, data, n)
	order by p.n;
end
$$;
comment on function rt_private.outbox_insert_each(text, text[], jsonb[]) is
	'outbox_insert for several rows of one event: row i, with data i, to the sockets of room i.';

-- For statements that write the outbox as a whole table; outbox_insert, which names a slot, rings by itself.
create or replace function rt_private.outbox_written() returns trigger
language plpgsql volatile
as $$
begin
	if rt_private.must_ring() then
		perform pg_notify('bellwire', '');
	end if;
	return null;
end
$$;
comment on function rt_private.outbox_written() is 'After a statement that wrote the outbox.';

select bellwire.ensure_trigger(t.name, 'outbox_written',
	format($$after insert on %s for each statement execute function rt_private.outbox_written()$$, t.name))
from (values ('bellwire.outbox'), ('bellwire.outbox_ephemeral')) t (name);
