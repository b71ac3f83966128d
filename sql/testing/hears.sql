-- Assertions. With pgTAP in the search path they are its ok() and diag(), and count in its plan; without it a false one
-- raises. So they run as their caller, with the search path of their caller.

create or replace function rt_test.tap(p_ok boolean, p_description text, p_diagnosis text) returns text
language plpgsql volatile
as $$
declare
	v_result text;
begin
	if to_regprocedure('ok(boolean, text)') is not null then
		execute 'select ok($1, $2)' into v_result using p_ok, p_description;
		if not p_ok then
			execute 'select $1 || e''\n'' || diag($2)' into v_result using v_result, p_diagnosis;
		end if;
		return v_result;
	elsif not p_ok then
		raise exception '%', p_description using errcode = 'assert_failure', detail = p_diagnosis;
	end if;
	return 'ok - ' || p_description;
end
$$;
comment on function rt_test.tap(boolean, text, text) is
	'One assertion: a line of TAP by pgTAP; where that is not there, "ok - ..." or P0004 with the diagnosis.';

create or replace function rt_test.heard_text(p_user_id uuid, p_socket text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select coalesce('heard:' || string_agg(e'\n  ' || h.event || ' ' || left(h.data::text, 400), '' order by h.id),
		'heard nothing')
	from rt_test.heard(p_user_id, p_socket) h
$$;
comment on function rt_test.heard_text(uuid, text) is 'What the socket heard, for people.';

create or replace function rt_test.unheard_text(p_user_id uuid, p_socket text, p_event text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select coalesce(string_agg(format(e'\n%s %s went to %s%s; the socket %s', w.event, left(w.data::text, 400),
			coalesce(array_to_string(w.rooms, ' '), 'everyone'),
			' but not to ' || nullif(array_to_string(w.except_rooms, ' '), ''),
			case when w.is_open then 'was in ' || array_to_string(w.inside, ' ')
				else 'was not connected' end),
			'' order by w.id),
		case when exists (select from rt_test.published() p where p.event = p_event) then ''
			else format(e'\n%s was not published', p_event) end)
	from rt_test.walk(p_user_id, p_socket) w
	where w.event = p_event and not w.heard and w.id > rt_test.mark()
		and (w.rooms is null or array_to_string(w.rooms, ' ') not like 'rt\_test:%')
$$;
comment on function rt_test.unheard_text(uuid, text, text) is 'Why the socket did not hear events of this name.';

create or replace function rt_test.hears(p_user_id uuid, p_event text, p_payload jsonb default '{}',
	p_description text default null, p_socket text default 'phone') returns text
language plpgsql volatile
as $$
declare
	v_ok constant boolean := exists (select from rt_test.heard(p_user_id, p_socket) h
		where h.event = p_event and h.data @> p_payload);
begin
	return rt_test.tap(v_ok, coalesce(p_description, format('%s hears %s %s', p_user_id, p_event, p_payload)),
		case when not v_ok then rt_test.heard_text(p_user_id, p_socket)
			|| rt_test.unheard_text(p_user_id, p_socket, p_event) end);
end
$$;
comment on function rt_test.hears(uuid, text, jsonb, text, text) is
	'Asserts that a socket of the user hears this event, with at least this in its payload (@>). Otherwise says '
	'what it heard, and where the event went.';

create or replace function rt_test.hears_nothing(p_user_id uuid, p_description text default null,
	p_socket text default 'phone') returns text
language plpgsql volatile
as $$
declare
	v_ok constant boolean := not exists (select from rt_test.heard(p_user_id, p_socket));
begin
	return rt_test.tap(v_ok, coalesce(p_description, p_user_id || ' hears nothing'),
		case when not v_ok then rt_test.heard_text(p_user_id, p_socket) end);
end
$$;
comment on function rt_test.hears_nothing(uuid, text, text) is
	'Asserts that a socket of the user has heard nothing since rt_test.forget().';
