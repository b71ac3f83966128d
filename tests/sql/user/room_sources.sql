-- bellwire.room_sources, rt_private.own_room: functions that say who is in rooms of a service's own.
begin;
select plan(15);

select tests.users(1, 3);
select tests.chat(10, 1);
create schema app;
create table app.members (user_id uuid, team text);
insert into app.members values (tests.u(1), 'red'), (tests.u(1), 'blue'), (tests.u(2), 'red'), (tests.u(2), null),
	(tests.u(2), e'a\nb'), (tests.u(9), 'red');
create function app.teams(uuid[]) returns table (user_id uuid, room text) language sql stable security definer as $$
	select m.user_id, 'team:' || m.team from app.members m where m.user_id = any($1) $$;
create function app.all(uuid[]) returns table (user_id uuid, room text) language sql stable as $$
	select u, 'all' from unnest($1) u $$;
create function app.wrong(uuid[]) returns table (user_id uuid, room uuid) language sql stable as $$
	select null::uuid, null::uuid where false $$;
create function app.one(uuid[]) returns text language sql stable as $$ select 'x' $$;

-- room_sources_check
select throws_ok($$insert into bellwire.room_sources values ('app.teams')$$, 'RT400', null, 'a schema that is closed');
grant usage on schema app to bellwire_owner;
select throws_ok($$insert into bellwire.room_sources values ('app.nothing')$$, 'RT400', null, 'no such function');
select throws_ok($$insert into bellwire.room_sources values ('app.wrong')$$, 'RT400', null, 'other columns');
select throws_ok($$insert into bellwire.room_sources values ('app.one')$$, 'RT400', null, 'no rows');
select throws_ok($$insert into bellwire.room_sources values ('teams(x); --')$$, 'RT400', null, 'no name');
revoke execute on function app.all(uuid[]) from public;
select throws_ok($$insert into bellwire.room_sources values ('app.all')$$, 'RT400', null, 'may not be executed');
grant execute on function app.all(uuid[]) to bellwire_owner;

-- room_sources_changed
select tests.mark();
insert into bellwire.room_sources values ('app.teams'), ('app.all');
select results_eq('select control, data from tests.sent()', $$values ('rooms_stale', '{}'::jsonb)$$,
	'everybody''s rooms are read again');
select results_eq($$select right(user_id, 1), string_agg(x, ' ' order by x)
	from rt.rooms(array[tests.u(1), tests.u(2), tests.u(3)]), string_to_table(rooms, e'\n') x
	where x !~ '^(user|participants):' group by 1 order by 1$$,
	$$values ('1', 'own:all own:team:blue own:team:red'), ('2', 'own:all own:team:red'), ('3', 'own:all')$$,
	'rooms of all sources; what is no name is left out');
select is(array_position(o.rooms, null), null, 'not as a null either')
	from rt_private.rooms_sourced(array[tests.u(2)]) o;
select ok(rooms ~ '^user:' and rooms ~ 'participants:', 'besides those of rows') from rt.rooms(array[tests.u(1)]);
select is(rooms, null, 'of a user who is not there: none') from rt.rooms(array[tests.u(9)]);
select rt.pump_open(tests.u(901), 'edge');
select matches(rooms, 'own:team:blue', 'a socket that opens is in them') from rt.socket_open(tests.u(901),
	array[jsonb_build_object('socket_id', 'a', 'user_id', tests.u(1))::text]);

-- a source that counts how often it is asked
create sequence app.asked;
create function app.counts(uuid[]) returns table (user_id uuid, room text) language sql volatile security definer as $$
	select u, 'counted' from (select nextval('app.asked') offset 0) n, unnest($1) u $$;
insert into bellwire.room_sources values ('app.counts');
select results_eq($$select n, string_agg(x, ' ' order by x)
	from rt.socket_open(tests.u(901), array(
		select jsonb_build_object('socket_id', 's' || n, 'user_id', tests.u(u))::text
		from unnest('{1,2,3,2,9}'::int[]) with ordinality q (u, n)
	)) o(n, ok, rooms, reason, snapshot), string_to_table(rooms, e'\n') x
	where x ~ '^own:' group by 1 order by 1$$,
	$$values (1, 'own:all own:counted own:team:blue own:team:red'), (2, 'own:all own:counted own:team:red'),
		(3, 'own:all own:counted'), (4, 'own:all own:counted own:team:red')$$,
	'many that open: each in those of its user');
select is(last_value, 1::bigint, 'a source is asked once for all of them') from app.asked;

delete from bellwire.room_sources;
select is((select count(*) from rt.rooms(array[tests.u(1)]), string_to_table(rooms, e'\n') x where x ~ '^own:'),
	0::bigint, 'without sources: none');

select * from finish();
rollback;
