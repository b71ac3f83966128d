-- A client event that was deferred.

create or replace function rt.dispatch_one(p_item text)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
begin
	begin
		return query select * from rt_private.dispatch(array[p_item], true);
	exception when lock_not_available then
		return query select 1, 'error', null::text, 'UNAVAILABLE', 'Try again', '55P03', 'the row is locked by somebody else'
			union all select 0, 'quiet', null, null, null, null, null;
	end;
end
$$;
comment on function rt.dispatch_one(text) is 'rt.dispatch for one item that was deferred: waits for its lock up to 250 ms, then UNAVAILABLE.';
