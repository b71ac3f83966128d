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
		select s.user_id = p_user as mine into v_next from bellwire.sockets s where s.socket_id = p_room;
		return query select case when not v_next.mine then false end, case
			when v_next.mine then 'a socket of the user'
			when not v_next.mine then 'a socket of somebody else'
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

create or replace function rt_private.explain_rows(
	p_user uuid,
	p_id bigint,
	p_rooms text[],
	p_except text[])
returns table (step text, verdict text, evidence text, inside boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_in boolean;
	v_none boolean;
	v_why text;
	v_out text[];
begin
	select bool_or(r.inside), bool_and(r.inside is false),
		string_agg(format('%s: %s', n.room, r.evidence), '; ') filter (where r.inside is not true)
	into v_in, v_none, v_why
	from unnest(p_rooms) n (room), rt_private.explain_room(p_user, n.room, p_id) r;
	if v_none then
		return query select 'rooms', case when exists (
				select from bellwire.outbox o where o.id > p_id and o.control = 'rooms_stale')
					then 'unknown' else 'no' end, v_why, false;
		return;
	end if;
	v_out := array(select n.room from unnest(p_except) n (room),
		rt_private.explain_room(p_user, n.room, p_id) r
		where r.inside);
	if cardinality(v_out) > 0 then
		return query select 'excepted', 'no', format('it does not go to %s', array_to_string(v_out, ' ')), v_in;
		return;
	end if;
	return query select 'rooms', 'yes', case when p_rooms is null then 'it goes to everyone'
		when v_in then 'the user was in one' else v_why end, p_rooms is null or v_in;
end
$$;
comment on function rt_private.explain_rows(uuid, bigint, text[], text[]) is
	'Was an event for this user, as far as rows know? inside: they say so; null: only an edge knows.';

create or replace function rt_private.explain_user(p_user uuid, p_at timestamptz)
returns table (at timestamptz, evidence text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select u.disabled_at, case when u.id is null then 'there is no such user' else 'the user is disabled' end
	from (values (1)) one
	left join platform.users u on u.id = p_user
	where u.id is null or u.disabled_at < p_at
$$;
comment on function rt_private.explain_user(uuid, timestamptz) is
	'Why a user gets nothing at all; no row: the user does.';

create or replace function rt_private.explain_announced(
	p_id bigint,
	p_event text,
	p_control text,
	p_rooms text[],
	p_met boolean)
returns table (verdict text, evidence text)
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when p_control is null or p_control = 'relayed' and p_met then 'yes'
			when p_control = 'relayed' then 'unknown' else 'no' end,
		case when p_control is null then format('row %s of the outbox: %s to %s', p_id, p_event,
				coalesce(array_to_string(p_rooms, ' '), 'everyone'))
			when p_control = 'relayed' then format('row %s has events that an edge has passed on to '
				'its own sockets already, of which it remembers none', p_id)
			else format('row %s is an order to the edges (%s), no event', p_id, p_control) end
$$;
comment on function rt_private.explain_announced(bigint, text, text, text[], boolean) is
	'What a row of the outbox is.';

-- What an edge remembers goes before what rows say: a row that was committed late was read by edges at another time
-- than its number tells.
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
	r record;
	v_receipt timestamptz;
	v_met boolean := false;
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
	select k.delivered_at into v_receipt from platform.message_receipts k
	where k.message_id = f.message_id and k.user_id = p_user;
	if p_ask is not null and f.id is not null then
		perform count(*) from rt.answers(p_ask, p_wait); -- it waits once, and here
		v_met := exists (select from rt_private.explain_sockets(p_ask, f.at) s where s.outcome is not null);
	end if;
	if not v_met then
		return query select 'user', 'no', u.at, u.evidence
		from rt_private.explain_user(p_user, coalesce(f.at, f.written_at)) u;
		if found then
			return;
		end if;
	end if;
	-- announced?
	if f.id is null and v_receipt is not null then
		return query select 'confirmed', 'yes', v_receipt,
			'there is a receipt, written by an edge, a service or the user';
		return;
	elsif f.id is null then
		return query select 'announced', u.verdict, null::timestamptz, u.evidence
		from rt_private.explain_unannounced(f.kind, f.written_at, f.tx) u;
		return;
	end if;
	select * into r from rt_private.explain_announced(f.id, f.event, f.control, f.rooms, v_met);
	return query select 'announced', r.verdict, f.at, r.evidence;
	if r.verdict <> 'yes' then
		return;
	end if;
	-- for this user, and met?
	select * into r from rt_private.explain_rows(p_user, f.id, f.rooms, f.except_rooms);
	if v_met then
		return query select 'rooms', 'yes', f.at,
			case when r.verdict = 'yes' and f.control is null then r.evidence
			else 'a socket of the user was in one when its edge read the row' end;
		return query select m.step, case when m.verdict <> 'yes' and v_receipt is not null then 'yes'
			else m.verdict end,
			case when m.verdict <> 'yes' and v_receipt is not null then v_receipt else m.at end,
			case when m.verdict <> 'yes' and v_receipt is not null then 'there is a receipt'
				else m.evidence end
		from rt_private.explain_met(p_ask, f.at, f.event, f.confirms) m;
		return;
	elsif v_receipt is not null then
		return query select 'confirmed', 'yes', v_receipt, 'there is a receipt';
		return;
	end if;
	return query select r.step, r.verdict, f.at, r.evidence;
	if r.verdict <> 'yes' then
		return;
	elsif p_ask is null then
		return query select 'socket', 'unknown', null::timestamptz,
			'the edges were not asked (rt.ask_recall)';
	elsif f.event in ('user:online', 'user:offline') then
		return query select 'queued', 'unknown', f.at,
			'edges send the last state of a user only, and remember no row of it';
	else
		return query select *
		from rt_private.explain_unmet(p_ask, p_user, f.at, f.rooms, f.except_rooms, r.inside);
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
