-- Writing the outbox, and the bell.

---------------------------------------------------------------------------------------------------------- bell
create or replace function rt_private.bell_key() returns bigint
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 7090192401480381029 $$;
comment on function rt_private.bell_key() is '"bellwire" in ASCII. Sleeping edges hold this advisory lock shared.';

-- Functions with a RETURN body are inlined where they stand. That counts here: in each transaction plpgsql sets up anew every
-- expression that it comes by, and every writer comes by these.
create or replace function rt_private.edge_sleeps() returns boolean
language sql volatile
-- one expression, so that no error can leave the lock behind (design section 2)
return (case when pg_try_advisory_lock(7090192401480381029) then pg_advisory_unlock(7090192401480381029) else false end) is not true;
comment on function rt_private.edge_sleeps() is 'An edge waits for the bell, or asks this at the same moment.';

create or replace function rt_private.must_ring() returns boolean
language sql volatile
return case
	-- inside rt.dispatch: its edge polls by itself, and rings for the others after the commit if it is told so (set_config is never null)
	when current_setting('bellwire.dispatch', true) = pg_current_xact_id()::text
		then set_config('bellwire.published', pg_current_xact_id()::text, true) is null
	else rt_private.edge_sleeps() end;
comment on function rt_private.must_ring() is 'Asked after the outbox was written: does this transaction have to ring? A batch notes that it has something.';

-- For the statements that write the outbox by the name of the whole; outbox_insert sees to its own.
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

create or replace function rt.ring() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.edge_sleeps() then
		perform pg_notify('bellwire', '');
	end if;
end
$$;
comment on function rt.ring() is 'Rings if an edge sleeps: the edge calls it after a batch that published, as a statement of its own.';

-------------------------------------------------------------------------------------------------------- outbox
create or replace function rt_private.outbox_slot(p_at timestamptz) returns smallint
language sql stable
return (floor(date_part('epoch', p_at) / 600)::bigint % 3)::smallint;
comment on function rt_private.outbox_slot(timestamptz) is 'Slot 0-2 of the outbox that is written at a time: ten minutes each.';

-- Runs as its callers, which are definer functions with a pinned search_path: a second switch would cost a tenth of the insert.
-- Each slot by its name: finding a row's partition costs as much as writing the row.
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
			select v_slot, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control from bellwire.epoch e;
		elsif v_slot = 0 then
			insert into bellwire.outbox_0 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 0, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control from bellwire.epoch e;
		elsif v_slot = 1 then
			insert into bellwire.outbox_1 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 1, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control from bellwire.epoch e;
		else
			insert into bellwire.outbox_2 (slot, epoch, at, rooms, except_rooms, event, data, confirm, control)
			select 2, e.n, v_at, p_rooms, p_except, p_event, p_data, p_confirm, p_control from bellwire.epoch e;
		end if;
		exit when found;
		perform rt_private.epoch_n(); -- the first write after a crash
	end loop;
	-- here, because a trigger of each slot would cost as much as the row
	if not p_ephemeral and rt_private.must_ring() then
		perform pg_notify('bellwire', '');
	end if;
	return true; -- which nobody needs: an assignment costs half of a perform
end
$$;
comment on function rt_private.outbox_insert(text[], text[], text, jsonb, jsonb, text, boolean) is 'The insert into the outbox, of one row.';

create or replace function rt_private.control(p_verb text, p_data jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_done boolean;
begin
	v_done := rt_private.outbox_insert('{}', '{}', null, p_data, null, p_verb, false);
end
$$;
comment on function rt_private.control(text, jsonb) is 'Writes a control row (docs/edge-sql.md): an order to the edges that travels with the events around it.';

create or replace function rt_private.rooms_stale(p_users uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select rt_private.control('rooms_stale',
		case when p_users is null then '{}'::jsonb else jsonb_build_object('user_ids', to_jsonb(p_users)) end)
$$;
comment on function rt_private.rooms_stale(uuid[]) is 'Edges read the rooms of these users again; null: of everyone.';

create or replace function rt_private.silent_note() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- once per transaction: whatever was written without events, the edges read rooms again at its end
	if current_setting('bellwire.silent_noted', true) is distinct from pg_current_xact_id()::text then
		perform set_config('bellwire.silent_noted', pg_current_xact_id()::text, true);
		perform rt_private.rooms_stale(null);
	end if;
end
$$;
comment on function rt_private.silent_note() is 'A silent transaction changes rooms without control rows: leaves one "read rooms again".';

-- As outbox_insert: nobody but the owner's functions may call it, and those have a search_path.
create or replace function rt_private.publish(p_rooms text[], p_event text, p_data jsonb, p_except text[] default '{}',
	p_ephemeral boolean default false, p_confirm jsonb default null) returns void
language plpgsql volatile
as $$
declare
	v_done boolean;
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return;
	end if;
	if cardinality(p_rooms) = 0 then
		return;
	end if;
	if p_event is null or p_event = '' or jsonb_typeof(p_data) is distinct from 'object'
		or concat(p_event, array_to_string(p_rooms, ''), array_to_string(p_except, '')) ~ '[[:cntrl:]]'
		or array_position(p_rooms, null) is not null or p_except is null or array_position(p_except, null) is not null then
		raise exception 'publish: an event name, an object and room names without control characters are needed' using errcode = 'RT400';
	end if;
	v_done := rt_private.outbox_insert(p_rooms, p_except, p_event, p_data, p_confirm, null, p_ephemeral);
end
$$;
comment on function rt_private.publish(text[], text, jsonb, text[], boolean, jsonb) is
	'Sends event (name, object) to the sockets of rooms (null: every socket; empty: nobody) but those of except_rooms, each socket once, when this transaction commits. ephemeral: not kept over a crash. confirm: goes to rt.confirm once a recipient''s client has taken the event.';

-- For whoever announces many things at once: a call of publish for each would cost more than the row that it writes.
create or replace function rt_private.publish_each(p_rooms text[], p_events text[], p_data jsonb[], p_confirms jsonb[] default '{}') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_at constant timestamptz := clock_timestamp();
begin
	if coalesce(cardinality(p_rooms), 0) = 0 then
		return;
	end if;
	if array_position(p_rooms, null) is not null or array_to_string(p_rooms, '') ~ '[[:cntrl:]]'
		or array_position(p_events, null) is not null or array_to_string(p_events, '') ~ '[[:cntrl:]]' or '' = any(p_events)
		or exists (select from unnest(p_data) d where jsonb_typeof(d) is distinct from 'object')
		or (cardinality(p_events), cardinality(p_data)) is distinct from (cardinality(p_rooms), cardinality(p_rooms))
		or cardinality(p_confirms) not in (0, cardinality(p_rooms)) then
		raise exception 'publish_each: for each a room and an event name without control characters, and an object, are needed' using errcode = 'RT400';
	end if;
	perform rt_private.epoch_n();
	insert into bellwire.outbox (slot, epoch, at, rooms, except_rooms, event, data, confirm)
	select rt_private.outbox_slot(v_at), e.n, v_at, array[p.room], '{}', p.event, p.data, p.confirm
	from bellwire.epoch e, unnest(p_rooms, p_events, p_data, p_confirms) with ordinality p (room, event, data, confirm, n)
	order by p.n;
end
$$;
comment on function rt_private.publish_each(text[], text[], jsonb[], jsonb[]) is
	'publish for many: event i, with data i and confirm i, to the sockets of room i.';

-- Membership of live sockets, ordered with the events around it (design section 3).
create or replace function rt_private.socket_join(p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt.socket_id() is not null then
		perform rt_private.control('socket_join', jsonb_build_object('socket_id', rt.socket_id(), 'room', p_room));
	end if;
end
$$;
comment on function rt_private.socket_join(text) is 'The calling socket enters the room; nothing outside a client event.';

create or replace function rt_private.socket_leave(p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt.socket_id() is not null then
		perform rt_private.control('socket_leave', jsonb_build_object('socket_id', rt.socket_id(), 'room', p_room));
	end if;
end
$$;
comment on function rt_private.socket_leave(text) is 'The calling socket leaves the room; nothing outside a client event.';

create or replace function rt_private.user_control(p_verb text, p_user uuid, p_key text, p_value text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.silent() then
		perform rt_private.silent_note();
	else
		perform rt_private.control(p_verb, jsonb_build_object('user_id', p_user, p_key, p_value));
	end if;
end
$$;
comment on function rt_private.user_control(text, uuid, text, text) is 'A control row about a user.';

create or replace function rt_private.user_join(p_user uuid, p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform rt_private.user_control('user_join', p_user, 'room', p_room); end $$;
comment on function rt_private.user_join(uuid, text) is 'All sockets of the user enter the room.';

create or replace function rt_private.user_leave(p_user uuid, p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform rt_private.user_control('user_leave', p_user, 'room', p_room); end $$;
comment on function rt_private.user_leave(uuid, text) is 'All sockets of the user leave the room.';

create or replace function rt_private.user_kick(p_user uuid, p_reason text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform rt_private.user_control('user_kick', p_user, 'reason', p_reason); end $$;
comment on function rt_private.user_kick(uuid, text) is 'The user''s sockets end: "disabled" or "deleted" (contract 2.8).';
