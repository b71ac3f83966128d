-- The edge goes to sleep.

create or replace function rt.bell_arm() returns table (granted boolean, xid text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	granted := pg_try_advisory_lock_shared(rt_private.bell_key());
	if granted then
		-- taken after the lock: every writer who may have seen "nobody sleeps" has an xid below this one
		xid := pg_current_xact_id()::text;
	end if;
	return next;
end
$$;
comment on function rt.bell_arm() is
	'The edge wants to sleep: from now on writers ring. Not granted: a writer is asking at this moment, try '
	'again.';
