-- What a user's socket hears of this transaction.

create or replace function rt_test.heard(p_user_id uuid, p_socket text default 'phone')
returns table (id bigint, event text, data jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not rt_test.open_before(p_user_id, p_socket)
		and not exists (select from rt_test.walk(p_user_id, p_socket) w where w.is_open) then
		raise exception 'user % has no socket here: unknown or disabled', p_user_id
			using errcode = 'no_data_found';
	end if;
	return query
	select w.id, w.event, w.data from rt_test.walk(p_user_id, p_socket) w
	where w.heard and w.id > rt_test.mark();
end
$$;
comment on function rt_test.heard(uuid, text) is
	'Events that a socket of the user would hear if this transaction committed, since rt_test.forget(), in their '
	'order. P0002: no such user.';
