-- Helpers of all tests of the SQL.
create schema tests;
grant usage on schema tests to public;

create function tests.u(p_n int) returns uuid
language sql immutable
return ('00000000-0000-4000-8000-' || lpad(p_n::text, 12, '0'))::uuid;
comment on function tests.u(int) is 'The n-th uuid of a test.';

create function tests.users(p_from int, p_to int) returns void
language sql
as $$ insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(p_from, p_to) n $$;

create function tests.chat(p_n int, variadic p_users int[]) returns void
language sql
as $$
	insert into platform.chats (id) values (tests.u(p_n));
	insert into platform.chat_participants (chat_id, user_id) select tests.u(p_n), tests.u(u)
		from unnest(p_users) u;
$$;
comment on function tests.chat(int, int[]) is 'Chat n with these users.';

create function tests.edge(variadic p_n int[]) returns void
language sql
as $$
	insert into bellwire.edges (edge_id, name, pid, backend_start) select tests.u(n), 'edge ' || n, 0, now()
		from unnest(p_n) n on conflict do nothing;
$$;
comment on function tests.edge(int[]) is 'Registers edges, as rt.pump_open would for sessions of their own.';

create function tests.grace(p_due timestamptz) returns int
language sql
as $$
	select n from unnest(array[3, 7, 30, 41, 50]) n
	where clock_timestamp() - p_due + make_interval(secs => n) between interval '0' and interval '3.999999 s'
$$;
comment on function tests.grace(timestamptz) is
	'Which of the graces that tests set ends then? It began less than 4 s ago: a machine may be busy.';

create function tests.mark() returns void
language sql
as $$ select set_config('tests.mark', (select last_value::text from bellwire.outbox_id), true) $$;
comment on function tests.mark() is 'tests.sent() begins here.';

create function tests.sent()
	returns table (id bigint, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb,
	control text, ephemeral boolean)
language sql
as $$
	select o.id, o.rooms, o.except_rooms, o.event, o.data, o.confirm, o.control, false from bellwire.outbox o
	where o.xid = pg_current_xact_id()
		and o.id > coalesce(nullif(current_setting('tests.mark', true), ''), '0')::bigint
	union all
	select o.id, o.rooms, o.except_rooms, o.event, o.data, o.confirm, o.control, true
		from bellwire.outbox_ephemeral o
	where o.xid = pg_current_xact_id()
		and o.id > coalesce(nullif(current_setting('tests.mark', true), ''), '0')::bigint
	order by 1
$$;
comment on function tests.sent() is 'Outbox rows of this transaction since tests.mark().';

create function tests.moves() returns setof text
language sql
as $$
	select s.control || ' ' || right(s.data ->> 'user_id', 1)
		|| ' ' || coalesce(split_part(s.data ->> 'room', ':', 1) || ' ' || right(s.data ->> 'room', 2),
			s.data ->> 'reason')
	from tests.sent() s where s.control ~ '^(user|socket)_(join|leave|kick)$' order by s.id
$$;
comment on function tests.moves() is 'Control rows about users, short: verb, user, room or reason.';

create function tests.item(p_event text, p_user int, p_socket text, p_payload jsonb) returns text
language sql
return jsonb_build_object('event', p_event, 'user_id', tests.u(p_user), 'socket_id', p_socket, 'payload',
	p_payload)::text;
comment on function tests.item(text, int, text, jsonb) is 'One item of rt.dispatch.';

create function tests.route(p_event text, p_body text, p_lock_key text default null, p_ephemeral boolean default false)
	returns void
language plpgsql
as $$
begin
	execute format('create function tests.%I(p_user_id uuid, p_payload jsonb) returns jsonb language plpgsql as %L',
		p_event, p_body);
	execute format('grant execute on function tests.%I(uuid, jsonb) to bellwire_owner', p_event);
	perform bellwire.ensure_route(p_event, 'tests.' || p_event, p_lock_key => p_lock_key,
		p_ephemeral => p_ephemeral);
end
$$;
comment on function tests.route(text, text, text, boolean) is 'A route whose function has this body.';

-- Made-up transactions, for what is read by snapshot: they lie beyond all there are, so their snapshots see nothing
-- that is in the outbox already.
create function tests.xid_n(p_n int) returns int
	language sql as $$ select (pg_current_xact_id()::text::bigint + 1000000 + p_n)::int $$;
create function tests.snap(p_xmin int, p_xmax int, p_xip int[] default '{}') returns pg_snapshot
	language sql as $$
	select format('%s:%s:%s', tests.xid_n(p_xmin), tests.xid_n(p_xmax),
		(select string_agg(tests.xid_n(x)::text, ',' order by x) from unnest(p_xip) x
		where x >= p_xmin and x < p_xmax))::pg_snapshot $$;
create function tests.row_of(p_xid int, p_id bigint, p_ephemeral boolean default false) returns void
	language plpgsql as $$
begin
	execute format('insert into bellwire.%I (xid, id, slot, epoch, rooms, except_rooms, event, data)
		values ($1::text::xid8, $2, $3, $4, $5, $6, $7, $8)',
		case when p_ephemeral then 'outbox_ephemeral' else 'outbox' end)
	using p_xid, p_id, p_xid % 3, rt_private.epoch_n(), array['r'], '{}'::text[], 'e', '{}'::jsonb;
end $$;
create function tests.fetched(p_from pg_snapshot, p_upto pg_snapshot, p_after bigint default 0,
	p_limit int default 1000) returns text language sql as $$
	select string_agg(f.id::text, ' ' order by f.n)
		from (select r.id, row_number() over () n
		from rt_private.fetch_rows(p_from, p_upto, p_after, p_limit) r) f $$;
create function tests.plan(p_sql text) returns text language plpgsql as $$
declare v_line text; v_plan text := '';
begin
	for v_line in execute 'explain (costs off, verbose) ' || p_sql loop
		v_plan := v_plan || v_line || e'\n';
	end loop;
	return v_plan;
end $$;
