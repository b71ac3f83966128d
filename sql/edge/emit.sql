-- Events that other services send.

-- names that clients keep for themselves (S6), and those that the edge itself sends
create or replace function rt_private.event_is_reserved(p_event text) returns boolean
language sql immutable
return p_event = any('{connect,connect_error,disconnect,disconnecting,newListener,removeListener,error,connected,sync:required}');
comment on function rt_private.event_is_reserved(text) is 'Is this a name that no event of a service may have?';

create or replace function rt.emit(rooms text[], event text, data jsonb, except_rooms text[] default '{}', ephemeral boolean default false)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_text constant text := data::text;
	v_problem text;
begin
	if cardinality(rooms) = 0 or array_position(rooms, null) is not null or '' = any(rooms) then
		raise exception 'rooms: at least one name, or null for every socket' using errcode = 'RT400';
	end if;
	if except_rooms is null or array_position(except_rooms, null) is not null then
		raise exception 'except_rooms: names, or nothing' using errcode = 'RT400';
	end if;
	if event is null or event = '' or rt_private.event_is_reserved(event) then
		raise exception 'event: "%" cannot be sent', event using errcode = 'RT400';
	end if;
	if jsonb_typeof(data) is distinct from 'object' then
		raise exception 'data: an object is needed' using errcode = 'RT400';
	end if;
	if octet_length(v_text) > 262144 then
		raise exception 'data: over 256 KiB' using errcode = 'RT413';
	end if;
	v_problem := rt_private.relay_problem(data, v_text);
	if v_problem is not null then
		raise exception using errcode = 'RT400', message = 'data: ' || v_problem;
	end if;
	perform rt_private.publish(rooms, event, data, except_rooms, coalesce(ephemeral, false));
end
$$;
comment on function rt.emit(text[], text, jsonb, text[], boolean) is
	'Sends an event of a service''s own to rooms (null: every socket) when this transaction commits. data: an '
	'object up to 256 KiB. ephemeral: may be lost in a crash of Postgres, costs no WAL. RT400, RT413.';
