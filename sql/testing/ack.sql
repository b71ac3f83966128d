-- Client events, through the same door as an edge's.

-- What a client writes: without the blanks that jsonb shows behind a colon or comma.
create or replace function rt_test.payload_bytes(p_payload jsonb) returns int
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
	select octet_length(p_payload::text) - (coalesce(sum(case jsonb_typeof(n.j)
			when 'object' then 2 * k.keys - (k.keys > 0)::int
			when 'array' then jsonb_array_length(n.j) - (jsonb_array_length(n.j) > 0)::int end), 0))::int
	from jsonb_path_query(p_payload, 'strict $.**') n (j)
	cross join lateral (select count(*)::int as keys from jsonb_object_keys(
		case jsonb_typeof(n.j) when 'object' then n.j else '{}' end)) k
$$;
comment on function rt_test.payload_bytes(jsonb) is 'Bytes of the payload as a client sends it.';

-- What the edge refuses before it asks the database. Limits of time are not among it: a test has no clock.
create or replace function rt_test.gate(p_event text, p_payload jsonb, out code text, out message text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_most int;
begin
	select r.max_bytes into v_most from bellwire.routes r where r.event = p_event;
	if not found then
		code := 'INVALID_DATA'; message := 'Unknown event';
	elsif jsonb_typeof(p_payload) is distinct from 'object' then
		code := 'INVALID_DATA'; message := 'One object is expected';
	elsif rt_test.payload_bytes(p_payload) > v_most then
		code := 'MESSAGE_TOO_LARGE'; message := 'Payload too large';
	end if;
end
$$;
comment on function rt_test.gate(text, jsonb) is
	'Why an edge refuses the event by itself: no such route, no object, more bytes than the route has. Null: it '
	'does not.';

create or replace function rt_test.dispatch(p_user_id uuid, p_event text, p_payload jsonb, p_socket_id text,
	out ack jsonb, out code text, out message text, out retry_after_ms int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_run record;
begin
	select g.code, g.message into code, message from rt_test.gate(p_event, p_payload) g;
	if code is not null then
		return;
	end if;
	select d.* into strict v_run from rt.dispatch_one(jsonb_build_object('event', p_event, 'user_id', p_user_id,
		'socket_id', p_socket_id, 'payload', p_payload)::text) d
	where d.ord = 1;
	if v_run.outcome = 'ok' then
		ack := v_run.body::jsonb;
		return;
	end if;
	code := v_run.code; message := v_run.message; retry_after_ms := v_run.body::int;
	if code = 'INTERNAL' then
		-- the log of an edge has it; clients are not told
		raise warning '%: % %', p_event, v_run.sqlstate, v_run.detail;
	end if;
end
$$;
comment on function rt_test.dispatch(uuid, text, jsonb, text) is
	'Runs one client event: its ack, or the code and message of its refusal.';

create or replace function rt_test.ack(p_user_id uuid, p_event text, p_payload jsonb default '{}',
	p_socket text default 'phone') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_run record;
	v_error jsonb;
begin
	if p_event = 'auth:refresh' then
		raise exception 'auth:refresh has no function: the edge answers it, which has the key of tokens'
			using errcode = 'feature_not_supported';
	elsif not (select w.is_open from rt_test.walk(p_user_id, p_socket) w where w.id is null) then
		raise exception 'the socket "%" of user % is not connected', p_socket, p_user_id
			using errcode = 'no_data_found';
	end if;
	v_run := rt_test.dispatch(p_user_id, p_event, p_payload, rt_test.socket_id(p_user_id, p_socket));
	if v_run.code is null then
		return v_run.ack;
	end if;
	v_error := jsonb_strip_nulls(jsonb_build_object('code', v_run.code, 'message', v_run.message, 'client_id',
		case when jsonb_typeof(p_payload -> 'client_id') = 'string' then p_payload -> 'client_id' end,
		'retry_after_ms', v_run.retry_after_ms));
	perform rt_test.tell(p_user_id, p_socket, 'error', v_error || jsonb_build_object('event', p_event));
	return v_error || jsonb_build_object('status', 'error', 'timestamp', rt_private.iso(clock_timestamp()));
end
$$;
comment on function rt_test.ack(uuid, text, jsonb, text) is
	'A socket of the user sends this event: its ack, {"status": "error", "code", ...} where it is refused. Then '
	'the socket hears error, too. Limits per second are not counted. P0002: no such user.';

create or replace function rt_test.error(p_user_id uuid, p_event text, p_payload jsonb default '{}',
	p_socket text default 'phone') returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select a ->> 'code' from rt_test.ack(p_user_id, p_event, p_payload, p_socket) a where a ->> 'status' = 'error'
$$;
comment on function rt_test.error(uuid, text, jsonb, text) is
	'A socket of the user sends this event: the code of its refusal, null where it is not refused.';
