-- Keys of tokens, as the edge reads them. A change of them is announced by a control row.

create or replace function rt.token_keys()
returns table (kid text, algorithm text, key text, from_ms bigint, until_ms bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select k.kid, k.algorithm, k.key, floor(extract(epoch from k.valid_from) * 1000)::bigint,
		ceil(extract(epoch from k.valid_until) * 1000)::bigint
	from bellwire.token_keys k
	order by k.kid
$$;
comment on function rt.token_keys() is
	'Every key, those that are retired or still to come among them; times in milliseconds since 1970.';

select bellwire.ensure_trigger('bellwire.token_keys', 'token_keys_changed',
	$$after insert or update or delete or truncate on bellwire.token_keys for each statement execute function rt_private.routes_changed('keys_changed')$$);
