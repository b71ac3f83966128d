-- Announcing events.

-- The text of a jsonb has at most 32 times its bytes: a number of 309 digits takes 10, and one beyond double range goes
-- nowhere. So most events need not be written as text to be measured. That is true of bytes that are not compressed, as
-- those of a row may be.
create or replace function rt_private.data_is_small(p_data jsonb) returns boolean
language sql stable -- as pg_column_size is: an immutable function would not be inlined, and cost half of an event
return pg_column_size(p_data) <= 8192 and pg_column_compression(p_data) is null;
comment on function rt_private.data_is_small(jsonb) is 'Has surely less than 256 KiB as text.';

create or replace function rt_private.event_is_large(p_data jsonb) returns boolean
language sql stable
return not rt_private.data_is_small(p_data) and octet_length(p_data::text) > 262144;
comment on function rt_private.event_is_large(jsonb) is 'Over 256 KiB: more than one event may have.';

-- One text of all names, with the event first, which is empty where a slash comes first. A null among them becomes a line
-- break, which no name may have.
create or replace function rt_private.event_is_plain(p_rooms text[], p_event text, p_data jsonb, p_except text[])
returns boolean
language sql stable
return p_data @> '{}' and rt_private.data_is_small(p_data) and p_except is not null
	and (p_rooms is null or p_rooms[1] is not null)
	and array_to_string(p_event || p_rooms || p_except, '/', e'\n') ~ '^[^/[:cntrl:]][^[:cntrl:]]*$';
comment on function rt_private.event_is_plain(text[], text, jsonb, text[]) is
	'Is this an event as nearly all are, which rt_private.event_check would let pass? Otherwise, or null: ask that '
	'one.';

create or replace function rt_private.event_check(p_rooms text[], p_event text, p_data jsonb, p_except text[])
returns void
language plpgsql stable
as $$
begin
	if p_event is null or p_event = '' or jsonb_typeof(p_data) is distinct from 'object'
		or concat(p_event, array_to_string(p_rooms, ''), array_to_string(p_except, '')) ~ '[[:cntrl:]]'
		or array_position(p_rooms, null) is not null or p_except is null
		or array_position(p_except, null) is not null then
		raise exception 'publish: an event name, an object and room names without control characters are needed'
			using errcode = 'RT400';
	end if;
	if rt_private.event_is_large(p_data) then
		raise exception 'publish: an event has at most 256 KiB, this % has %',
			p_event, octet_length(p_data::text) using errcode = 'RT413';
	end if;
end
$$;
comment on function rt_private.event_check(text[], text, jsonb, text[]) is 'Refuses what is no event. RT400, RT413.';

create or replace function rt_private.event_goes(p_rooms text[], p_event text, p_data jsonb, p_except text[])
returns boolean
language plpgsql volatile
as $$
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return false;
	elsif cardinality(p_rooms) = 0 then
		return false;
	end if;
	perform rt_private.event_check(p_rooms, p_event, p_data, p_except);
	return true;
end
$$;
comment on function rt_private.event_goes(text[], text, jsonb, text[]) is
	'Does this event leave, in this transaction? False: in a silent import, and to nobody. RT400, RT413.';

-- Inlined where it is called. It has no search_path: only the owner's functions may call it, and they have one.
create or replace function rt_private.publish(p_rooms text[], p_event text, p_data jsonb, p_except text[] default '{}',
	p_ephemeral boolean default false, p_confirm jsonb default null) returns void
language sql volatile
return rt_private.outbox_write(p_rooms, p_except, p_event, p_data, p_confirm, null, p_ephemeral, true);
comment on function rt_private.publish(text[], text, jsonb, text[], boolean, jsonb) is
	'Sends event (name, object) to the sockets of rooms (null: every socket; empty: nobody) but those of '
	'except_rooms, each socket once, when this transaction commits. ephemeral: not kept over a crash. confirm: '
	'goes to rt.confirm once a recipient''s client has taken the event. data has at most 256 KiB. RT400, RT413.';

-- For writers that announce many events at once: a call of publish for each would cost more than the row that it
-- writes.
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
	if exists (select from unnest(p_data) d where rt_private.event_is_large(d)) then
		raise exception 'publish_each: an event has at most 256 KiB' using errcode = 'RT413';
	end if;
	perform rt_private.outbox_ready();
	insert into bellwire.outbox (slot, epoch, at, rooms, except_rooms, event, data, confirm)
	select rt_private.outbox_slot(v_at), e.n, v_at, array[p.room], '{}', p.event, p.data, p.confirm
	from bellwire.epoch e, unnest(p_rooms, p_events, p_data, p_confirms) with ordinality p (room, event, data, confirm, n)
	order by p.n;
end
$$;
comment on function rt_private.publish_each(text[], text[], jsonb[], jsonb[]) is
	'publish for many: event i, with data i and confirm i, to the sockets of room i. RT400, RT413.';
