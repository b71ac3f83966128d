-- Whether a user may have sockets, and if not, why.

create or replace function rt.user_state(p_user uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select case when u.id is null then 'unknown' when u.disabled_at is not null then 'disabled' else 'active' end
	from (values (p_user)) q (id) left join platform.users u on u.id = q.id
$$;
comment on function rt.user_state(uuid) is 'active; else why the user is refused: unknown (no row) or disabled.';
