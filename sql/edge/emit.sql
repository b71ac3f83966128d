-- Events that other services send.

-- names that clients keep for themselves (S6), and those that the edge itself sends
create or replace function rt_private.event_is_reserved(p_event text) returns boolean
language sql immutable
return p_event = any('{connect,connect_error,disconnect,disconnecting,newListener,removeListener,error,connected,sync:required}');
comment on function rt_private.event_is_reserved(text) is 'Is this a name that no event of a service may have?';

create or replace function rt_private.emit_check(p_rooms text[], p_event text, p_data jsonb, p_except text[], p_text text)
returns void
language plpgsql stable
as $$
declare
	v_problem text;
begin
	if cardinality(p_rooms) = 0 or array_position(p_rooms, null) is not null or '' = any(p_rooms) then
		raise exception 'rooms: at least one name, or null for every socket' using errcode = 'RT400';
	end if;
	if p_except is null or array_position(p_except, null) is not null then
		raise exception 'except_rooms: names, or nothing' using errcode = 'RT400';
	end if;
	if p_event is null or p_event = '' or rt_private.event_is_reserved(p_event) then
		raise exception 'event: "%" cannot be sent', p_event using errcode = 'RT400';
	end if;
	if jsonb_typeof(p_data) is distinct from 'object' then
		raise exception 'data: an object is needed' using errcode = 'RT400';
	end if;
	if octet_length(p_text) > 262144 then
		raise exception 'data: over 256 KiB' using errcode = 'RT413';
	end if;
	v_problem := rt_private.relay_problem(p_data, p_text);
	if v_problem is not null then
		raise exception using errcode = 'RT400', message = 'data: ' || v_problem;
	end if;
end
$$;
comment on function rt_private.emit_check(text[], text, jsonb, text[], text) is
	'Refuses what is no event of a service, beside what rt_private.event_check refuses. text: that of the data. '
	'RT400, RT413.';

create or replace function rt_private.emit_is_plain(p_rooms text[], p_event text, p_data jsonb, p_except text[], p_text text)
returns boolean
language sql stable
return rt_private.event_is_plain(p_rooms, p_event, p_data, p_except) and rt_private.data_is_plain(p_data, p_text)
	and '' <> all(p_rooms) and not rt_private.event_is_reserved(p_event);
comment on function rt_private.emit_is_plain(text[], text, jsonb, text[], text) is
	'Is this an event as nearly all are, which rt_private.emit_check and event_check would let pass? Otherwise, or '
	'null: ask those.';

create or replace function rt.emit(rooms text[], event text, data jsonb, except_rooms text[] default '{}', ephemeral boolean default false)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_text constant text := data::text;
	v_done boolean;
begin
	if rt_private.emit_is_plain(rooms, event, data, except_rooms, v_text) and rt_private.session_is_plain() then
		v_done := rt_private.outbox_insert(rooms, except_rooms, event, data, null, null,
			coalesce(ephemeral, false));
	else
		perform rt_private.emit_check(rooms, event, data, except_rooms, v_text);
		perform rt_private.publish(rooms, event, data, except_rooms, coalesce(ephemeral, false));
	end if;
end
$$;
comment on function rt.emit(text[], text, jsonb, text[], boolean) is
	'Sends an event of a service''s own to rooms (null: every socket) when this transaction commits. data: an '
	'object up to 256 KiB. ephemeral: may be lost in a crash of Postgres, costs no WAL. RT400, RT413.';
