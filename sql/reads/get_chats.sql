-- GET /api/v2/chats
create or replace function rt.get_chats(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit  constant int := rt_private.query_limit(p_query);
	v_before constant text[] := rt_private.query_before(p_query, '^-?[0-9]{1,19}[.][0-9a-f-]{36}$', false);
	v_at     constant timestamptz := rt_private.place_at(v_before[1]);
	v_id     constant uuid := v_before[2]::uuid;
	v_items  jsonb;
	v_places text[];
begin
	perform rt_private.reader_check(p_user_id);
	select coalesce(jsonb_agg(jsonb_build_object(
			'id', q.id,
			'participants', (
				select jsonb_agg(jsonb_build_object('user_id', u.id, 'name', u.name, 'avatar_url', u.avatar_url,
					'online', exists (select from bellwire.presence o where o.user_id = u.id and o.online),
					'last_seen', rt_private.iso(u.last_seen_at))
					order by a.user_id <> p_user_id, a.joined_at, u.id)
				from (
					-- the first ones of the key: of a large chat no more is read than is told
					(select p_user_id as user_id, q.joined_at)
					union all
					(select o.user_id, o.joined_at from platform.chat_participants o
					where o.chat_id = q.id and o.user_id <> p_user_id order by o.user_id limit 99)
				) a
				join platform.users u on u.id = a.user_id),
			'participants_count', (
				select count(*) from platform.chat_participants a where a.chat_id = q.id),
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
						-- A value and no join, and by the key alone: a join may read all
						-- receipts of a message, or of a user, for each message.
						select m.sender_id <> p_user_id and m.created_at >= q.joined_at and (
							select r.read_at from platform.message_receipts r
							where r.message_id = m.id and (r.message_id, r.user_id) >= (m.id, p_user_id)
								and (r.message_id, r.user_id) <= (m.id, p_user_id)) is null as unread
						from unnest('{(,)}'::int8multirange - coalesce(q.runs, '{}')) g
						cross join lateral (
							select o.id, o.sender_id, o.created_at from platform.messages o
							where o.chat_id = q.id
								and o.seq >= coalesce(lower(g), -9223372036854775808) and o.seq <= coalesce(upper(g) - 1, 9223372036854775807)
							offset 0 -- range by range, else every message meets every range
						) m
						limit rt_private.unread_look() + 1
					) m
				) l),
			'created_at', rt_private.iso(q.created_at)) order by q.active_at desc, q.id desc), '[]'),
		array_agg(rt_private.place_time(q.active_at) || '.' || q.id order by q.active_at desc, q.id desc)
	into v_items, v_places
	from (
		select c.id, c.created_at, p.joined_at, l.id as last_id, coalesce(l.created_at, c.created_at) as active_at, k.runs
		from platform.chat_participants p
		join platform.chats c on c.id = p.chat_id
		left join bellwire.read_marks k on k.user_id = p_user_id and k.chat_id = p.chat_id and k.since <= p.joined_at
			and k.n = (select s.last_value from bellwire.read_marks_n s)
		left join lateral (select m.id, m.created_at from platform.messages m where m.chat_id = c.id order by m.seq desc limit 1) l on true
		where p.user_id = p_user_id
			and (v_before is null or (coalesce(l.created_at, c.created_at), c.id) < (v_at, v_id))
		order by active_at desc, c.id desc
		limit v_limit + 1
	) q;
	return rt_private.page(v_items, v_places, v_limit);
end
$$;
comment on function rt.get_chats(uuid, jsonb) is
	'{limit?, before?} -> {items:[{id, participants:[{user_id, name, avatar_url, online, last_seen}], '
	'participants_count, last_message, unread_count, created_at}], next_before}; newest activity first. At most '
	'100 participants an item: the user, then those of lowest id, in the order in which they joined. '
	'unread_count: others'' messages since one joined that one has not read. RT400, RT401.';
