-- Who is online, for services.

create or replace function rt.online(p_users uuid[]) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select q.id from (select distinct u as id from unnest(p_users) u) q
	join bellwire.presence p on p.user_id = q.id
	where p.online
	order by q.id
$$;
comment on function rt.online(uuid[]) is
	'Those of the users who are online: announced so, and not offline since (docs/architecture.md, "Presence").';
