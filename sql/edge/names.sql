-- Names of users, which an edge adds to what it relays.

create or replace function rt.names(p_users uuid[]) returns table (user_id text, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select q.id::text, u.name
	from unnest(p_users) with ordinality q (id, n)
	left join platform.users u on u.id = q.id
	order by q.n
$$;
comment on function rt.names(uuid[]) is
	'The names of users, one row a user, in the order asked; null: there is no such user. A change of a name is told by '
	'a control row.';
