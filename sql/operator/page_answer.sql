-- What the edges answered to the page of one of them.

create or replace function rt_private.page_rooms(p_busy jsonb, p_answers jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
	select coalesce(jsonb_agg(jsonb_build_object('room', b.room, 'events', b.events::bigint, 'sockets', (
			select coalesce(sum((r ->> 'sockets')::bigint), 0)
			from jsonb_array_elements(p_answers) a, jsonb_array_elements(a -> 'body' -> 'rooms') r
			where r ->> 'room' = b.room))
		order by b.events::bigint desc, b.room), '[]')
	from jsonb_each_text(p_busy) b (room, events)
$$;
comment on function rt_private.page_rooms(jsonb, jsonb) is
	'The busiest rooms, with their sockets on all edges that have answered.';

create or replace function rt.page_answer(p_ask uuid, p_last boolean) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_what text;
	v_about jsonb;
	v_waits boolean;
	v_answers jsonb;
begin
	select a.what, a.about into v_what, v_about from bellwire.asks a where a.ask = p_ask and a.about ? 'page';
	if not found then
		raise exception 'the page has no question %', p_ask using errcode = 'RT404';
	end if;
	select bool_or(not n.answered and n.problem !~ 'its session is gone'),
		jsonb_agg(to_jsonb(n) - 'at' order by n.name, n.edge_id)
	into v_waits, v_answers from rt.answers(p_ask, '0') n;
	if v_waits and not p_last then
		return null;
	end if;
	return case v_what
		when 'busy' then rt_private.page_rooms(v_about -> 'busy', v_answers)
		when 'user' then jsonb_build_object('answers', v_answers, 'events', (
			select coalesce(jsonb_agg(to_jsonb(e) - '{xid,data,bytes,control}'::text[] order by e.id desc), '[]')
			from rt.events(p_user => (v_about ->> 'user_id')::uuid, p_limit => 100) e where e.event is not null))
		when 'recall' then (
			select jsonb_agg(to_jsonb(s))
			from rt.explain(v_about ->> 'event', (v_about ->> 'user_id')::uuid, p_ask, '0') s)
		else coalesce(v_answers, '[]')
	end::text;
end
$$;
comment on function rt.page_answer(uuid, boolean) is
	'What was answered to a question of the page, as JSON; null while an edge that lives has not answered, unless '
	'p_last. RT404: it is no question of the page, or forgotten.';
