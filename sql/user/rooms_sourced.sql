-- The rooms of a service's own, as bellwire.room_sources names them.

create or replace function rt_private.own_room(p_room text) returns text
language sql immutable
return case when p_room ~ '^[^[:cntrl:]]{1,200}$' then 'own:' || p_room end;
comment on function rt_private.own_room(text) is 'The room of a service''s own with this name; null: it cannot be one.';

create or replace function rt_private.rooms_sourced(p_users uuid[]) returns table (user_id uuid, rooms text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_all text;
begin
	-- one statement for all of them; route_check's rules keep the names from needing quotes
	select string_agg(format('select s.user_id, s.room from %s($1) s (user_id, room)', r.function), ' union ')
	into v_all from bellwire.room_sources r;
	if v_all is not null then
		for user_id, rooms in execute format(
			'select a.user_id, array_agg(rt_private.own_room(a.room)) from (%s) a '
			'where rt_private.own_room(a.room) is not null group by a.user_id', v_all) using p_users
		loop
			return next;
		end loop;
	end if;
end
$$;
comment on function rt_private.rooms_sourced(uuid[]) is
	'The rooms of bellwire.room_sources of each user who has any.';
