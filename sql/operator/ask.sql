-- Questions to all edges: one row, and one control row that carries it to them.

create or replace function rt_private.asks_forget() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	delete from bellwire.asks a
	where a.ask in (
		select k.ask from bellwire.asks k where k.at < clock_timestamp() - interval '30 seconds'
		order by k.at limit 1000 for update skip locked)
$$;
comment on function rt_private.asks_forget() is 'Questions older than half a minute go, with their answers.';

create or replace function rt_private.ask(p_what text, p_about jsonb) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_most constant int := 100;
	v_ask uuid;
begin
	perform rt_private.asks_forget();
	-- A bound on what the edges are given to do. Sessions that ask at the same moment do not see one another:
	-- together they may pass it by as many as they are, and each edge has a bound of its own.
	if (select count(*) from bellwire.asks a where a.at > clock_timestamp() - interval '5 seconds') >= c_most then
		raise exception 'over % questions within five seconds', c_most
			using errcode = 'RT429', detail = '1000', hint = 'Ask again in a second.';
	end if;
	insert into bellwire.asks (what, about) values (p_what, p_about) returning ask into v_ask;
	perform rt_private.control('asked', jsonb_build_object('ask', v_ask, 'what', p_what) || p_about);
	return v_ask;
end
$$;
comment on function rt_private.ask(text, jsonb) is
	'Asks every edge, once this transaction has committed; rt.answers has what they say. RT429: a hundred '
	'questions within five seconds.';

create or replace function rt_private.ask_limit(p_limit int) returns int
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
	if p_limit is null or p_limit not between 1 and 1000 then
		raise exception 'limit: a number from 1 to 1000' using errcode = 'RT400';
	end if;
	return p_limit;
end
$$;
comment on function rt_private.ask_limit(int) is 'How many rows an answer may have. RT400.';

create or replace function rt_private.ask_whom(p_user uuid, p_socket text, p_room text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
	if num_nonnulls(p_user, p_socket, p_room) <> 1 then
		raise exception 'one of user, socket and room is needed, and no second one' using errcode = 'RT400';
	end if;
	if coalesce(p_socket, p_room, 'x') = '' or octet_length(coalesce(p_socket, p_room, '')) > 1024
		or coalesce(p_socket, p_room, '') ~ '[[:cntrl:]]' then
		raise exception 'the name of a room or socket has 1 to 1024 bytes, and no control characters'
			using errcode = 'RT400';
	end if;
	return jsonb_strip_nulls(jsonb_build_object('user_id', p_user, 'socket_id', p_socket, 'room', p_room));
end
$$;
comment on function rt_private.ask_whom(uuid, text, text) is
	'Whose sockets a question is about: a user''s, one, or those in a room. RT400.';
