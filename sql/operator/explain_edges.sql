-- What edges remember of an event and a user, as steps.

-- The sockets, the one that got farthest first.
create or replace function rt_private.explain_sockets(p_ask uuid, p_at timestamptz)
returns table (edge text, socket text, transport text, state text, since timestamptz, ended timestamptz, reason text,
	outcome text, at timestamptz, confirmed timestamptz, queued bigint, behind bigint, caught_up boolean,
	open_then boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select a.name, s.socket_id, s.transport, s.state, s.since, s.ended_at, s.reason, s.outcome, s.at,
		s.confirmed_at, s.queued_bytes, coalesce(s.behind, 0), coalesce(s.caught_up, false),
		s.since <= p_at and (s.ended_at is null or s.ended_at > p_at)
			and coalesce(s.state, 'open') in ('open', 'refused')
	from rt.answers(p_ask, '0') a,
		jsonb_to_recordset(a.body -> 'sockets') s (socket_id text, transport text, state text,
			since timestamptz, ended_at timestamptz, reason text, outcome text, at timestamptz,
			confirmed_at timestamptz, queued_bytes bigint, behind bigint, caught_up boolean)
	order by s.confirmed_at, case s.outcome when 'queued' then 1 when 'caught_up' then 1 when 'held' then 2
		when 'dropped' then 3 when 'sync_instead' then 4 end, s.ended_at is not null, s.queued_bytes,
		s.since desc
$$;
comment on function rt_private.explain_sockets(uuid, timestamptz) is
	'What edges answered to rt.ask_recall, a row for each socket; open_then: it was open at that time.';

create or replace function rt_private.explain_unsent(
	p_outcome text,
	p_state text,
	p_caught_up boolean,
	p_reason text)
returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case
		when p_outcome = 'dropped' then 'its connection took nothing any more'
		when p_outcome = 'sync_instead'
			then 'events were missed at that edge: it was told sync:required instead'
		when p_state = 'recovering' then 'it is recovering: it is sent this behind what it has missed'
		when p_caught_up then 'it was recovering, and this is not among what it had missed: '
			'it is not kept, or the socket before was in none of these rooms'
		when p_reason is not null then 'it was recovering when it ended: ' || p_reason
		else 'it was recovering, which failed: it was told sync:required instead' end
$$;
comment on function rt_private.explain_unsent(text, text, boolean, text) is
	'Why an edge that met a socket with an event has not put it into its queue.';

-- Bytes that wait may be those of later events. More than the event's name has to be there: a ping has a byte.
create or replace function rt_private.explain_written(
	p_queued bigint,
	p_behind bigint,
	p_event text,
	p_transport text,
	p_confirms boolean)
returns table (verdict text, evidence text)
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when p_queued <= coalesce(octet_length(p_event), 0) then 'yes'
			when p_behind > 0 and not p_confirms then 'unknown' else 'no' end,
		case when p_queued <= coalesce(octet_length(p_event), 0) then 'nothing waits in the queue any more'
			else format('%s bytes wait for the client to take them%s%s', p_queued,
				case p_transport when 'polling' then ' by a GET' else '' end,
				case when p_behind > 0
					then format(', of this event or of the %s behind it', p_behind) else '' end) end
$$;
comment on function rt_private.explain_written(bigint, bigint, text, text, boolean) is
	'Has the client, or its kernel, taken an event from a queue in which so many bytes wait? It was followed by '
	'p_behind events.';

create or replace function rt_private.explain_ended(p_reason text, p_behind bigint, p_confirms boolean)
returns table (step text, verdict text, evidence text)
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when p_reason = 'slow' or not p_confirms then 'written' else 'confirmed' end,
		-- nobody can say: what the kernel had taken may have arrived
		case when p_confirms or p_reason = 'slow' and p_behind = 0 then 'no' else 'unknown' end,
		case when p_reason = 'slow' then 'the socket was cut as slow: its client did not read'
				|| case when p_behind > 0
					then format(' this event, or one of the %s behind it', p_behind)
					else '' end
			when p_confirms then format('the socket ended before its client library answered: %s', p_reason)
			else format('the socket ended behind it: %s', p_reason) end
$$;
comment on function rt_private.explain_ended(text, bigint, boolean) is
	'Of an event that was in the queue of a socket when that ended, unconfirmed.';

create or replace function rt_private.explain_met(p_ask uuid, p_at timestamptz, p_event text, p_confirms boolean)
returns table (step text, verdict text, at timestamptz, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v record;
	v_written record;
begin
	select * into v from rt_private.explain_sockets(p_ask, p_at) s where s.outcome is not null limit 1;
	return query select 'socket', 'yes', v.since, format('%s on edge %s%s%s', v.socket, v.edge, ', ' || v.transport,
		case when v.outcome = 'caught_up' then ', back with an offset' else '' end);
	return query select 'read', 'yes', v.at, format('edge %s has read the row', v.edge);
	if v.outcome not in ('queued', 'caught_up') then
		return query select 'queued', 'no', v.at,
			rt_private.explain_unsent(v.outcome, v.state, v.caught_up, v.reason);
		return;
	end if;
	return query select 'queued', 'yes', v.at, case v.outcome when 'queued' then 'in the queue of its connection'
		else 'in the queue of its connection, with what it had missed' end;
	if v.confirmed is not null then
		return query select 'written', 'yes', null::timestamptz, 'the client has it';
		return query select 'confirmed', 'yes', v.confirmed, 'its client library has answered behind it';
		return;
	elsif v.ended is not null then
		return query select e.step, e.verdict, v.ended, e.evidence
		from rt_private.explain_ended(v.reason, v.behind, p_confirms) e;
		return;
	end if;
	select w.* into v_written
	from rt_private.explain_written(v.queued, v.behind, p_event, v.transport, p_confirms) w;
	return query select 'written', v_written.verdict, case when v_written.verdict <> 'yes' then v.at end,
		v_written.evidence;
	if v_written.verdict = 'yes' then
		return query select 'confirmed', case when p_confirms then 'no' else 'unasked' end, v.at,
			case when p_confirms then 'its client library has not answered yet'
				else 'no answer is asked for: this is no message, or its chat is large' end;
	end if;
end
$$;
comment on function rt_private.explain_met(uuid, timestamptz, text, boolean) is
	'The steps behind an edge that has met the event for a socket of the user.';

-- An edge renews its sign of life every two seconds. What was written long after the last one it has not read.
create or replace function rt_private.explain_blind(p_ask uuid, p_user uuid, p_at timestamptz)
returns table (verdict text, evidence text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	with answers as materialized (
		select a.edge_id, a.name, a.answered, a.problem, (a.body ->> 'remembers_from')::timestamptz as since
		from rt.answers(p_ask, '0') a
	), silent as (
		select a.name, a.problem, e.seen_at, e.opened_at, (
			select count(*) from bellwire.sockets s where s.edge_id = a.edge_id and s.user_id = p_user) as n
		from answers a join bellwire.edges e on e.edge_id = a.edge_id
		where not a.answered
	), ended as (
		-- a socket that the user had at that time, and has no more, ended later
		select greatest(p.ended_at, p.unclean_at) as last_at from bellwire.presence p where p.user_id = p_user
	), blind as (
		select 1 as rank,
			case when p_at > s.seen_at + interval '5 seconds' then 'no' else 'unknown' end as verdict,
			format('edge %s, which has %s of the user''s sockets, %s', s.name, s.n, s.problem) as evidence
		from silent s where s.n > 0
		union all
		select 2, 'unknown', format('edge %s, on which the user may have been, %s', s.name, s.problem)
		from silent s, ended d
		where s.n = 0 and p_at between s.opened_at and s.seen_at + interval '5 seconds' and d.last_at >= p_at
		union all
		select 3, 'unknown', format('edge %s, on which the user may have been, has ended, at %s', g.name,
			rt_private.iso(g.gone_at))
		from bellwire.edges_gone g, ended d
		where p_at between g.opened_at and g.gone_at and d.last_at >= p_at
			and not exists (select from answers a where a.edge_id = g.edge_id)
		union all
		select 4, 'unknown', format('edge %s, on which the user may have been, remembers nothing of then '
			'(BELLWIRE_TRACE_KB)', a.name)
		from answers a, ended d
		where a.answered and p_at < coalesce(a.since, 'infinity') and d.last_at >= p_at
			and p_at >= (select e.opened_at from bellwire.edges e where e.edge_id = a.edge_id)
	)
	select b.verdict, b.evidence from blind b order by b.rank limit 1
$$;
comment on function rt_private.explain_blind(uuid, uuid, timestamptz) is
	'An edge that may have met the event for a socket of the user, and does not say so; no row: there is none.';

-- rows_say_in: as rows say, the user was in one of the rooms.
create or replace function rt_private.explain_unmet(
	p_ask uuid,
	p_user uuid,
	p_at timestamptz,
	p_rooms text[],
	p_except text[],
	p_rows_say_in boolean)
returns table (step text, verdict text, at timestamptz, evidence text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v record;
	v_ended_at timestamptz;
	v_forgets boolean;
begin
	return query select 'read', b.verdict, null::timestamptz, b.evidence
	from rt_private.explain_blind(p_ask, p_user, p_at) b;
	if found then
		return;
	end if;
	select s.*, s.socket = any(p_except) as excepted, count(*) over (partition by s.open_then) as n into v
	from rt_private.explain_sockets(p_ask, p_at) s
	order by s.open_then desc, s.socket = any(p_except), s.ended is null desc, s.ended desc, s.since desc limit 1;
	if not found then
		select p.ended_at into v_ended_at from bellwire.presence p where p.user_id = p_user;
		return query select 'socket', 'no', v_ended_at, case when v_ended_at is null then 'the user had none'
			else 'the user had none: the last one known ended then' end;
	elsif v.open_then and v.excepted then
		return query select 'excepted', 'no', v.since, case v.n
			when 1 then format('its only socket, %s, is excepted', v.socket)
			else format('its %s sockets are excepted', v.n) end;
	elsif v.open_then then
		select bool_or(p_at < coalesce((a.body ->> 'remembers_from')::timestamptz, 'infinity')) into v_forgets
		from rt.answers(p_ask, '0') a where a.name = v.edge;
		return query select u.step, u.verdict, u.at, u.evidence
		from (values
			(v_forgets, 'queued', 'unknown', v.since,
				format('edge %s remembers nothing of then (BELLWIRE_TRACE_KB)', v.edge)),
			-- written, and not yet read: committed late, or the edge was behind
			(v.ended is not null and p_rows_say_in, 'socket', 'no', v.ended,
				format('%s on edge %s ended before that edge read the row: %s', v.socket, v.edge,
					v.reason)),
			(true, 'rooms', 'no', v.since, format('%s on edge %s was in none of %s%s', v.socket, v.edge,
				coalesce(array_to_string(p_rooms, ' '), 'all'),
				case when cardinality(p_except) > 0
					then ', or in one that is excepted: ' || array_to_string(p_except, ' ')
					else '' end))
		) u (fits, step, verdict, at, evidence)
		where u.fits limit 1;
	elsif v.ended <= p_at then
		return query select 'socket', 'no', v.ended, format('the last one, %s on edge %s, had ended: %s',
			v.socket, v.edge, v.reason);
	elsif v.state in ('opening', 'waiting', 'recovering') then
		return query select 'socket', 'no', v.since, format('%s on edge %s is not open yet: %s', v.socket,
			v.edge, v.state);
	else
		return query select 'socket', 'no', v.since,
			format('%s on edge %s opened later: what was said before is read over HTTP', v.socket, v.edge);
	end if;
end
$$;
comment on function rt_private.explain_unmet(uuid, uuid, timestamptz, text[], text[], boolean) is
	'Why no edge remembers that the event met a socket of the user. p_rows_say_in: by rows, the user was in a room '
	'of the event.';
