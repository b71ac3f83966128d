-- What the page of an edge asks all edges. The edge has no right to the operator's questions: these only read, and their
-- answers have neither bodies of messages nor addresses of clients.

create or replace function rt_private.page_busy() returns table (room text, events bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
	c_read constant int := 20000;
begin
	-- By the index on xid, the newest first, and never more than some, as rt.events does.
	return query
	select r.room, count(*)
	from (
		select n.rooms, n.at, n.control from bellwire.outbox n order by n.xid desc limit c_read
	) o, unnest(o.rooms) r (room)
	where o.control is null and o.at > clock_timestamp() - interval '1 minute' and octet_length(r.room) <= 128
	group by r.room
	order by 2 desc, 1
	limit 12;
end
$$;
comment on function rt_private.page_busy() is
	'The rooms with the most events of the last minute, 12 at most, among the newest 20 000 rows of the outbox.';

create or replace function rt.page_ask(p_what text, p_about jsonb) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_most constant int := 50;
	v_about jsonb := jsonb '{"page": true}';
begin
	-- Half of what may be asked at all, so that a crowd before pages keeps no operator out.
	if (select count(*) from bellwire.asks a where a.at > clock_timestamp() - interval '5 seconds') >= c_most then
		raise exception 'over % questions within five seconds', c_most
			using errcode = 'RT429', detail = '1000', hint = 'Ask again in a second.';
	end if;
	case p_what
		when 'edges', 'history' then
			null;
		when 'busy' then
			select v_about || jsonb_build_object(
				'names', coalesce(string_agg(b.room, e'\n' order by b.events desc, b.room), ''),
				'busy', coalesce(jsonb_object_agg(b.room, b.events), '{}'))
			into v_about from rt_private.page_busy() b;
		when 'user' then
			v_about := v_about || jsonb_build_object('user_id', (p_about ->> 'user_id')::uuid);
		when 'recall' then
			select v_about || jsonb_build_object(
				'user_id', (p_about ->> 'user_id')::uuid,
				'event', p_about ->> 'event',
				'event_id', coalesce(f.id, 0))
			into v_about from rt_private.explain_find(p_about ->> 'event') f;
		else
			raise exception 'no question of the page: %', p_what using errcode = 'RT400';
	end case;
	return rt_private.ask(p_what, v_about);
end
$$;
comment on function rt.page_ask(text, jsonb) is
	'The page of an edge asks all edges: edges, history, busy, user {"user_id"} or recall {"user_id", "event"}. '
	'Commit, then rt.page_answer. RT400, RT429: fifty questions within five seconds.';
