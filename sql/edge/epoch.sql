-- Epochs: the times between two starts or crashes of Postgres (docs/decisions/0002-epochs.md, 0013-histories.md).

create or replace function rt_private.epoch_n() returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_n int;
	v_random text;
begin
	select e.n into v_n from bellwire.epoch e where e.started = pg_postmaster_start_time();
	if v_n is not null then
		return v_n;
	end if;
	-- The first writer after a start or a crash begins a new epoch; others wait for it here.
	insert into bellwire.epoch as e (n, random, started, watched)
	values (nextval('bellwire.epoch_n'), replace(gen_random_uuid()::text, '-', ''), pg_postmaster_start_time(),
		rt_private.watch_range('5 minutes'))
	on conflict (one) do update set n = excluded.n, random = excluded.random, started = excluded.started,
		watched = excluded.watched, sockets_seen = false
		where e.started is distinct from excluded.started
	returning e.n, e.random into v_n, v_random;
	if v_n is null then -- another one has begun it
		select e.n into v_n from bellwire.epoch e;
		return v_n;
	end if;
	insert into bellwire.epochs (n, random) values (v_n, v_random) on conflict (n) do nothing;
	return v_n;
end
$$;
comment on function rt_private.epoch_n() is
	'Number of the present epoch (docs/decisions/0002-epochs.md), begun where a start or a crash ended the last one.';

-- Each link for calls asks it every second. A function in SQL would be planned anew each time, at half of the cost.
create or replace function rt_private.place() returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	return (select s.system_identifier from pg_control_system() s)
		|| '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
		|| '.' || (select d.oid from pg_database d where d.datname = current_database());
end
$$;
comment on function rt_private.place() is '"<system identifier>.<timeline>.<oid of the database>", of a primary.';

create or replace function rt_private.epoch_text() returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- a statement of its own, so that the next one sees a row that is made here
	select rt_private.epoch_n();
	select rt_private.place() || '/' || e.n || '.' || e.random from bellwire.epoch e
$$;
comment on function rt_private.epoch_text() is
	'"<place>/<epoch number>.<random>". Another place: a cursor proves nothing; another number: a restart or a '
	'crash of the same primary lies between.';
