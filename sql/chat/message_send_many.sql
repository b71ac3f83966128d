-- chat:message:send, several at once.

-- One statement locks the chats, one checks, numbers and writes the messages, and one announces them: half of the cost of
-- single sends is the machinery around. The rules are those of rt_private.messages_insert, which leaves these rows alone.
-- Where a trigger of somebody else may change rows before they are written, it checks and numbers them as ever.
create or replace function rt_private.chat_message_send_many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
	v_ids      uuid[];
	v_chats    uuid[];
	v_numbered boolean;
	v_at       timestamptz;
	v_rooms    text[];
	v_events   text[];
	v_data     jsonb[];
	v_confirms jsonb[];
	v_acks     jsonb[];
begin
	if not pg_has_role(session_user, 'bellwire_edge', 'member') or exists ( -- the triggers trust only an edge
		select from unnest(p_payloads) p
		where rt_private.is_uuid(p ->> 'chat_id') is not true
			or jsonb_typeof(p -> 'type') is distinct from 'string'
			or jsonb_typeof(p -> 'content') is distinct from 'string'
			or jsonb_typeof(p -> 'client_id') not in ('string', 'null')) then
		return null; -- rt.chat_message_send says what is wrong
	end if;
	select array_agg(gen_random_uuid()), array_agg((p.payload ->> 'chat_id')::uuid order by p.n)
	into v_ids, v_chats
	from unnest(p_payloads) with ordinality p (payload, n);
	-- One by one, here and below: where the tables were small when this was planned, a join would read all of them.
	perform (select true from platform.chats c where c.id = k.id for no key update)
	from (select distinct v.id from unnest(v_chats) v (id) order by v.id) k;
	v_at := clock_timestamp();
	v_numbered := not exists (
		select from pg_trigger t -- 2: before, 4: insert
		where t.tgrelid = 'platform.messages'::regclass and t.tgtype & 6 = 6 and t.tgname <> 'messages_insert');
	perform set_config('bellwire.together', pg_current_xact_id()::text, true);
	with sent as (
		insert into platform.messages (id, chat_id, sender_id, type, content, metadata, client_id, seq, created_at)
		select e.id, e.chat_id, e.user_id, e.type, e.content, e.metadata, e.client_id,
			case when v_numbered
				then coalesce(l.seq, 0) + row_number() over (partition by e.chat_id order by e.n) end,
			greatest(v_at, l.created_at)
		from (
			select i.id, i.chat_id, i.user_id, i.n, i.payload ->> 'type' as type,
				i.payload ->> 'content' as content, i.payload ->> 'client_id' as client_id,
				coalesce(nullif(i.payload -> 'metadata', 'null'), '{}') as metadata
			from unnest(v_ids, v_chats, p_user_ids, p_payloads) with ordinality
				i (id, chat_id, user_id, payload, n)
		) e
		cross join rt_private.chat_last(e.chat_id) l
		where (rt_private.message_is_plain(e.type, e.content, e.metadata, e.client_id)
				or rt_private.message_check(e.type, e.content, e.metadata, e.client_id))
			and (select true from platform.chat_participants p
				where p.chat_id = e.chat_id and p.user_id = e.user_id)
		order by e.n
		on conflict (sender_id, client_id) do nothing
		returning *
	)
	select array_agg(q.room), array_agg('chat:message:new'::text), array_agg(q.data), array_agg(q.confirm),
		array_agg(q.ack)
	into v_rooms, v_events, v_data, v_confirms, v_acks
	from (
		select s.id, rt_private.message_room(s.chat_id) as room,
			rt_private.message_confirm(s.id, s.sender_id, (
				select true from platform.chat_participants c where c.chat_id = s.chat_id
				limit 1 offset rt_private.setting('receipts_max_participants')::int) is not null) as confirm,
			rt_private.chat_message_ack(s.id, s.created_at, s.client_id) as ack,
			rt_private.message_payload(s.id, s.chat_id, s.seq, s.sender_id, u.name, u.avatar_url, s.type, s.content, s.metadata,
				s.created_at, 'sent') as data
		from sent s
		cross join lateral (
			select u.name, u.avatar_url from platform.users u where u.id = s.sender_id offset 0
		) u
		join unnest(v_ids) with ordinality i (id, n) on i.id = s.id
		order by i.n
	) q;
	if cardinality(v_acks) is distinct from cardinality(v_ids) then
		perform rt_private.chat_refuse(e.chat_id)
		from unnest(v_chats, p_user_ids) e (chat_id, user_id)
		where not exists (select from platform.chat_participants p where p.chat_id = e.chat_id and p.user_id = e.user_id);
		raise exception 'a client_id was sent before' using errcode = 'unique_violation';
	elsif current_setting('bellwire.together') = '' then
		raise exception 'a trigger wrote a message among them, and their order is that of one by one';
	end if;
	perform set_config('bellwire.together', '', true);
	perform rt_private.publish_each(v_rooms, v_events, v_data, v_confirms);
	return v_acks;
end
$$;
comment on function rt_private.chat_message_send_many(uuid[], jsonb[]) is
	'rt.chat_message_send for several messages at once. An error or null: none was written, and each is sent '
	'alone.';

select bellwire.ensure_route_many('chat:message:send', 'rt_private.chat_message_send_many');
