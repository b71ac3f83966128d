-- What confirms a delivery: the answer of a client's library (docs/architecture.md, "What is claimed, and when").

create or replace function rt_test.takes(p_user_id uuid, p_socket text default 'phone') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_id constant text := rt_test.socket_id(p_user_id, p_socket);
	v_taken jsonb := coalesce(nullif(current_setting('rt_test.taken', true), ''), '{}')::jsonb;
	v_confirms jsonb[];
	v_last bigint;
begin
	-- Once each: an edge does not come back to a confirmation that counted for nothing, because its user had left.
	select coalesce(array_agg(jsonb_build_object('confirm', w.confirm, 'user_id', p_user_id) order by w.id)
			filter (where w.heard and w.confirm is not null
				and w.confirm ->> 'but' is distinct from p_user_id::text), '{}'), max(w.id)
	into v_confirms, v_last
	from rt_test.walk(p_user_id, p_socket) w
	where w.id > coalesce((v_taken ->> c_id)::bigint, 0);
	if cardinality(v_confirms) > 0 then
		perform from rt.confirm(v_confirms);
	end if;
	if v_last is not null then
		perform set_config('rt_test.taken', (v_taken || jsonb_build_object(c_id, v_last))::text, true);
	end if;
end
$$;
comment on function rt_test.takes(uuid, text) is
	'The client of this socket takes all that it has heard and not taken yet: messages make '
	'chat:message:delivered.';
