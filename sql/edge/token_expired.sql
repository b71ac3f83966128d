-- Tokens that are refused as expired.

create or replace function rt.token_expired(p_user uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	update bellwire.presence p set expired_token_at = clock_timestamp() where p.user_id = p_user;
	if not found and exists (select from platform.users u where u.id = p_user) then
		insert into bellwire.presence (user_id, expired_token_at) values (p_user, clock_timestamp())
		on conflict (user_id) do update set expired_token_at = excluded.expired_token_at;
	end if;
end
$$;
comment on function rt.token_expired(uuid) is
	'An authentic token of this user was refused as expired. A refused token leaves no other trace '
	'(docs/connecting.md, "The reason of sync:required").';
