-- bellwire.routes: which function answers an event. routes_check, routes_changed, routes_compiled.
begin;
select plan(45);

select results_eq($$select event, function, lock_key, repeatable, ephemeral from bellwire.routes
	order by event collate "C"$$,
	$$values ('chat:join', 'rt.chat_join', 'chat_id', 'always', false),
		('chat:leave', 'rt.chat_leave', null, 'always', false),
		('chat:message:read', 'rt.chat_message_read', null, 'always', false),
		('chat:message:send', 'rt.chat_message_send', 'chat_id', 'by key', false),
		('chat:typing', 'rt.chat_typing', null, 'always', true),
		('notification:read', 'rt.notification_read', null, 'always', false)$$, 'the events of docs/events.md');
select results_eq($$select distinct rate_class, rate_per_s, rate_burst from bellwire.routes order by rate_class$$,
	$$values ('join', 20::numeric, 60), ('read', 50, 200), ('send', 10, 60), ('typing', 5, 20)$$,
		'the limits of docs/events.md');
select ok(bool_and(event ~ '^[a-z]' and function = 'rt.' || replace(event, ':', '_')),
	'an event''s name is its function''s address') from bellwire.routes;

-- routes_check, by rt_private.route_problem
create function tests.fits(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
create function tests.text(p_user_id uuid, p_payload jsonb) returns text language sql as $$ select '{}' $$;
create function tests.many(p_user_id uuid, p_payload jsonb) returns setof jsonb
	language sql as $$ select '{}'::jsonb $$;
create function tests.other(p_user_id uuid) returns jsonb language sql as $$ select '{}'::jsonb $$;
create function tests.closed(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
revoke execute on function tests.closed(uuid, jsonb) from public;
create schema tests_closed;
create function tests_closed.fits(p_user_id uuid, p_payload jsonb) returns jsonb
	language sql as $$ select '{}'::jsonb $$;
create function pg_temp.refused(p_function text, p_message text) returns text language sql as $$
	select throws_ok(format('insert into bellwire.routes (event, function) values (%L, %L)', 'e', p_function),
		'RT400', 'route "e": ' || p_message, coalesce(p_function, 'null') || ': ' || p_message) $$;
select pg_temp.refused('tests.text', 'the function must return jsonb');
select pg_temp.refused('tests.many', 'the function must return jsonb');
select pg_temp.refused('tests.other', 'no function tests.other(uuid, jsonb)');
select pg_temp.refused('tests.missing', 'no function tests.missing(uuid, jsonb)');
select pg_temp.refused('fits', 'function must be written schema.name');
select pg_temp.refused('tests.fits(null,null);drop table x', 'function must be written schema.name');
select pg_temp.refused('tests."fits"', 'function must be written schema.name');
select pg_temp.refused('tests.closed', 'bellwire_owner may not execute the function');
select pg_temp.refused('tests_closed.fits', 'bellwire_owner may not use the schema of the function');
select pg_temp.refused('tests_nowhere.fits', 'no function tests_nowhere.fits(uuid, jsonb)');
select lives_ok($$insert into bellwire.routes (event, function) values ('e', 'tests.fits')$$, 'one that fits');
select throws_ok($$update bellwire.routes set function = 'tests.text' where event = 'e'$$, 'RT400', null,
	'an update is checked too');
select throws_ok(format($$insert into bellwire.routes (event, function, %s) values ('f', 'tests.fits', %L)$$, c, v), s,
	null, c || ' ' || v)
from (values ('max_bytes', '1', '23514'), ('max_bytes', '1048577', '23514'), ('rate_class', 'A b', '23514'),
	('rate_per_s', '0', '23514'), ('rate_per_s', '100001', '23514'),
	('rate_burst', '0', '23514'), ('repeatable', 'maybe', '23514'), ('lock_key', 'no_such', '23503')) t (c, v, s);
select throws_ok($$insert into bellwire.routes (event, function) values (e'a\nb', 'tests.fits')$$, '23514', null,
	'an event without control characters');

-- function_many
create function tests.many(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb[] language sql as 'select p_payloads';
create function tests.few(p_user_ids uuid[], p_payloads jsonb[]) returns jsonb language sql as $$ select '{}'::jsonb $$;
select throws_ok(format('select bellwire.ensure_route_many(%L, %L)', 'chat:typing', f), 'RT400', null, 'function_many '
	|| f) from unnest(array['many', 'tests.no', 'tests.few']) f;
select lives_ok($$select bellwire.ensure_route_many('chat:typing', 'tests.many')$$, 'one that fits');
select bellwire.ensure_route_many('chat:typing', null);
select results_eq('select event, function_many from bellwire.routes where function_many is not null',
	$$values ('chat:message:send', 'rt_private.chat_message_send_many')$$, 'and one that there is');

-- ensure_relay
select tests.mark();
select bellwire.ensure_relay('chat:typing', 'chat:{chat_id}', 'participants:{chat_id}',
	(select relay_fields from bellwire.routes where event = 'chat:typing'));
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'the same again changes nothing');
select bellwire.ensure_relay('chat:typing', null, null, null);
select is_empty('select * from rt.relays()', 'a route that is not relayed any more');

-- routes_changed: one control row a statement, so that edges read again
create function pg_temp.told() returns text language sql as $$ select string_agg(control || data::text, ' ')
	from tests.sent() $$;
select tests.mark();
update bellwire.routes set rate_burst = 9 where event in ('e', 'chat:join');
select is(pg_temp.told(), 'routes_changed{}', 'an update');
select tests.mark();
delete from bellwire.routes where event = 'e';
select is(pg_temp.told(), 'routes_changed{}', 'a delete');
select tests.mark();
insert into bellwire.routes (event, function) values ('e', 'tests.fits');
select is(pg_temp.told(), 'routes_changed{}', 'an insert');

-- routes_compiled: rt_private.route_run and rt.dispatch_lone follow, where they have to
create function pg_temp.run(p_event text) returns text language sql as $$
	select r.ack || case when r.lasting then ' lasting' else '' end
	from rt_private.route_run(p_event, null, '{}', 'held') r $$;
create function tests.other(p_user_id uuid, p_payload jsonb) returns jsonb
	language sql as $$ select '"other"'::jsonb $$;
select is(pg_temp.run('e'), '{} lasting', 'a new route is called');
update bellwire.routes set function = 'tests.other', ephemeral = true where event = 'e';
select is(pg_temp.run('e'), '"other"', 'another function, and another durability');
update bellwire.routes set event = 'it''s $lone$' where event = 'e';
select is(pg_temp.run('it''s $lone$'), '"other"', 'another name');
select is(split_part(rt.dispatch_lone('it''s $lone$', null, 's', '{}'), e'\x1f', 4), '"other"', 'alone, too');
select throws_ok($$select pg_temp.run('e')$$, 'RT400', 'Unknown event', 'and not the old one');
create temp table written as select p.ctid as at from pg_proc p where p.oid = 'rt_private.route_run'::regproc;
update bellwire.routes set rate_burst = 8;
select is(p.ctid, w.at, 'limits alone: it is not written anew') from pg_proc p, written w
where p.oid = 'rt_private.route_run'::regproc;
update bellwire.routes set event = 'e', rate_burst = 9 where event = 'it''s $lone$';
update bellwire.routes set rate_burst = 9 where event = 'chat:join';

-- ensure_route: an operator's changes stay
select bellwire.ensure_route('chat:join', 'rt.chat_join', p_max_bytes => 1024, p_rate_class => 'join',
	p_rate_per_s => 20, p_rate_burst => 60, p_lock_key => 'chat_id', p_repeatable => 'always');
select is((select rate_burst from bellwire.routes where event = 'chat:join'), 9,
	'a deploy leaves a limit that an operator changed');
select tests.mark();
select bellwire.ensure_route('chat:join', 'rt.chat_join', p_lock_key => 'chat_id', p_repeatable => 'always');
select is((select count(*) from tests.sent() where event is not null), 0::bigint,
	'a deploy without a change changes nothing');
select bellwire.ensure_route('chat:join', 'tests.fits', p_lock_key => null, p_repeatable => 'never');
select results_eq($$select function, lock_key, repeatable, rate_burst, max_bytes from bellwire.routes
	where event = 'chat:join'$$, $$values ('tests.fits', null::text, 'never', 9, 1024)$$,
	'what is code follows the code');
truncate bellwire.routes;
select throws_ok($$select pg_temp.run('chat:join')$$, 'RT400', 'Unknown event', 'no route, no branch');
select is((select control from tests.sent() order by id desc limit 1), 'routes_changed', 'TRUNCATE');

select * from finish();
rollback;
