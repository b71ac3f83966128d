-- What everything else leans on: times, settings, the calling socket, the epoch.

create or replace function rt_private.iso(p_at timestamptz) returns text
language sql stable
return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function rt_private.iso(timestamptz) is 'The form in which times leave the database: UTC, milliseconds, 2026-01-10T12:00:00.000Z (contract 4).';

-- Runs as its callers, which are definer functions with a pinned search_path: a switch costs more than the look-up.
create or replace function rt_private.setting(p_name text) returns text
language plpgsql stable
as $$
declare
	v_value text;
begin
	select s.value into strict v_value from bellwire.settings s where s.name = p_name;
	return v_value;
end
$$;
comment on function rt_private.setting(text) is 'Value of a row of bellwire.settings.';

create or replace function rt.socket_id() returns text
language sql stable
return nullif(current_setting('bellwire.socket_id', true), '');
comment on function rt.socket_id() is 'The socket whose event is being handled; null outside a client event.';

-- As setting.
create or replace function rt_private.silent() returns boolean
language plpgsql volatile
as $$
begin
	if current_setting('bellwire.silent', true) is distinct from 'on' then
		return false;
	elsif pg_has_role(session_user, 'bellwire_service', 'member') then
		return true;
	end if;
	-- a million rows are a million calls: told once per transaction
	if current_setting('bellwire.silent_refused', true) is distinct from pg_current_xact_id()::text then
		perform set_config('bellwire.silent_refused', pg_current_xact_id()::text, true);
		raise warning 'bellwire.silent is not honoured: % is no member of bellwire_service, every row is announced', session_user
			using hint = format('grant bellwire_service to %I', session_user);
	end if;
	return false;
end
$$;
comment on function rt_private.silent() is
	'Bulk import: "set local bellwire.silent = on" writes without events; honoured only for members of bellwire_service (design 8.13), others are warned.';

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
	-- the first writer after a crash begins a new epoch; the others wait for it here
	insert into bellwire.epoch (n, random) values (nextval('bellwire.epoch_n'), replace(gen_random_uuid()::text, '-', ''))
	on conflict (one) do update set one = true
	returning n, random into v_n, v_random;
	insert into bellwire.epochs (n, random) values (v_n, v_random) on conflict (n) do nothing;
	return v_n;
end
$$;
comment on function rt_private.epoch_n() is 'Number of the present epoch (design 8.4), begun where a crash ended the last one.';

create or replace function rt_private.epoch_text() returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- a statement of its own: the next one sees the row even when it is made here
	select rt_private.epoch_n();
	select (select s.system_identifier from pg_control_system() s) || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
		|| '/' || e.n || '.' || e.random
	from bellwire.epoch e
$$;
comment on function rt_private.epoch_text() is
	'"<system identifier>.<timeline>/<epoch number>.<random>". Another system or timeline: a cursor proves nothing; another number: a crash of the same primary lies between.';
