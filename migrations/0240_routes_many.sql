-- migrate:up

alter table bellwire.routes add column function_many text;
comment on column bellwire.routes.function_many is 'schema.name of a function (p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[] that does what function does for several events of a batch at once; null: there is none.';

create function bellwire.ensure_route_many(p_event text, p_function_many text) returns void
language sql set search_path = pg_catalog, pg_temp
as $$
	update bellwire.routes r set function_many = p_function_many where r.event = p_event and r.function_many is distinct from p_function_many
$$;
comment on function bellwire.ensure_route_many(text, text) is 'Names the function that takes several events of a route at once.';

-- migrate:down

drop function bellwire.ensure_route_many(text, text);
alter table bellwire.routes drop column function_many;
