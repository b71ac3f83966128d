-- What the edges remember of an event and a user.

create or replace function rt_private.explain_find(
	p_event text,
	out kind text,
	out written_at timestamptz,
	out tx bigint,
	out id bigint,
	out at timestamptz,
	out rooms text[],
	out except_rooms text[],
	out event text,
	out control text,
	out confirms boolean,
	out message_id uuid)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set jit = off
as $$
begin
	if p_event ~ '^[0-9]{1,18}$' then
		kind := 'row';
	elsif not coalesce(rt_private.is_uuid(p_event), false) then
		raise exception 'event: the uuid of a message or notification, or the number of a row of the outbox'
			using errcode = 'RT400';
	else
		select x.kind, x.written_at, x.tx into kind, written_at, tx
		from (
			select 'message' as kind, m.created_at as written_at, m.xmin::text::bigint as tx
			from platform.messages m where m.id = p_event::uuid
			union all
			select 'notification', n.created_at, n.xmin::text::bigint
			from platform.notifications n where n.id = p_event::uuid
		) x;
	end if;
	-- A number is the index of nothing, and neither is what an event says: all rows are looked at, 64 MB at most.
	select o.id, o.at, o.rooms, o.except_rooms, o.event, o.control,
		-- in a large chat only a few clients are asked whether they have it
		o.confirm is not null and coalesce(o.confirm ->> 'wanted', 'all') = 'all',
		case when o.event = 'chat:message:new' and rt_private.is_uuid(o.data ->> 'id')
			then (o.data ->> 'id')::uuid end
	into id, at, rooms, except_rooms, event, control, confirms, message_id
	from (select a.* from bellwire.outbox a union all select a.* from bellwire.outbox_ephemeral a) o
	where case when kind = 'row' then o.id = p_event::bigint
		else o.event in ('chat:message:new', 'notification:new') and o.data ->> 'id' = lower(p_event) end
	order by o.id limit 1;
	if kind = 'message' then
		message_id := p_event::uuid;
	end if;
end
$$;
comment on function rt_private.explain_find(text) is
	'An event by what is known of it: the number of its row in the outbox, or the id of the message or '
	'notification that it announces. kind null: no such row is there; id null: nothing in the outbox is. RT400.';

create or replace function rt.ask_recall(p_event text, p_user uuid) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select rt_private.ask('recall', jsonb_build_object('user_id', p_user, 'event_id', coalesce(f.id, 0)))
	from rt_private.explain_find(p_event) f
$$;
comment on function rt.ask_recall(text, uuid) is
	'Asks every edge what it remembers of an event and the sockets of a user. Commit, then rt.explain with the '
	'answer of this. RT400, RT429.';
