-- chat:message:send, several at once.

-- One statement writes all messages, and one announces them: half of the cost of single sends is the machinery around.
create or replace function rt_private.chat_message_send_many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
	v_ids      uuid[];
	v_rooms    text[];
	v_events   text[];
	v_data     jsonb[];
	v_confirms jsonb[];
	v_acks     jsonb[];
begin
	if not pg_has_role(session_user, 'bellwire_edge', 'member') or exists ( -- messages_publish trusts only an edge
		select from unnest(p_payloads) p
		where jsonb_typeof(p -> 'chat_id') is distinct from 'string' or jsonb_typeof(p -> 'type') is distinct from 'string'
			or jsonb_typeof(p -> 'content') is distinct from 'string' or jsonb_typeof(p -> 'client_id') not in ('string', 'null')
			or not rt_private.is_uuid(p ->> 'chat_id')) then
		return null; -- rt.chat_message_send says what is wrong
	end if;
	v_ids := array(select gen_random_uuid() from generate_series(1, cardinality(p_payloads)));
	perform set_config('bellwire.together', pg_current_xact_id()::text, true);
	with sent as (
		insert into platform.messages (id, chat_id, sender_id, type, content, metadata, client_id)
		select e.id, (e.payload ->> 'chat_id')::uuid, e.user_id, e.payload ->> 'type', e.payload ->> 'content',
			coalesce(nullif(e.payload -> 'metadata', 'null'), '{}'), e.payload ->> 'client_id'
		from unnest(v_ids, p_user_ids, p_payloads) with ordinality e (id, user_id, payload, n)
		order by e.n
		on conflict (sender_id, client_id) do nothing
		returning *
	)
	select array_agg(q.room), array_agg('chat:message:new'::text), array_agg(q.data), array_agg(jsonb_build_object('message_id', q.id)), array_agg(q.ack)
	into v_rooms, v_events, v_data, v_confirms, v_acks
	from (
		select s.id, r.family || s.chat_id as room, rt_private.chat_message_ack(s.id, s.created_at, s.client_id) as ack,
			rt_private.message_payload(s.id, s.chat_id, s.seq, s.sender_id, u.name, u.avatar_url, s.type, s.content, s.metadata,
				s.created_at, 'sent') as data
		from sent s
		join platform.users u on u.id = s.sender_id
		join unnest(v_ids) with ordinality i (id, n) on i.id = s.id
		cross join rt_private.message_rooms() r
		order by i.n
	) q;
	if cardinality(v_acks) is distinct from cardinality(v_ids) then
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
