-- Routes, as the edge reads them. A change of them is announced by a control row.

create or replace function rt_private.function_find(p_function text, p_arguments text, out id oid, out problem text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if p_function !~ '^[a-z_][a-z0-9_]*[.][a-z_][a-z0-9_]*$' then
		problem := 'function must be written schema.name';
	-- The schema is asked for first: to_regprocedure raises where a schema is closed to us, and one bad route must
	-- not hide the others.
	elsif to_regnamespace(split_part(p_function, '.', 1)) is not null
		and not has_schema_privilege('bellwire_owner', split_part(p_function, '.', 1), 'usage') then
		problem := 'bellwire_owner may not use the schema of the function';
	else
		id := to_regprocedure(format('%s(%s)', p_function, p_arguments));
		if id is null then
			problem := format('no function %s(%s)', p_function, p_arguments);
		end if;
	end if;
end
$$;
comment on function rt_private.function_find(text, text) is
	'The function of a service that a row of ours names, with these arguments; or why it cannot be called.';

create or replace function rt_private.route_problem(p_function text, p_arguments text, p_result regtype) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_oid     oid;
	v_problem text;
begin
	select f.id, f.problem into v_oid, v_problem from rt_private.function_find(p_function, p_arguments) f;
	if v_problem is not null then
		return v_problem;
	end if;
	if (select p.prorettype <> p_result or p.proretset or p.prokind <> 'f' from pg_proc p where p.oid = v_oid) then
		return format('the function must return %s', p_result);
	end if;
	if not has_function_privilege('bellwire_owner', v_oid, 'execute') then
		return 'bellwire_owner may not execute the function';
	end if;
	return null;
end
$$;
comment on function rt_private.route_problem(text, text, regtype) is
	'Why a route cannot call its function; null when it can.';

create or replace function rt_private.route_check() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_problem text;
begin
	if new.function is not null then
		v_problem := rt_private.route_problem(new.function, 'uuid, jsonb', 'jsonb');
	end if;
	if new.function_many is not null then
		v_problem := coalesce(v_problem, rt_private.route_problem(new.function_many, 'uuid[], jsonb[]', 'jsonb[]'));
	end if;
	v_problem := coalesce(v_problem,
		rt_private.route_relay_problem(new.event, new.relay_room, new.relay_members, new.relay_fields));
	if v_problem is not null then
		raise exception 'route "%": %', new.event, v_problem using errcode = 'RT400';
	end if;
	return new;
end
$$;
comment on function rt_private.route_check() is 'Before a route is written: its functions are there and fit, and it can be relayed as it says.';

create or replace function rt_private.routes_changed() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.control(tg_argv[0], '{}');
	return null;
end
$$;
comment on function rt_private.routes_changed() is 'After a change of routes or settings: edges read them again.';

create or replace function rt.routes()
returns table (event text, function text, max_bytes int, rate_class text, rate_per_s numeric, rate_burst int, lock_key text, repeatable text, ok boolean, problem text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select r.event, r.function, r.max_bytes, r.rate_class, r.rate_per_s, r.rate_burst, r.lock_key, r.repeatable, p.problem is null, p.problem
	from bellwire.routes r, lateral (
		select case when r.function is not null then rt_private.route_problem(r.function, 'uuid, jsonb', 'jsonb') end
	) p (problem)
	order by r.event
$$;
comment on function rt.routes() is 'The routes; one with a problem is not served. function: null where the route is relayed and names none.';

select bellwire.ensure_trigger('bellwire.routes', 'routes_check',
	$$before insert or update on bellwire.routes for each row execute function rt_private.route_check()$$);
select bellwire.ensure_trigger('bellwire.routes', 'routes_changed',
	$$after insert or update or delete or truncate on bellwire.routes for each statement execute function rt_private.routes_changed('routes_changed')$$);
