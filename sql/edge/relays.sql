-- Relayed routes, as they are checked and as the edge reads them.

create or replace function rt_private.route_relay_problem(p_event text, p_room text, p_members text, p_fields jsonb)
returns text
language plpgsql stable
as $$
declare
	v_problem text;
begin
	if num_nulls(p_room, p_members, p_fields) > 0 or jsonb_typeof(p_fields) <> 'object' then
		return null; -- not relayed, or the checks of the table refuse it
	elsif rt_private.event_is_reserved(p_event) then
		return 'an event of this name cannot be sent';
	end if;
	select format('relay_fields: "%s" cannot be "%s"', f.key, f.value) into v_problem
	from jsonb_each_text(p_fields) f
	where f.key !~ '^[a-z_][a-z0-9_]{0,62}$'
		or f.value is null or f.value not in ('uuid', 'boolean', 'number', 'text', 'user_id', 'user_name')
	limit 1;
	if v_problem is not null then
		return v_problem;
	end if;
	select format('"%s" must name a field that is a uuid or a user_id', t.template) into v_problem
	from unnest(array[p_room, p_members]) t (template)
	where (p_fields ->> rtrim(split_part(t.template, '{', 2), '}')) is null
		or (p_fields ->> rtrim(split_part(t.template, '{', 2), '}')) not in ('uuid', 'user_id')
	limit 1;
	return v_problem;
end
$$;
comment on function rt_private.route_relay_problem(text, text, text, jsonb) is
	'Why a route cannot be relayed as it says; null when it can, or is not relayed.';

create or replace function rt.relays() returns table (event text, room text, members text, fields text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select r.event, r.relay_room, r.relay_members,
		(select string_agg(f.key || ' ' || f.value, e'\n' order by f.n)
		from jsonb_each_text(r.relay_fields) with ordinality f (key, value, n))
	from bellwire.routes r where r.relay_room is not null
$$;
comment on function rt.relays() is
	'The relayed ones of rt.routes(). fields: a line each, its name and its kind, in the order in which jsonb prints '
	'them.';
