-- People and chats of bellwire verify: made, kept, removed (docs/verify.md).

create or replace function rt_private.is_verifying(p_user uuid) returns boolean
language sql stable
as $$
	select exists (select from bellwire.verify_people v where v.user_id = p_user)
$$;
comment on function rt_private.is_verifying(uuid) is 'The user was made by bellwire verify.';

-- The rows of verify_people go last: until presence has forgotten a user, somebody has still to be told of their end, and
-- that is no stranger.
create or replace function rt_private.verify_sweep() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_dead constant uuid[] := array(
		select r.run from bellwire.verify_runs r
		where r.alive_until < clock_timestamp() order by r.run for update skip locked);
begin
	delete from platform.chats c using bellwire.verify_chats v where c.id = v.chat_id and v.run = any(v_dead);
	delete from bellwire.verify_chats v where v.run = any(v_dead);
	delete from platform.users u using bellwire.verify_people v where u.id = v.user_id and v.run = any(v_dead);
	delete from bellwire.verify_people v
	where v.run = any(v_dead)
		and not exists (select from bellwire.presence p where p.user_id = v.user_id)
		and not exists (select from bellwire.sockets s where s.user_id = v.user_id);
	delete from bellwire.verify_runs r
	where r.run = any(v_dead) and not exists (select from bellwire.verify_people v where v.run = r.run);
end
$$;
comment on function rt_private.verify_sweep() is
	'Removes what runs have left that are over.';

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

create or replace function rt.verify_renew(p_run uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	update bellwire.verify_runs r set alive_until = clock_timestamp() + interval '30 s'
	where r.run = p_run and r.alive_until > clock_timestamp()
	returning true
$$;
comment on function rt.verify_renew(uuid) is
	'The run lives for half a minute more. Null: it is over, and what it had made may be gone.';

create or replace function rt.verify_close(p_run uuid) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	update bellwire.verify_runs r set alive_until = '-infinity' where r.run = p_run;
	perform rt_private.verify_sweep();
	return (select count(*) from bellwire.verify_people v where v.run = p_run);
end
$$;
comment on function rt.verify_close(uuid) is
	'Removes what the run has made. Returns how many people have still to be forgotten: call it again then.';
