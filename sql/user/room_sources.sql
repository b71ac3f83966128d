-- Rooms of a service's own: functions that say who is in them, and changes of live sockets. Their names begin with
-- own:, so that they are nobody else's.

create or replace function rt_private.room_source_problem(p_function text) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_oid     oid;
	v_problem text;
begin
	select f.id, f.problem into v_oid, v_problem from rt_private.function_find(p_function, 'uuid[]') f;
	if v_problem is not null then
		return v_problem;
	end if;
	if (select not p.proretset or p.proallargtypes is distinct from
			array['uuid[]'::regtype, 'uuid'::regtype, 'text'::regtype]::oid[]
		from pg_proc p where p.oid = v_oid) then
		return 'the function must return table (user_id uuid, room text)';
	end if;
	if not has_function_privilege('bellwire_owner', v_oid, 'execute') then
		return 'bellwire_owner may not execute the function';
	end if;
	return null;
end
$$;
comment on function rt_private.room_source_problem(text) is
	'Why a function cannot be a source of rooms; null when it can.';

create or replace function rt_private.room_sources_check() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_problem constant text := rt_private.room_source_problem(new.function);
begin
	if v_problem is not null then
		raise exception 'room source "%": %', new.function, v_problem using errcode = 'RT400';
	end if;
	return new;
end
$$;
comment on function rt_private.room_sources_check() is 'Before a source is written: its function is there and fits.';

create or replace function rt_private.own_room_or_refuse(p_room text) returns text
language plpgsql immutable
as $$
begin
	if rt_private.own_room(p_room) is null then
		raise exception 'a room has 1 to 200 characters, without control characters' using errcode = 'RT400';
	end if;
	return rt_private.own_room(p_room);
end
$$;
comment on function rt_private.own_room_or_refuse(text) is 'own_room, or RT400.';

select bellwire.ensure_trigger('bellwire.room_sources', 'room_sources_check',
	$$before insert or update on bellwire.room_sources for each row
	execute function rt_private.room_sources_check()$$);
select bellwire.ensure_trigger('bellwire.room_sources', 'room_sources_changed',
	$$after insert or update or delete or truncate on bellwire.room_sources for each statement
	execute function rt_private.rooms_truncated()$$);
