-- bellwire.token_keys and rt.token_keys: keys that are rows.
begin;
select plan(16);

create function pg_temp.secret(p text) returns text language sql as $$ select rpad(p, 32, '0') $$;

-- token_keys_changed
select tests.mark();
insert into bellwire.token_keys (kid, algorithm, key, valid_from, valid_until) values
	('old', 'HS256', pg_temp.secret('a'), '2026-01-01 00:00:00+00', '2026-01-02 00:00:00.5+00'),
	('new', 'ES256', pg_temp.secret('b'), '2026-01-01 00:00:00.25+00', null);
select results_eq('select control, data from tests.sent()', $$values ('keys_changed', '{}'::jsonb)$$,
	'insert: announced');
select results_eq('select * from rt.token_keys()', $$values
	('new', 'ES256', pg_temp.secret('b'), 1767225600250, null::bigint),
	('old', 'HS256', pg_temp.secret('a'), 1767225600000, 1767312000500)$$, 'all of them, the retired too');
select tests.mark();
update bellwire.token_keys set valid_until = now() where kid = 'new';
select is((select string_agg(control, ',') from tests.sent()), 'keys_changed', 'update: announced');
select tests.mark();
delete from bellwire.token_keys where kid = 'new';
select is((select string_agg(control, ',') from tests.sent()), 'keys_changed', 'delete: announced');
select tests.mark();
truncate bellwire.token_keys;
select is((select string_agg(control, ',') from tests.sent()), 'keys_changed', 'truncate: announced');
set local bellwire.silent = on;
select tests.mark();
insert into bellwire.token_keys (kid, algorithm, key) values ('silent', 'HS256', pg_temp.secret('c'));
select is((select string_agg(control, ',') from tests.sent()), 'keys_changed',
	'an import without events: announced all the same');

-- rows that are no keys
create function pg_temp.add(p_kid text, p_algorithm text, p_key text) returns text language sql as $$
	select format('insert into bellwire.token_keys (kid, algorithm, key) values (%L, %L, %L)',
		p_kid, p_algorithm, p_key) $$;
select throws_ok(pg_temp.add('silent', 'HS256', pg_temp.secret('d')), '23505', null, 'a kid is there once');
select throws_ok(pg_temp.add('', 'HS256', pg_temp.secret('d')), '23514', null, 'no kid');
select throws_ok(pg_temp.add(e'a\nb', 'HS256', pg_temp.secret('d')), '23514', null, 'a kid with a line end');
select throws_ok(pg_temp.add('a', 'none', pg_temp.secret('d')), '23514', null, 'alg none');
select throws_ok(pg_temp.add('a', 'HS512', pg_temp.secret('d')), '23514', null, 'an algorithm that no edge has');
select throws_ok(pg_temp.add('a', 'HS256', left(pg_temp.secret('d'), 31)), '23514', null, 'a short secret');
select throws_ok($$insert into bellwire.token_keys
	values ('a', 'HS256', pg_temp.secret('d'), now(), now() - interval '1 s')$$,
	'23514', null, 'an end before the beginning');
select throws_ok($$insert into bellwire.token_keys values ('a', 'HS256', pg_temp.secret('d'), 'infinity')$$,
	'23514', null,
	'never');

-- who reads them
set local role bellwire_service;
select throws_ok('select * from bellwire.token_keys', '42501', null, 'a service does not read the table');
select throws_ok('select * from rt.token_keys()', '42501', null, 'nor by the function');

select * from finish();
rollback;
