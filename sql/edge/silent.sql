-- Bulk imports: writing without events.

-- It has no search_path of its own, as rt_private.setting.
create or replace function rt_private.silent() returns boolean
language plpgsql volatile
as $$
begin
	if current_setting('bellwire.silent', true) is distinct from 'on' then
		return false;
	elsif pg_has_role(session_user, 'bellwire_service', 'member') then
		return true;
	end if;
	-- warned once per transaction, since an import of a million rows makes a million calls
	if current_setting('bellwire.silent_refused', true) is distinct from pg_current_xact_id()::text then
		perform set_config('bellwire.silent_refused', pg_current_xact_id()::text, true);
		raise warning 'bellwire.silent is not honoured: % is no member of bellwire_service, every row is announced', session_user
			using hint = format('grant bellwire_service to %I', session_user);
	end if;
	return false;
end
$$;
comment on function rt_private.silent() is
	'Bulk import: "set local bellwire.silent = on" writes without events; honoured only for members of '
	'bellwire_service (docs/events.md, "Imports without events"), others are warned.';

-- Inlined where it is called, so that a writer who imports nothing pays for one look at a setting and for no call.
create or replace function rt_private.is_silent() returns boolean
language sql volatile
return current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent();
comment on function rt_private.is_silent() is
	'Is this transaction a silent import (rt_private.silent)? Every trigger that announces or locks asks this '
	'first.';

create or replace function rt_private.session_is_plain() returns boolean
language sql volatile
return current_setting('bellwire.silent', true) is null;
comment on function rt_private.session_is_plain() is
	'Has no transaction of this session ever asked for silence? Cheaper than is_silent, which knows it of the '
	'present one.';

create or replace function rt_private.silent_note() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- once per transaction: the edges read rooms again after its commit, whatever it has written
	if current_setting('bellwire.silent_noted', true) is distinct from pg_current_xact_id()::text then
		perform set_config('bellwire.silent_noted', pg_current_xact_id()::text, true);
		perform rt_private.rooms_stale(null);
	end if;
end
$$;
comment on function rt_private.silent_note() is
	'A silent transaction changes rooms without control rows: leaves one "read rooms again".';
