-- Push for those who are not there.

-- A message's recipients who have not taken it. Chats above receipts_max_participants have one receipt a message: users
-- who are online count as having it there.
create or replace function rt_private.push_recipients(p_message uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select p.user_id
	from platform.messages m
	join platform.chat_participants p on p.chat_id = m.chat_id and p.user_id <> m.sender_id
	join platform.users u on u.id = p.user_id and u.disabled_at is null
	cross join lateral (
		select (select true from platform.chat_participants a where a.chat_id = m.chat_id
			limit 1 offset rt_private.setting('receipts_max_participants')::int) is not null as large
	) c
	where m.id = p_message
		and not rt_private.is_verifying(p.user_id)
		and not exists (select from platform.message_receipts r
			where r.message_id = m.id and r.user_id = p.user_id and r.delivered_at is not null)
		and not (c.large and exists (select from bellwire.presence o where o.user_id = p.user_id and o.online))
$$;
comment on function rt_private.push_recipients(uuid) is
	'The users who have not taken a message: active participants but its sender.';

create or replace function rt_private.push_items(p_kind text, p_id uuid)
returns table (user_id uuid, event text, payload jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if p_kind = 'message' then
		return query
		select r.id, 'chat:message:new',
			rt_private.message_payload(m.id, m.chat_id, m.seq, m.sender_id, s.name, s.avatar_url,
				m.type, m.content, m.metadata, m.created_at, 'sent')
		from platform.messages m
		join platform.users s on s.id = m.sender_id
		cross join rt_private.push_recipients(m.id) r (id)
		where m.id = p_id;
	else
		return query
		select n.user_id, 'notification:new',
			rt_private.notification_payload(n.id, n.type, n.title, n.body, n.data, n.created_at, n.read_at)
		from platform.notifications n
		join platform.users u on u.id = n.user_id and u.disabled_at is null
		where n.id = p_id and n.read_at is null and not rt_private.is_verifying(n.user_id)
			and not exists (select from bellwire.notifications_taken t where t.notification_id = n.id);
	end if;
end
$$;
comment on function rt_private.push_items(text, uuid) is
	'The users who have not taken a message or notification, with the event that they have missed; nobody where '
	'it is gone.';

create or replace function rt_private.push_consumer(p_consumer text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	update bellwire.push_consumers c set called_at = clock_timestamp()
	where c.consumer = p_consumer and c.called_at < clock_timestamp() - interval '1 minute';
	insert into bellwire.push_consumers (consumer)
	select p_consumer where not exists (select from bellwire.push_consumers c where c.consumer = p_consumer)
	on conflict do nothing;
	insert into bellwire.push_cursor (snapshot, epoch)
	select f.rooms, f.except_rooms from rt.fetch(null, null) f
	where not exists (select from bellwire.push_cursor)
	on conflict do nothing;
end
$$;
comment on function rt_private.push_consumer(text) is
	'Notes that a consumer has come; the first one starts the keeping.';

create or replace function rt.undelivered(p_older_than interval, p_max int, p_consumer text default 'push')
returns table (user_id uuid, event text, payload jsonb, written_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_done  int := 0;
	v_left  int;
	v_found boolean := false;
	r record;
begin
	if p_older_than is null or p_max is null or p_max < 1 then
		raise exception 'rt.undelivered: an interval and a number above 0 are needed' using errcode = 'RT400';
	end if;
	perform rt_private.push_consumer(p_consumer);
	perform rt_private.push_fill();
	-- Rows that another worker of this consumer holds are passed over. A row goes with this transaction: if that
	-- fails, it is handed out again.
	loop
		v_left := p_max - v_done;
		for r in
			select p.kind, p.id, p.written_at from bellwire.pushes p
			where p.consumer = p_consumer and p.written_at <= clock_timestamp() - p_older_than
			order by p.written_at, p.id
			limit v_left
			for update skip locked
		loop
			v_found := true;
			for user_id, event, payload in select i.* from rt_private.push_items(r.kind, r.id) i loop
				written_at := r.written_at;
				v_done := v_done + 1;
				return next;
			end loop;
			delete from bellwire.pushes p where p.consumer = p_consumer and p.kind = r.kind and p.id = r.id;
		end loop;
		exit when not v_found or v_done >= p_max;
		v_found := false;
	end loop;
end
$$;
comment on function rt.undelivered(interval, int, text) is
	'Messages and notifications of so long ago that no socket of their user has taken, for push: a row each user, '
	'about p_max of them, each once per consumer. It is handed out for good when the transaction commits.';
