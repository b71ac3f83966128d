-- Whose tokens they are, where that is for a function of the service to say (JWT_USER_HOOK).

create or replace function rt.users_of(p_claims text[]) returns table (ord int, user_id uuid, problem text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	for i in 1..cardinality(p_claims) loop
		begin
			-- Put together at run time: the function is not ours, and need not be there.
			execute format('select %s($1)', 'rt.user_of') into user_id using p_claims[i]::jsonb;
			problem := null;
		exception when others then
			user_id := null;
			problem := sqlstate || ' ' || sqlerrm;
		end;
		ord := i;
		return next;
	end loop;
end
$$;
comment on function rt.users_of(text[]) is
	'Asks rt.user_of(claims jsonb) about the claims of tokens; a row each, in their order. '
	'user_id null: nobody''s; problem: the function failed, or is not there.';
