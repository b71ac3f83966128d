-- Epochs: the times between two crashes of Postgres (docs/decisions/0002-epochs.md).

create or replace function rt_private.epoch_n() returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_n int;
	v_random text;
begin
	select e.n into v_n from bellwire.epoch e;
	if v_n is not null then
		return v_n;
	end if;
	-- The first writer after a crash begins a new epoch; others wait for it here.
	insert into bellwire.epoch (n, random) values (nextval('bellwire.epoch_n'), replace(gen_random_uuid()::text, '-', ''))
	on conflict (one) do update set one = true
	returning n, random into v_n, v_random;
	insert into bellwire.epochs (n, random) values (v_n, v_random) on conflict (n) do nothing;
	return v_n;
end
$$;
comment on function rt_private.epoch_n() is
	'Number of the present epoch (docs/decisions/0002-epochs.md), begun where a crash ended the last one.';

create or replace function rt_private.epoch_text() returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- a statement of its own, so that the next one sees a row that is made here
	select rt_private.epoch_n();
	select (select s.system_identifier from pg_control_system() s) || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
		|| '/' || e.n || '.' || e.random
	from bellwire.epoch e
$$;
comment on function rt_private.epoch_text() is
	'"<system identifier>.<timeline>/<epoch number>.<random>". Another system or timeline: a cursor proves '
	'nothing; another number: a crash of the same primary lies between.';
