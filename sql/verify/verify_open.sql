-- A run of bellwire verify begins.

create or replace function rt.verify_open(p_run uuid, p_names text[], p_chats jsonb)
returns table (people uuid[], chats uuid[], content_max int, receipts_max int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_people uuid[];
	v_chats  uuid[];
begin
	perform rt_private.verify_sweep();
	insert into bellwire.verify_runs (run, alive_until) values (p_run, clock_timestamp() + interval '30 s');
	v_people := array(select gen_random_uuid() from unnest(p_names));
	v_chats := array(select gen_random_uuid() from jsonb_array_elements(p_chats));
	-- marked before they are there
	insert into bellwire.verify_people (user_id, run) select u, p_run from unnest(v_people) u;
	insert into bellwire.verify_chats (chat_id, run) select c, p_run from unnest(v_chats) c;
	insert into platform.users (id, name) select q.id, q.name from unnest(v_people, p_names) q (id, name);
	insert into platform.chats (id) select c from unnest(v_chats) c;
	insert into platform.chat_participants (chat_id, user_id)
	select v_chats[c.n], v_people[m.member::int + 1]
	from jsonb_array_elements(p_chats) with ordinality c (members, n)
	cross join jsonb_array_elements_text(c.members) m (member)
	order by 1, 2;
	return query
	select v_people, v_chats, rt_private.setting('content_max')::int,
		rt_private.setting('receipts_max_participants')::int;
end
$$;
comment on function rt.verify_open(uuid, text[], jsonb) is
	'People with these names, and chats of them: p_chats is an array of arrays of places in p_names, from 0. '
	'Sweeps before. Returns their ids and two settings.';
