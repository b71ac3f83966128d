-- The HTTP reads (contract 7): {"items": [...], "next_before": id | null}, newest first. Values of p_query are strings.

create or replace function rt_private.reader_check(p_user_id uuid) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
	if not exists (select from platform.users u where u.id = p_user_id and u.disabled_at is null) then
		raise exception using errcode = 'RT401', message = 'Invalid token';
	end if;
end
$$;
comment on function rt_private.reader_check(uuid) is 'The user of a good token exists and is not disabled, as for a socket (contract 2.2). RT401.';

create or replace function rt_private.query_limit(p_query jsonb) returns int
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit constant text := coalesce(p_query ->> 'limit', '50');
begin
	if v_limit !~ '^[0-9]{1,3}$' or v_limit::int not between 1 and 100 then
		raise exception using errcode = 'RT400', message = 'limit must be between 1 and 100';
	end if;
	return v_limit;
end
$$;
comment on function rt_private.query_limit(jsonb) is 'limit of a query, 50 when absent. RT400.';

create or replace function rt_private.query_before(p_query jsonb) returns uuid
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
	return case when p_query ->> 'before' is not null then rt_private.payload_uuid(p_query, 'before') end;
end
$$;
comment on function rt_private.query_before(jsonb) is 'before of a query, null when absent. RT400.';

create or replace function rt_private.page(p_items jsonb, p_limit int) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select case when jsonb_array_length(p_items) > p_limit
		then jsonb_build_object('items', p_items - p_limit, 'next_before', p_items -> (p_limit - 1) -> 'id')
		else jsonb_build_object('items', p_items, 'next_before', null) end
$$;
comment on function rt_private.page(jsonb, int) is 'A page of items, of which one more than the limit was looked for.';

create or replace function rt_private.message_status(p_message_id uuid, p_sender_id uuid, p_user_id uuid) returns text
language sql stable
-- In quotes: names that are bound would hold the table fast when a migration drops it. The callers have a pinned search_path.
as $$
	select case when bool_or(r.read_at is not null) then 'read' when bool_or(r.delivered_at is not null) then 'delivered' else 'sent' end
	from platform.message_receipts r
	where r.message_id = p_message_id and (p_sender_id = p_user_id or r.user_id = p_user_id)
$$;
comment on function rt_private.message_status(uuid, uuid, uuid) is
	'sent, delivered or read: one''s own message by anyone, others'' messages by oneself.';

-- GET /api/v2/chats
create or replace function rt.get_chats(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit  constant int := rt_private.query_limit(p_query);
	v_before constant uuid := rt_private.query_before(p_query);
	v_at     timestamptz;
	v_items  jsonb;
begin
	perform rt_private.reader_check(p_user_id);
	if v_before is not null then
		select coalesce(l.created_at, c.created_at) into v_at
		from platform.chat_participants p
		join platform.chats c on c.id = p.chat_id
		left join lateral (select m.created_at from platform.messages m where m.chat_id = c.id order by m.seq desc limit 1) l on true
		where p.user_id = p_user_id and p.chat_id = v_before;
		if not found then
			raise exception using errcode = 'RT400', message = 'before is not one of these chats';
		end if;
	end if;
	select coalesce(jsonb_agg(jsonb_build_object(
			'id', q.id,
			'participants', (
				select jsonb_agg(jsonb_build_object('user_id', u.id, 'name', u.name, 'avatar_url', u.avatar_url,
					'online', exists (select from bellwire.presence o where o.user_id = u.id and o.online),
					'last_seen', rt_private.iso(u.last_seen_at)) order by a.joined_at, u.id)
				from platform.chat_participants a
				join platform.users u on u.id = a.user_id
				where a.chat_id = q.id),
			'last_message', (
				select rt_private.message_payload(m.id, m.chat_id, m.seq, m.sender_id, u.name, u.avatar_url, m.type, m.content, m.metadata,
					m.created_at, rt_private.message_status(m.id, m.sender_id, p_user_id))
				from platform.messages m
				join platform.users u on u.id = m.sender_id
				where m.id = q.last_id),
			'unread_count', (
				select case when l.looked <= rt_private.unread_look() then l.unread
					else rt_private.unread_far(p_user_id, q.id, q.joined_at) end
				from (
					select count(*) as looked, count(*) filter (where m.unread) as unread
					from (
						-- a value and no join, and by the key alone: else this may read all receipts of a message, or of a user, for each
						select m.sender_id <> p_user_id and m.created_at >= q.joined_at and (
							select r.read_at from platform.message_receipts r
							where r.message_id = m.id and (r.message_id, r.user_id) >= (m.id, p_user_id)
								and (r.message_id, r.user_id) <= (m.id, p_user_id)) is null as unread
						from unnest('{(,)}'::int8multirange - coalesce(q.runs, '{}')) g
						cross join lateral (
							select o.id, o.sender_id, o.created_at from platform.messages o
							where o.chat_id = q.id
								and o.seq >= coalesce(lower(g), -9223372036854775808) and o.seq <= coalesce(upper(g) - 1, 9223372036854775807)
							offset 0 -- range by range: else all messages are held against the ranges
						) m
						limit rt_private.unread_look() + 1
					) m
				) l),
			'created_at', rt_private.iso(q.created_at)) order by q.active_at desc, q.id desc), '[]')
	into v_items
	from (
		select c.id, c.created_at, p.joined_at, l.id as last_id, coalesce(l.created_at, c.created_at) as active_at, k.runs
		from platform.chat_participants p
		join platform.chats c on c.id = p.chat_id
		left join bellwire.read_marks k on k.user_id = p_user_id and k.chat_id = p.chat_id and k.since <= p.joined_at
			and k.n = (select s.last_value from bellwire.read_marks_n s)
		left join lateral (select m.id, m.created_at from platform.messages m where m.chat_id = c.id order by m.seq desc limit 1) l on true
		where p.user_id = p_user_id and (v_before is null or (coalesce(l.created_at, c.created_at), c.id) < (v_at, v_before))
		order by active_at desc, c.id desc
		limit v_limit + 1
	) q;
	return rt_private.page(v_items, v_limit);
end
$$;
comment on function rt.get_chats(uuid, jsonb) is
	'{limit?, before?} -> {items:[{id, participants:[{user_id, name, avatar_url, online, last_seen}], last_message, unread_count, created_at}], next_before}; newest activity first. unread_count: others'' messages since one joined that one has not read. RT400, RT401.';

-- GET /api/v2/chats/{id}/messages
create or replace function rt.get_messages(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_chat   constant uuid := rt_private.payload_uuid(p_query, 'chat_id');
	v_limit  constant int := rt_private.query_limit(p_query);
	v_before constant uuid := rt_private.query_before(p_query);
	v_upto   bigint;
	v_new    uuid[];
	v_items  jsonb;
begin
	perform rt_private.reader_check(p_user_id);
	if not exists (select from platform.chat_participants p where p.chat_id = v_chat and p.user_id = p_user_id) then
		perform rt_private.chat_refuse(v_chat);
	end if;
	if v_before is not null then
		select m.seq into v_upto from platform.messages m where m.id = v_before and m.chat_id = v_chat;
		if not found then
			raise exception using errcode = 'RT400', message = 'before is not a message of this chat';
		end if;
	end if;
	-- what is fetched has arrived
	select array_agg(m.id) into v_new
	from (
		select m.id, m.sender_id from platform.messages m
		where m.chat_id = v_chat and (v_upto is null or m.seq < v_upto)
		order by m.seq desc limit v_limit
	) m
	where m.sender_id <> p_user_id and not exists (select from platform.message_receipts r
		where r.message_id = m.id and r.user_id = p_user_id and r.delivered_at is not null);
	if v_new is not null then
		perform rt_private.deliver(v_new, array_fill(p_user_id, array[cardinality(v_new)]));
	end if;
	select coalesce(jsonb_agg(rt_private.message_payload(m.id, m.chat_id, m.seq, m.sender_id, u.name, u.avatar_url, m.type, m.content,
			m.metadata, m.created_at, rt_private.message_status(m.id, m.sender_id, p_user_id)) order by m.seq desc), '[]')
	into v_items
	from (
		select m.* from platform.messages m
		where m.chat_id = v_chat and (v_upto is null or m.seq < v_upto)
		order by m.seq desc limit v_limit + 1
	) m
	join platform.users u on u.id = m.sender_id;
	return rt_private.page(v_items, v_limit);
end
$$;
comment on function rt.get_messages(uuid, jsonb) is
	'{chat_id, limit?, before?} -> {items:[keys of chat:message:new], next_before}, by seq, newest first. Others'' messages on the page count as delivered. status: see rt_private.message_status. RT400, RT401, RT403 not a participant, RT404 no such chat.';

-- GET /api/v2/notifications
create or replace function rt.get_notifications(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit   constant int := rt_private.query_limit(p_query);
	v_before  constant uuid := rt_private.query_before(p_query);
	v_is_read boolean;
	v_at      timestamptz;
	v_items   jsonb;
begin
	perform rt_private.reader_check(p_user_id);
	if p_query ->> 'is_read' not in ('true', 'false') then
		raise exception using errcode = 'RT400', message = 'is_read must be true or false';
	end if;
	v_is_read := p_query ->> 'is_read';
	if v_before is not null then
		select n.created_at into v_at from platform.notifications n where n.id = v_before and n.user_id = p_user_id;
		if not found then
			raise exception using errcode = 'RT400', message = 'before is not one of these notifications';
		end if;
	end if;
	-- three queries in one text, so that unread ones are found by their own index
	execute 'select coalesce(jsonb_agg(rt_private.notification_payload(n.id, n.type, n.title, n.body, n.data, n.created_at, n.read_at)
			|| jsonb_build_object(''read_at'', rt_private.iso(n.read_at)) order by n.created_at desc, n.id desc), ''[]'')
		from (
			select n.* from platform.notifications n
			where n.user_id = $1 and ($2 is null or (n.created_at, n.id) < ($2, $3))'
			|| case v_is_read when true then ' and n.read_at is not null' when false then ' and n.read_at is null' else '' end
			|| ' order by n.created_at desc, n.id desc limit $4
		) n'
	into v_items using p_user_id, v_at, v_before, v_limit + 1;
	return rt_private.page(v_items, v_limit);
end
$$;
comment on function rt.get_notifications(uuid, jsonb) is
	'{limit?, before?, is_read?} -> {items:[keys of notification:new, read_at], next_before}, newest first. RT400, RT401.';
