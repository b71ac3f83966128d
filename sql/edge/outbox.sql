-- Writing the outbox.

-- Each function in an expression costs a thousand instructions in every transaction, a cast of the result too.
create or replace function rt_private.outbox_turn(p_at timestamptz) returns bigint
language sql stable
return date_part('epoch', p_at)::bigint / 600 % 3;
comment on function rt_private.outbox_turn(timestamptz) is
	'Slot 0-2 of the outbox that is written at a time: ten minutes each.';

create or replace function rt_private.outbox_slot(p_at timestamptz) returns smallint
language sql stable
return rt_private.outbox_turn(p_at)::smallint;
comment on function rt_private.outbox_slot(timestamptz) is 'rt_private.outbox_turn as a column of the outbox has it.';

-- The first write after a start or a crash, or after a time without any edge; and events that a crash may lose. The table
-- as a whole rings by its trigger.
create or replace function rt_private.outbox_insert_late(p_rooms text[], p_except text[], p_event text, p_data jsonb,
	p_confirm jsonb, p_control text, p_ephemeral boolean) returns void
language plpgsql volatile
as $$
declare
	v_at constant timestamptz := clock_timestamp();
begin
	loop
		perform rt_private.outbox_ready();
		if p_ephemeral then
			insert into bellwire.outbox_ephemeral
				(slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select rt_private.outbox_slot(v_at), e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm,
				p_control
			from bellwire.epoch e;
		else
			insert into bellwire.outbox
				(slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select rt_private.outbox_slot(v_at), e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm,
				p_control
			from bellwire.epoch e;
		end if;
		exit when found; -- else the row of the epoch has just been taken away
	end loop;
end
$$;
comment on function rt_private.outbox_insert_late(text[], text[], text, jsonb, jsonb, text, boolean) is
	'outbox_write where the row of the epoch does not say that all is as it was, and for the twin of the outbox.';

-- Everything that an event needs is in this one function, since each call of another one would cost a tenth of it, and
-- each expression a fiftieth. Each slot is named, since finding the partition of a row costs as much as writing it. The
-- function has no search_path of its own: its callers are definer functions with one, and a second switch would cost a
-- tenth as well.
create or replace function rt_private.outbox_write(p_rooms text[], p_except text[], p_event text, p_data jsonb,
	p_confirm jsonb, p_control text, p_ephemeral boolean, p_check boolean) returns void
language plpgsql volatile
as $$
begin
	if p_check then
		if (rt_private.event_is_plain(p_rooms, p_event, p_data, p_except) and rt_private.session_is_plain()
			or rt_private.event_goes(p_rooms, p_event, p_data, p_except)) is not true then
			return;
		end if;
	end if;
	case (case when p_ephemeral then null else rt_private.outbox_turn(clock_timestamp()) end)
	when 0 then
		insert into bellwire.outbox_0 (slot, epoch, rooms, except_rooms, event, data, confirm, control)
		select 0, e.n, p_rooms, p_except, p_event, p_data, p_confirm, p_control
		from bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, clock_timestamp());
	when 1 then
		insert into bellwire.outbox_1 (slot, epoch, rooms, except_rooms, event, data, confirm, control)
		select 1, e.n, p_rooms, p_except, p_event, p_data, p_confirm, p_control
		from bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, clock_timestamp());
	when 2 then
		insert into bellwire.outbox_2 (slot, epoch, rooms, except_rooms, event, data, confirm, control)
		select 2, e.n, p_rooms, p_except, p_event, p_data, p_confirm, p_control
		from bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, clock_timestamp());
	else
		perform rt_private.outbox_insert_late(p_rooms, p_except, p_event, p_data, p_confirm, p_control, true);
		return;
	end case;
	if not found then
		perform rt_private.outbox_insert_late(p_rooms, p_except, p_event, p_data, p_confirm, p_control, false);
	elsif rt_private.may_ring() then
		-- rung here, because a trigger on each slot would cost as much as the row
		if rt_private.must_ring() then
			perform pg_notify('bellwire', '');
		end if;
	end if;
end
$$;
comment on function rt_private.outbox_write(text[], text[], text, jsonb, jsonb, text, boolean, boolean) is
	'The insert into the outbox, of one row. check: it is an event of rt_private.publish, and may be none.';

-- Inlined where it is called. It returns a value so that callers can use an assignment, which costs half of a perform.
create or replace function rt_private.outbox_insert(p_rooms text[], p_except text[], p_event text, p_data jsonb, p_confirm jsonb,
	p_control text, p_ephemeral boolean) returns boolean
language sql volatile
return rt_private.outbox_write(p_rooms, p_except, p_event, p_data, p_confirm, p_control, p_ephemeral, false) is null;
comment on function rt_private.outbox_insert(text[], text[], text, jsonb, jsonb, text, boolean) is
	'outbox_write of a row that needs no check: a control row, or an event that we have put together.';

-- For statements that write the outbox as a whole table; outbox_insert, which names a slot, rings by itself.
create or replace function rt_private.outbox_written() returns trigger
language plpgsql volatile
as $$
begin
	if tg_argv[0] is not null then
		perform nextval(tg_argv[0]::regclass);
	end if;
	if rt_private.must_ring() then
		perform pg_notify('bellwire', '');
	end if;
	return null;
end
$$;
comment on function rt_private.outbox_written() is
	'After a statement that wrote the outbox. Argument: the sequence that counts these statements, if one does.';

select bellwire.ensure_trigger(t.name, 'outbox_written',
	format('after insert on %s for each statement execute function rt_private.outbox_written(%s)',
		t.name, t.counter),
	'always') -- a session that acts as a replica is read like any other
from (values ('bellwire.outbox', ''), ('bellwire.outbox_ephemeral', $$'bellwire.outbox_ephemeral_written'$$))
	t (name, counter);
