-- Why did this user not get this event?

create or replace function rt_private.explain_unannounced(p_kind text, p_written timestamptz, p_tx bigint)
returns table (verdict text, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_table constant regclass := case p_kind when 'message' then 'platform.messages'
		else 'platform.notifications' end::regclass;
	v_trigger constant text := case p_kind when 'message' then 'messages_publish'
		else 'notifications_publish_insert' end;
	v_kept constant timestamptz :=
		clock_timestamp() - make_interval(secs => rt_private.setting('outbox_retention')::double precision);
	v_state "char";
begin
	select t.tgenabled into v_state from pg_trigger t where t.tgrelid = v_table and t.tgname = v_trigger;
	if v_state is null or v_state = 'D' then
		return query select 'no', format('the trigger %s on %s is %s', v_trigger, v_table,
			case when v_state is null then 'not there: run bellwire migrate --force' else 'disabled' end);
	elsif exists (
		select from bellwire.outbox o
		where o.control = 'rooms_stale' and o.xid::text::bigint & 4294967295 = p_tx) then
		return query select 'no', 'its transaction imported in silence (bellwire.silent)';
	elsif p_written < v_kept and not exists (
		select from bellwire.outbox o where o.at < p_written) then
		return query select 'unknown',
			format('the outbox has nothing left of then: it keeps rows for %s s at least',
			rt_private.setting('outbox_retention'));
	else
		return query select 'no', format('no row in the outbox, though the trigger %s is there: written with '
			'session_replication_role = replica, or while the trigger was disabled', v_trigger);
	end if;
end
$$;
comment on function rt_private.explain_unannounced(text, timestamptz, bigint) is
	'Why a message or notification is not in the outbox.';

create or replace function rt_private.explain_room(p_user uuid, p_room text, p_id bigint)
returns table (inside boolean, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_of constant text := split_part(p_room, ':', 1);
	v_id constant text := substr(p_room, length(v_of) + 2);
	v_now boolean;
	v_next record;
	v_last record;
begin
	if p_room = 'user:' || p_user then
		return query select true, 'it is the user''s own';
		return;
	elsif v_of = 'user' and coalesce(rt_private.is_uuid(v_id), false) then
		return query select false, 'it is somebody else''s';
		return;
	elsif v_of not in ('participants', 'followers', 'chat') or not coalesce(rt_private.is_uuid(v_id), false) then
		-- a socket, or a room that an emitter made: its edge knows
		return query select null::boolean, case
			when exists (select from bellwire.sockets s where s.socket_id = p_room) then
				case when exists (select from bellwire.sockets s
					where s.socket_id = p_room and s.user_id = p_user)
					then 'a socket of the user' else 'a socket of somebody else' end
			else 'rows do not say who is in it' end;
		return;
	end if;
	v_now := case when v_of = 'followers'
		then exists (select from platform.follows f where f.followee_id = v_id::uuid and f.follower_id = p_user)
		else exists (select from platform.chat_participants p
			where p.chat_id = v_id::uuid and p.user_id = p_user) end;
	select o.control, o.at, o.id into v_next from bellwire.outbox o
	where o.id > p_id and o.control in ('user_join', 'user_leave') and o.data ->> 'user_id' = p_user::text
		and o.data ->> 'room' in (p_room, case v_of when 'chat' then 'participants:' || v_id end)
	order by o.id limit 1;
	select o.control, o.at, o.id into v_last from bellwire.outbox o
	where o.id < p_id and o.control in ('user_join', 'user_leave') and o.data ->> 'user_id' = p_user::text
		and o.data ->> 'room' in (p_room, case v_of when 'chat' then 'participants:' || v_id end)
	order by o.id desc limit 1;
	inside := coalesce(v_next.control = 'user_leave', v_now);
	evidence := case
		when not inside and v_next.control = 'user_join' then
			format('came later, at %s (row %s)', rt_private.iso(v_next.at), v_next.id)
		when not inside and v_last.control = 'user_leave' then
			format('left before, at %s (row %s)', rt_private.iso(v_last.at), v_last.id)
		when not inside then 'no row puts the user there'
		when v_of = 'chat' then 'those of its participants who joined it are there'
		when v_next.control is not null then format('left later, at %s (row %s)', rt_private.iso(v_next.at),
			v_next.id)
		else 'by a row' end;
	if v_of = 'chat' and inside then
		inside := null;
	end if;
	return next;
end
$$;
comment on function rt_private.explain_room(uuid, text, bigint) is
	'Was the user in a room when a row of the outbox was written: as rows say now, with what has moved the user '
	'since undone? Null: only an edge knows.';

-- The sockets that edges remember, the one that got farthest first.
create or replace function rt_private.explain_sockets(p_ask uuid, p_at timestamptz)
returns table (edge text, socket text, transport text, state text, since timestamptz, ended timestamptz, reason text,
	outcome text, at timestamptz, confirmed timestamptz, queued bigint, open_then boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select a.name, s.socket_id, s.transport, s.state, s.since, s.ended_at, s.reason, s.outcome, s.at,
		s.confirmed_at, s.queued_bytes,
		s.since <= p_at and (s.ended_at is null or s.ended_at > p_at)
			and coalesce(s.state, 'open') in ('open', 'refused')
	from rt.answers(p_ask, '0') a,
		jsonb_to_recordset(a.body -> 'sockets') s (socket_id text, transport text, state text,
			since timestamptz, ended_at timestamptz, reason text, outcome text, at timestamptz,
			confirmed_at timestamptz, queued_bytes bigint)
	order by s.confirmed_at, case s.outcome when 'queued' then 1 when 'held' then 2 when 'dropped' then 3
		when 'sync_instead' then 4 end, s.ended_at is not null, s.queued_bytes, s.since desc
$$;
comment on function rt_private.explain_sockets(uuid, timestamptz) is
	'What edges answered to rt.ask_recall, a row for each socket; open_then: it was open at that time.';

create or replace function rt_private.explain_met(p_ask uuid, p_at timestamptz, p_confirms boolean)
returns table (step text, verdict text, at timestamptz, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v record;
begin
	select * into v from rt_private.explain_sockets(p_ask, p_at) s where s.outcome is not null limit 1;
	if not found then
		return;
	end if;
	return query select 'socket', 'yes', v.since, format('%s on edge %s%s', v.socket, v.edge, ', ' || v.transport);
	return query select 'read', 'yes', v.at, format('edge %s has read the row', v.edge);
	if v.outcome <> 'queued' then
		return query select 'queued', 'no', v.at, case v.outcome
			when 'held' then 'it was recovering: it is sent this behind what it had missed'
			when 'dropped' then 'its connection took nothing any more'
			else 'events were missed at that edge: it was told sync:required instead' end;
		return;
	end if;
	return query select 'queued', 'yes', v.at, 'in the queue of its connection';
	if v.confirmed is not null then
		return query select 'written', 'yes', null::timestamptz, 'the client has it';
		return query select 'confirmed', 'yes', v.confirmed, 'its client library has answered behind it';
	elsif v.ended is not null and v.reason = 'slow' then
		return query select 'written', 'no', v.ended, 'the socket was cut as slow: its client did not read';
	elsif v.ended is not null and not p_confirms then
		-- nobody can say: what the kernel had taken may have arrived
		return query select 'written', 'unknown', v.ended, format('the socket ended behind it: %s', v.reason);
	elsif v.ended is not null then
		return query select 'confirmed', 'no', v.ended,
			format('the socket ended before its client library answered: %s', v.reason);
	elsif v.queued > 0 then
		return query select 'written', 'no', v.at, format('%s bytes wait for the client to take them%s',
			v.queued,
			case v.transport when 'polling' then ' by a GET' else '' end);
	else
		return query select 'written', 'yes', null::timestamptz, 'nothing waits in the queue any more';
		return query select 'confirmed', case when p_confirms then 'no' else 'unasked' end, v.at,
			case when p_confirms then 'its client library has not answered yet'
				else 'no answer is asked for: this is no message, or its chat is large' end;
	end if;
end
$$;
comment on function rt_private.explain_met(uuid, timestamptz, boolean) is
	'The steps behind an edge that has met the event for a socket of the user; no row: none has.';

create or replace function rt_private.explain_unmet(
	p_ask uuid,
	p_user uuid,
	p_at timestamptz,
	p_rooms text[],
	p_except text[])
returns table (step text, verdict text, at timestamptz, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v record;
	v_silent record;
	v_ended_at timestamptz;
	v_forgets boolean;
begin
	select a.name, a.problem, e.n into v_silent from rt.answers(p_ask, '0') a
	join lateral (select count(*) as n from bellwire.sockets s
		where s.edge_id = a.edge_id and s.user_id = p_user) e on e.n > 0
	where not a.answered limit 1;
	if found then
		return query select 'read', 'no', null::timestamptz,
			format('edge %s, which has %s of the user''s sockets, %s', v_silent.name, v_silent.n,
				v_silent.problem);
		return;
	end if;
	select s.*, s.socket = any(p_except) as excepted into v from rt_private.explain_sockets(p_ask, p_at) s
	order by s.open_then desc, s.ended is null desc, s.ended desc, s.since desc limit 1;
	if not found then
		select p.ended_at into v_ended_at from bellwire.presence p where p.user_id = p_user;
		return query select 'socket', 'no', v_ended_at, case when v_ended_at is null then 'the user had none'
			else 'the user had none: the last one known ended then' end;
	elsif v.open_then then
		select bool_or(not (a.body ->> 'remembers')::boolean
			or (a.body ->> 'remembers_from')::timestamptz > p_at
			or a.body ->> 'remembers_from' is null) into v_forgets from rt.answers(p_ask, '0') a
				where a.name = v.edge;
		return query select case when v.excepted then 'excepted' when v_forgets then 'queued' else 'rooms' end,
			case when v_forgets and not v.excepted then 'unknown' else 'no' end, v.since,
			case when v.excepted then format('its only socket, %s, is excepted', v.socket)
				when v_forgets then format('edge %s remembers nothing of then (BELLWIRE_TRACE_KB)',
					v.edge)
				else format('%s on edge %s was in none of %s', v.socket, v.edge,
					array_to_string(p_rooms, ' ')) end;
	elsif v.ended is not null and v.ended <= p_at then
		return query select 'socket', 'no', v.ended, format('the last one, %s on edge %s, had ended: %s',
			v.socket, v.edge, v.reason);
	elsif v.state in ('opening', 'waiting', 'recovering') then
		return query select 'socket', 'no', v.since, format('%s on edge %s is not open yet: %s', v.socket,
			v.edge, v.state);
	else
		return query select 'socket', 'no', v.since,
			format('%s on edge %s opened later: what was said before is read over HTTP',
			v.socket, v.edge);
	end if;
end
$$;
comment on function rt_private.explain_unmet(uuid, uuid, timestamptz, text[], text[]) is
	'Why no edge remembers that the event met a socket of the user.';

create or replace function rt.explain(
	p_event text,
	p_user uuid,
	p_ask uuid default null,
	p_wait interval default '2 seconds')
returns table (step text, verdict text, at timestamptz, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	f record;
	v_receipt timestamptz;
	v_disabled timestamptz;
	v_in boolean;
	v_why text;
	v_out text[];
	v_found boolean;
begin
	select * into f from rt_private.explain_find(p_event);
	-- written?
	if f.id is null and (f.kind is null or f.kind = 'row') then
		return query select 'written', w.verdict, null::timestamptz, w.evidence
		from rt_private.explain_unwritten(p_event, f.kind) w;
		return;
	end if;
	return query select 'written', 'yes', coalesce(f.written_at, f.at),
		case when f.kind is null then 'deleted since'
		when f.kind = 'row' then 'by a transaction that has committed'
		else format('the %s is there: its transaction has committed', f.kind) end;
	select u.disabled_at into v_disabled from platform.users u where u.id = p_user;
	if not found then
		return query select 'user', 'no', null::timestamptz, 'there is no such user';
		return;
	elsif v_disabled < coalesce(f.at, f.written_at) then
		return query select 'user', 'no', v_disabled, 'the user is disabled';
		return;
	end if;
	select r.delivered_at into v_receipt from platform.message_receipts r
	where f.kind = 'message' and r.message_id = p_event::uuid and r.user_id = p_user;
	-- announced?
	if f.id is null then
		if v_receipt is not null then
			return query select 'confirmed', 'yes', v_receipt,
				'there is a receipt, written by an edge, a service or the user';
		else
			return query select 'announced', u.verdict, null::timestamptz, u.evidence
			from rt_private.explain_unannounced(f.kind, f.written_at, f.tx) u;
		end if;
		return;
	elsif f.control is not null then
		return query select 'announced', 'no', f.at, format('row %s is an order to the edges (%s), no event',
			f.id, f.control);
		return;
	end if;
	return query select 'announced', 'yes', f.at, format('row %s of the outbox: %s to %s', f.id, f.event,
		coalesce(array_to_string(f.rooms, ' '), 'everyone'));
	-- for this user?
	select bool_or(r.inside), bool_and(r.inside is false),
		string_agg(format('%s: %s', n.room, r.evidence), '; ') filter (where r.inside is not true)
	into v_in, v_found, v_why
	from unnest(f.rooms) n (room), rt_private.explain_room(p_user, n.room, f.id) r;
	if v_found then
		return query select 'rooms', case when exists (
				select from bellwire.outbox o where o.id > f.id and o.control = 'rooms_stale')
					then 'unknown' else 'no' end,
			f.at, v_why;
		return;
	end if;
	v_out := array(select n.room from unnest(f.except_rooms) n (room),
		rt_private.explain_room(p_user, n.room, f.id) r
		where r.inside);
	if cardinality(v_out) > 0 then
		return query select 'excepted', 'no', f.at, format('it does not go to %s', array_to_string(v_out, ' '));
		return;
	end if;
	return query select 'rooms', 'yes', f.at, case when f.rooms is null then 'it goes to everyone'
		when v_in then 'the user was in one' else v_why end;
	-- met?
	if p_ask is null then
		return query select 'socket', case when v_receipt is null then 'unknown' else 'yes' end, v_receipt,
			case when v_receipt is null then 'the edges were not asked (rt.ask_recall)'
				else 'there is a receipt' end;
		return;
	end if;
	perform count(*) from rt.answers(p_ask, p_wait); -- it waits once, and here
	return query select m.step, case when v_receipt is not null and m.verdict <> 'yes' then 'yes'
		else m.verdict end,
		case when v_receipt is not null and m.verdict <> 'yes' then v_receipt else m.at end,
		case when v_receipt is not null and m.verdict <> 'yes' then 'there is a receipt' else m.evidence end
	from rt_private.explain_met(p_ask, f.at, f.confirms) m;
	if found then
		return;
	elsif v_receipt is not null then
		return query select 'confirmed', 'yes', v_receipt, 'there is a receipt';
	elsif f.event in ('user:online', 'user:offline') then
		return query select 'queued', 'unknown', f.at,
			'edges send the last state of a user only, and remember no row of it';
	else
		return query select * from rt_private.explain_unmet(p_ask, p_user, f.at, f.rooms, f.except_rooms);
	end if;
end
$$;
comment on function rt.explain(text, uuid, uuid, interval) is
	'Why a user did or did not get an event (a message''s id, a notification''s, a row of the outbox): the steps '
	'in their order, up to the first whose verdict is not yes. p_ask: of rt.ask_recall, committed; the edges have '
	'p_wait to answer. RT400, RT404.';

create or replace function rt_private.explain_unwritten(p_event text, p_kind text) returns table (verdict text,
	evidence text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select case when p_kind is null then 'no' when p_event::bigint > s.last_value then 'no'
			when p_event::bigint < (select min(o.id) from bellwire.outbox o) then 'unknown' else 'no' end,
		case when p_kind is null
			then 'no message and no notification has this id: its transaction was rolled back or has '
				'not committed yet, or it was deleted'
			when p_event::bigint > s.last_value then 'no row has been given this number yet'
			when p_event::bigint < (select min(o.id) from bellwire.outbox o)
				then 'the outbox has dropped what is so old'
			else 'its transaction was rolled back, or has not committed yet' end
	from bellwire.outbox_id s
$$;
comment on function rt_private.explain_unwritten(text, text) is 'Why there is no such event.';
