-- rt.routes: the routes as an edge reads them; a broken one by name.
begin;
select plan(4);

select results_eq(
	'select event, function, max_bytes, rate_class, rate_per_s, rate_burst, lock_key, repeatable from rt.routes()',
	'select event, function, max_bytes, rate_class, rate_per_s, rate_burst, lock_key, repeatable
		from bellwire.routes order by event',
	'all of them, by event');
select ok(bool_and(ok and problem is null), 'none is broken') from rt.routes();
select tests.route('gone', 'begin return ''{}''; end');
drop function tests.gone(uuid, jsonb);
select results_eq($$select event, ok, problem from rt.routes() where not ok$$,
	$$values ('gone', false, 'no function tests.gone(uuid, jsonb)')$$, 'a function that went away');

create schema tests_open;
grant usage on schema tests_open to bellwire_owner;
create function tests_open.shut(p_user_id uuid, p_payload jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
insert into bellwire.routes (event, function) values ('shut', 'tests_open.shut');
revoke usage on schema tests_open from bellwire_owner;
set local role bellwire_edge;
select results_eq($$select event, problem from rt.routes() where not ok$$,
	$$values ('gone', 'no function tests.gone(uuid, jsonb)'),
		('shut', 'bellwire_owner may not use the schema of the function')$$, 'a schema that was closed');
reset role;

select * from finish();
rollback;
