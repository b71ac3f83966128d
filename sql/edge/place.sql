-- Where a call has arrived.

create or replace function rt.place(p_mark text) returns table (place text, known boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	place := rt_private.place();
	known := rt_private.mark_known(p_mark);
	return next;
end
$$;
comment on function rt.place(text) is
	'Where a call has arrived: system, timeline and database, and whether the mark that the pump has last seen is known there.';
