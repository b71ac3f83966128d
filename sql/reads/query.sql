-- The HTTP reads: {"items": [...], "next_before": id | null}, newest first. Values of p_query are strings.

create or replace function rt_private.reader_check(p_user_id uuid) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
	if not exists (select from platform.users u where u.id = p_user_id and u.disabled_at is null) then
		raise exception using errcode = 'RT401', message = 'Invalid token';
	end if;
end
$$;
comment on function rt_private.reader_check(uuid) is
	'The user of a good token exists and is not disabled, as for a socket (docs/connecting.md, "The token"). '
	'RT401.';

create or replace function rt_private.query_limit(p_query jsonb) returns int
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit constant text := coalesce(p_query ->> 'limit', '50');
begin
	if v_limit !~ '^[0-9]{1,3}$' or v_limit::int not between 1 and 100 then
		raise exception using errcode = 'RT400', message = 'limit must be between 1 and 100';
	end if;
	return v_limit::int;
end
$$;
comment on function rt_private.query_limit(jsonb) is 'limit of a query, 50 when absent. RT400.';

create or replace function rt_private.query_before(p_query jsonb) returns uuid
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
	return case when p_query ->> 'before' is not null then rt_private.payload_uuid(p_query, 'before') end;
end
$$;
comment on function rt_private.query_before(jsonb) is 'before of a query, null when absent. RT400.';

create or replace function rt_private.page(p_items jsonb, p_limit int) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when jsonb_array_length(p_items) > p_limit
		then jsonb_build_object('items', p_items - p_limit, 'next_before', p_items -> (p_limit - 1) -> 'id')
		else jsonb_build_object('items', p_items, 'next_before', null) end
$$;
comment on function rt_private.page(jsonb, int) is
	'A page of items; p_items has one more than the limit where there is a next page.';
