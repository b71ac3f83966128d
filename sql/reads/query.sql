-- The HTTP reads: {"items": [...], "next_before": place | null}, newest first. Values of p_query are strings.
--
-- A place is what a list is ordered by, with points between: it holds when its row has changed or is gone. Nothing in
-- it is secret or has to be true: it only narrows what its user may read anyway.

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

create or replace function rt_private.place_time(p_at timestamptz) returns bigint
language sql stable
return (extract(epoch from p_at) * 1000000)::bigint;
comment on function rt_private.place_time(timestamptz) is 'A time as it stands in a place: microseconds since 1970.';

create or replace function rt_private.place_at(p_part text) returns timestamptz
language sql stable
-- in two parts: an interval is multiplied as a float
return timestamptz 'epoch' + p_part::bigint / 1000000 * interval '1 second'
	+ p_part::bigint % 1000000 * interval '1 microsecond';
comment on function rt_private.place_at(text) is 'The time that place_time wrote.';

create or replace function rt_private.query_before(p_query jsonb, p_form text, p_ids boolean) returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
	v_before constant text := p_query ->> 'before';
begin
	if v_before is null then
		return null;
	elsif p_ids and rt_private.is_uuid(v_before) or octet_length(v_before) <= 100 and v_before ~ p_form then
		return string_to_array(v_before, '.');
	end if;
	raise exception using errcode = 'RT400',
		message = 'before must be a next_before' || case when p_ids then ' or an id' else '' end;
end
$$;
comment on function rt_private.query_before(jsonb, text, boolean) is
	'The parts of before of a query: of a place of that form (a regular expression), or an id where p_ids says so. '
	'Null when absent. RT400.';

create or replace function rt_private.page(p_items jsonb, p_places text[], p_limit int) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when jsonb_array_length(p_items) > p_limit
		then jsonb_build_object('items', p_items - p_limit, 'next_before', p_places[p_limit])
		else jsonb_build_object('items', p_items, 'next_before', null) end
$$;
comment on function rt_private.page(jsonb, text[], int) is
	'A page of items and their places; p_items has one more than the limit where there is a next page.';
