-- Where a call has arrived.

create or replace function rt.place(p_mark text) returns table (place text, known boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.place(), rt_private.mark_known(p_mark) $$;
comment on function rt.place(text) is
	'Where a call has arrived: system, timeline and database, and whether the mark that the pump has last seen is known there.';
