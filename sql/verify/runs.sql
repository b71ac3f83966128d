-- People and chats of bellwire verify: who they are, and their removal (docs/verify.md).

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
