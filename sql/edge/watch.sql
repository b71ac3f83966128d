-- Who looks after the outbox: an edge, by rt.maintain, or a writer, while there is no edge
-- (docs/decisions/0029-no-edge.md).

-- Inlined where it is called: every writer asks the row of the present epoch anyway.
create or replace function rt_private.epoch_holds(p_started timestamptz, p_watched tstzrange, p_at timestamptz)
returns boolean
language sql stable
return p_started = pg_postmaster_start_time() and p_at <@ p_watched;
comment on function rt_private.epoch_holds(timestamptz, tstzrange, timestamptz) is
	'May a writer just write? This is the run of Postgres in which the epoch began, and somebody looks after the '
	'outbox.';

create or replace function rt_private.watch_range(p_for interval) returns tstzrange
language sql volatile
return tstzrange(clock_timestamp(), clock_timestamp() + p_for);
comment on function rt_private.watch_range(interval) is 'From now on, so long.';

create or replace function rt_private.outbox_watch(p_for interval) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- Seldom: versions of this row that an old snapshot keeps are read by every writer.
	update bellwire.epoch e set watched = rt_private.watch_range(p_for)
	where not rt_private.watch_range(p_for * 2 / 3) <@ e.watched
$$;
comment on function rt_private.outbox_watch(interval) is
	'For so long no writer looks after the outbox; nothing while two thirds of that are left.';

create or replace function rt_private.outbox_watched() returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select clock_timestamp() <@ e.watched from bellwire.epoch e
$$;
comment on function rt_private.outbox_watched() is 'Does somebody look after the outbox?';

-- Whoever keeps a cursor must hear of what goes here: `dropped` says it, as in rt_private.rotate.
create or replace function rt_private.slot_forget(p_slot int) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms'
as $$
declare
	v_now   pg_snapshot;
	v_dirty boolean;
begin
	execute format('select exists (select from bellwire.outbox_%1$s)'
		' or exists (select from bellwire.outbox_ephemeral_%1$s)', p_slot) into v_dirty;
	if not v_dirty then
		return;
	end if;
	execute format('lock table bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s'
		' in access exclusive mode nowait', p_slot);
	-- The slot is locked: whoever has written into it has come to an end, but for this transaction.
	execute format('select exists (select from bellwire.outbox_%1$s where xid = $1)'
		' or exists (select from bellwire.outbox_ephemeral_%1$s where xid = $1)', p_slot)
	into v_dirty using pg_current_xact_id();
	if v_dirty then
		return;
	end if;
	v_now := pg_current_snapshot();
	-- consumers of pushes read the outbox as well, and not always
	perform rt_private.push_tick();
	if exists (select from bellwire.push_cursor) then
		perform rt_private.push_fill();
	end if;
	if exists (select from bellwire.push_cursor c
		where c.epoch <> rt_private.epoch_text() or not rt_private.snapshot_covers(c.snapshot::pg_snapshot, v_now)) then
		return; -- somebody else fills
	end if;
	update bellwire.outbox_state s set dropped = v_now;
	execute format('truncate bellwire.outbox_%1$s, bellwire.outbox_ephemeral_%1$s', p_slot);
exception when lock_not_available or object_in_use then
	null; -- somebody uses the slot; the next look is in five minutes
end
$$;
comment on function rt_private.slot_forget(int) is
	'Truncates a slot of the outbox that nobody reads. A cursor from before has a gap then.';

create or replace function rt_private.outbox_look() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_slot constant int := rt_private.outbox_slot(clock_timestamp());
begin
	-- One of those who commit at this moment does it, and none waits.
	perform from bellwire.epoch e for update skip locked;
	if not found or rt_private.outbox_watched() then
		return;
	end if;
	perform rt_private.outbox_watch(interval '5 minutes');
	if exists (select from bellwire.edges e where rt_private.edge_alive(e.edge_id)) then
		-- It reads, but its maintenance fails: what it has to do for the outbox is done here.
		insert into bellwire.ticks default values on conflict do nothing;
		perform rt_private.rotate();
		return;
	end if;
	perform rt_private.slot_forget((v_slot + n) % 3) from generate_series(1, 2) n;
end
$$;
comment on function rt_private.outbox_look() is
	'Looks after the outbox in place of an edge: where no pump lives, all slots but the present one are emptied.';

create or replace function rt_private.looks_due() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	delete from bellwire.looks l where l.xid = new.xid;
	perform rt_private.outbox_look();
	return null;
end
$$;
comment on function rt_private.looks_due() is 'At the end of a transaction that has found the outbox unwatched.';

-- At the commit: the locks of a TRUNCATE last until then, and nobody knows how long this transaction will be.
select bellwire.ensure_trigger('bellwire.looks', 'looks_due',
	$$after insert on bellwire.looks deferrable initially deferred for each row
	execute function rt_private.looks_due()$$,
	'constraint');

create or replace function rt_private.outbox_unwatched() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if current_setting('bellwire.looks', true) is not distinct from pg_current_xact_id()::text
		-- another snapshot does not see all rows of a slot: who has one leaves it to others
		or current_setting('transaction_isolation') <> 'read committed' or rt_private.outbox_watched() then
		return;
	end if;
	perform set_config('bellwire.looks', pg_current_xact_id()::text, true);
	begin
		insert into bellwire.looks default values on conflict do nothing;
	exception when insufficient_privilege then
		-- Nothing can be deferred where the worker of a subscription acts for the owner of a table.
		perform rt_private.outbox_look();
	end;
end
$$;
comment on function rt_private.outbox_unwatched() is
	'This transaction looks after the outbox when it commits, if nobody does.';

create or replace function rt_private.outbox_ready() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not exists (select from bellwire.epoch e
		where rt_private.epoch_holds(e.started, e.watched, clock_timestamp())) then
		perform rt_private.epoch_n();
		perform rt_private.outbox_unwatched();
	end if;
end
$$;
comment on function rt_private.outbox_ready() is
	'Before a statement that writes the outbox as a whole: the epoch has begun, and somebody looks after it.';
