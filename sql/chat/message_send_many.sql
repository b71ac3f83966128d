-- chat:message:send, several at once.

-- One statement checks, numbers, writes and announces the messages: half of the cost of single sends is the machinery
-- around. The rules are those of rt_private.messages_insert, which leaves these rows alone. Where a trigger of somebody
-- else may change rows before they are written, it checks and numbers them as ever.
-- The batch has locked the chats (the route's lock key). If it had not, a place that is given twice would undo all.
create or replace function rt_private.chat_message_send_many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[]
language plpgsql volatile set plan_cache_mode = force_generic_plan
as $$
declare
	v_ids      uuid[];
	v_chats    uuid[];
	v_numbered boolean;
	v_at       timestamptz;
	v_slot     smallint;
	v_acks     jsonb[];
begin
	if not pg_has_role(session_user, 'bellwire_edge', 'member') or exists ( -- the triggers trust only an edge
		select from unnest(p_payloads) p
		-- the rest of is_uuid is the cast's
		where (p ->> 'chat_id' like '________-____-____-____-____________') is not true
			or jsonb_typeof(p -> 'type') is distinct from 'string'
			or jsonb_typeof(p -> 'content') is distinct from 'string'
			or jsonb_typeof(p -> 'client_id') not in ('string', 'null')) then
		return null; -- rt.chat_message_send says what is wrong
	end if;
	select array_agg(gen_random_uuid()), array_agg((p.payload ->> 'chat_id')::uuid order by p.n)
	into v_ids, v_chats
	from unnest(p_payloads) with ordinality p (payload, n);
	v_at := clock_timestamp();
	v_slot := rt_private.outbox_slot(v_at);
	v_numbered := not exists (
		select from pg_trigger t -- 2: before, 4: insert; replicated fires for replicated rows alone
		where t.tgrelid = 'platform.messages'::regclass and t.tgtype & 6 = 6
			and t.tgname not in ('messages_insert', 'replicated'));
	perform set_config('bellwire.together', pg_current_xact_id()::text, true), rt_private.outbox_ready();
	-- The rows of the insert come in the order in which it wrote them.
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
			offset 0 -- what is taken out of a payload is taken out once
		) e
		cross join lateral ( -- and each chat is asked by its own row, whatever the statistics say
			select l.seq, l.created_at from rt_private.chat_last(e.chat_id, e.user_id) l offset 0
		) l
		where rt_private.message_is_plain(e.type, e.content, e.metadata, e.client_id)
			or rt_private.message_check(e.type, e.content, e.metadata, e.client_id)
		order by e.n
		on conflict (sender_id, client_id) do nothing
		returning *
	), told as (
		insert into bellwire.outbox (slot, epoch, at, rooms, except_rooms, event, data, confirm)
		select v_slot, x.n, v_at, array[rt_private.message_room(s.chat_id)], '{}', 'chat:message:new',
			rt_private.message_payload(s.id, s.chat_id, s.seq, s.sender_id, u.name, u.avatar_url, s.type,
				s.content, s.metadata, s.created_at, 'sent'),
			rt_private.message_confirm(s.id, s.sender_id, exists (
				select from platform.chat_participants c where c.chat_id = s.chat_id
				offset rt_private.setting('receipts_max_participants')::int))
		from sent s
		cross join bellwire.epoch x
		cross join lateral (
			select u.name, u.avatar_url from platform.users u where u.id = s.sender_id offset 0
		) u
	)
	select array_agg(rt_private.chat_message_ack(s.id, s.created_at, s.client_id)) into v_acks from sent s;
	if cardinality(v_acks) is distinct from cardinality(v_ids) then
		perform rt_private.chat_refuse(e.chat_id)
		from unnest(v_chats, p_user_ids) e (chat_id, user_id)
		where not exists (select from platform.chat_participants p where p.chat_id = e.chat_id and p.user_id = e.user_id);
		raise exception 'a client_id was sent before' using errcode = 'unique_violation';
	elsif current_setting('bellwire.together') = '' then
		raise exception 'a trigger wrote a message among them, and their order is that of one by one';
	end if;
	perform set_config('bellwire.together', '', true);
	return v_acks;
end
$$;
comment on function rt_private.chat_message_send_many(uuid[], jsonb[]) is
	'rt.chat_message_send for several messages at once. An error or null: none was written, and each is sent '
	'alone.';

select bellwire.ensure_route_many('chat:message:send', 'rt_private.chat_message_send_many');
