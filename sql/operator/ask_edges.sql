-- What runs.

create or replace function rt.ask_edges() returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.ask('edges', '{}') $$;
comment on function rt.ask_edges() is
	'Asks every edge how it is: its version, pump, lag, sockets, events a second (docs/operating.md). Commit, then '
	'rt.answers.';
