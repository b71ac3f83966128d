-- The sockets of a call: rt_private.sockets_parse, and one socket, which has a path of its own, beside many.
begin;
select plan(13);

select results_eq(
	$$select * from rt_private.sockets_parse(array[
		'{"socket_id": "a", "user_id": "00000000-0000-4000-8000-000000000001", "recovery": true, "pid": "p"}',
		'{"socket_id": "b", "user_id": "00000000-0000-4000-8000-000000000002", "clean": false, "over": true,
			"why": "x"}'])$$,
	$$values (1, 'a', tests.u(1), true, 'p', null::boolean, null::boolean, null),
		(2, 'b', tests.u(2), null, null, false, true, 'x')$$,
	'a row each, in their order; a missing key is null');
select throws_ok($$select * from rt_private.sockets_parse(array['{'])$$, '22P02', null, 'a text is no JSON');
select throws_ok($$select * from rt_private.sockets_parse(array['{"user_id": "x"}'])$$, '22P02', null,
	'a user is no uuid');

-- Random openings and ends, and what else changes presence, once by rt.socket_open_one and rt.socket_close_one,
-- and once by the functions for many: what is answered, all rows and all events are the same.
select tests.users(1, 6);
select tests.chat(10, 1, 2, 3), tests.chat(11, 2, 4);
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2)), (tests.u(4), tests.u(1));
update bellwire.settings set value = case name when 'presence_grace' then '1000' else '5000' end
where name like 'presence_grace%';
-- the first one lives, the second one is dead, the third one is not known
select rt.pump_open(tests.u(901), 'edge');
select tests.edge(902);

select setseed(0.9);
create temp table steps as select n, random() as what, random() as who, random() as which, random() as how,
	random() as more from generate_series(1, 400) n;

create function pg_temp.fresh(p_at timestamptz) returns boolean language sql as $$
	select p_at > clock_timestamp() - interval '1 minute' $$;
create function pg_temp.state() returns text language sql as $$
	select string_agg(x.line, e'\n' order by x.kind, x.place) from (
		select 1, s.socket_id, format('socket %s %s %s', s.socket_id, right(s.user_id::text, 2),
			right(s.edge_id::text, 1))
		from bellwire.sockets s
		union all
		select 2, p.user_id::text, format(
			'presence %s online %s due %s ended %s %s unclean %s expired %s owed %s',
			right(p.user_id::text, 2), p.online,
			extract(epoch from p.offline_due - clock_timestamp()) > 2000, p.ended_at is not null,
			p.ended_by_expiry,
			pg_temp.fresh(p.unclean_at), pg_temp.fresh(p.expired_token_at), p.last_seen_owed is not null)
		from bellwire.presence p
		union all
		select 3, r.socket_id, format('recovery %s %s', right(r.user_id::text, 2), r.socket_id)
		from bellwire.recoveries r
		union all
		select 4, u.id::text, format('seen %s %s', right(u.id::text, 2), u.last_seen_at is not null)
		from platform.users u
		union all
		select 5, lpad(e.id::text, 12), concat_ws(' ', 'sent', e.event, e.control,
			array(select r from unnest(e.rooms) r order by r), e.rooms is null, e.except_rooms,
			e.data - 'last_seen', e.data ? 'last_seen')
		from tests.sent() e) x (kind, place, line) $$;
create function pg_temp.opened(p_alone boolean, p_edge uuid, p_item jsonb, p_unrung boolean) returns text
language plpgsql as $$
begin
	if p_alone then
		return (select string_agg(concat_ws(' ', o.ord, o.ok, o.rooms, o.reason), ',')
			from rt.socket_open_one(p_edge, p_item ->> 'socket_id', (p_item ->> 'user_id')::uuid,
				(p_item ->> 'recovery')::boolean, p_item ->> 'pid', p_unrung) o);
	end if;
	return (select string_agg(concat_ws(' ', o.ord, o.ok, o.rooms, o.reason), ',')
		from rt.socket_open(p_edge, array[p_item::text]) o);
exception when sqlstate 'RT410' then
	return 'RT410';
end $$;
create function pg_temp.closed(p_alone boolean, p_edge uuid, p_item jsonb, p_unrung boolean) returns text
language plpgsql as $$
begin
	if p_alone then
		return (select string_agg(c.ord::text, ',') from rt.socket_close_one(p_edge, p_item ->> 'socket_id',
			(p_item ->> 'user_id')::uuid, (p_item ->> 'clean')::boolean,
			coalesce((p_item ->> 'over')::boolean, false), p_item ->> 'why', p_unrung) c);
	end if;
	return (select string_agg(c.ord::text, ',') from rt.socket_close(p_edge, array[p_item::text]) c);
end $$;
create function pg_temp.elsewhere(p_what double precision, p_user uuid, p_who double precision) returns text
language plpgsql as $$
begin
	if p_what < 0.83 then
		perform rt.token_expired(p_user);
	elsif p_what < 0.85 then -- a grace that began before a socket opened
		update bellwire.presence set offline_due = clock_timestamp() + interval '1 hour' where user_id = p_user;
	elsif p_what < 0.88 then -- the grace is over
		update bellwire.presence set offline_due = '2020-01-01' where offline_due is not null;
		perform rt.sweep(tests.u(901));
	elsif p_what < 0.92 then -- two minutes are over
		update bellwire.presence set ended_at = '2020-01-01', unclean_at = '2020-01-01' where user_id = p_user;
	elsif p_what < 0.94 then
		update platform.users set disabled_at = case when disabled_at is null then now() end where id = p_user;
	elsif p_what < 0.955 then
		update bellwire.settings set value = case value when 'contacts' then 'everyone' else 'contacts' end
		where name = 'presence_audience';
	elsif p_what < 0.97 then
		delete from platform.users where id = p_user and p_who > 0.5;
	else
		insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 6) n
		on conflict (id) do update set disabled_at = null;
	end if;
	return 'elsewhere';
end $$;
create function pg_temp.walk(p_alone boolean) returns text language plpgsql as $$
declare
	s record;
	v_user uuid;
	v_socket jsonb;
	v_edge uuid;
	v_said text;
	v_all text := '';
begin
	for s in select * from steps order by n loop
		perform tests.mark();
		-- a socket id is nearly always of one user; now and then of another, or of nobody
		v_user := tests.u(case when s.who < 0.05 then 99 when s.who < 0.1 then 2
			else floor(s.which * 6)::int + 1 end);
		v_socket := jsonb_build_object('socket_id', 's' || floor(s.which * 12)::int, 'user_id', v_user);
		v_edge := tests.u(case when s.more < 0.85 then 901 when s.more < 0.98 then 902 else 903 end);
		if s.what < 0.4 then
			v_said := pg_temp.opened(p_alone, v_edge, (v_socket
				|| jsonb_build_object('recovery', s.how < 0.2)
				|| case when s.more < 0.3 then jsonb_build_object('pid', 'p' || s.n)
					else '{}' end), s.how < 0.5);
		elsif s.what < 0.8 then
			v_said := pg_temp.closed(p_alone, v_edge, (v_socket
				|| jsonb_build_object('clean', s.how < 0.6)
				|| case when s.who < 0.3 then '{"over": true}'::jsonb else '{}' end
				|| case when s.how > 0.9 then '{"why": "token_expired"}'::jsonb
					when s.how > 0.8 then '{"why": "shutdown"}' else '{}' end), s.more < 0.5);
		else
			v_said := pg_temp.elsewhere(s.what, v_user, s.who);
		end if;
		v_all := v_all || format(e'step %s: %s\n%s\n', s.n, v_said, pg_temp.state());
	end loop;
	return v_all;
end
$$;

create function pg_temp.calls(p_name text) returns bigint language sql volatile as $$
	select coalesce(sum(calls), 0)::bigint from pg_stat_xact_user_functions where funcname = p_name $$;
select pg_temp.calls('socket_open') as opens, pg_temp.calls('socket_close') as closes \gset
savepoint alone;
select pg_temp.walk(true) as alone, pg_temp.calls('socket_open') - :opens as opened,
	pg_temp.calls('socket_close') - :closes as closed \gset
rollback to alone;
select pg_temp.walk(false) as many \gset
select is((select string_agg(a || ' <> ' || coalesce(m, 'nothing'), e'\n') from (
		select a, m
		from unnest(string_to_array(:'alone', e'\n'), string_to_array(:'many', e'\n')) x (a, m)
		where a is distinct from m limit 5) x),
	null, 'one socket a call: as many, row by row and event by event');
select cmp_ok((length(:'alone') - length(replace(:'alone', w.text, ''))) / length(w.text), '>', w.least,
	w.text || ' was met')
from (values ('token_refresh', 3), ('reconnection', 10), ('connection_established', 10), ('f disabled', 3),
	('sent user:offline', 20), ('f unknown', 3)) w (text, least);
select cmp_ok(:opened::int, '<', (select count(*)::int from steps where what < 0.4) / 3,
	'few of them open the long way');
select cmp_ok(:closed::int, '<', (select count(*)::int from steps where what between 0.4 and 0.8) * 3 / 4,
	'or close, apart from those that were not open');
-- both ways of a room: rt_private.rooms_around
select bag_eq($$select unnest(rt_private.rooms_turned(string_agg(r.room, e'\n')))
	from rt_private.rooms_around(tests.u(1), 'user:', 'followers:') r$$,
	$$select r.room from rt_private.rooms_around(tests.u(1), 'followers:', 'user:') r$$,
	'who hears of a user is who the user hears, turned');

select * from finish();
rollback;
