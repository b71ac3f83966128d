-- rt_private.is_uuid: the form in which clients write keys; Postgres inlines has_uuid_form.
-- rt_private.payload_uuid, text_uuid, payload_refuse: a key that is none.
begin;
select plan(21);

select is(rt_private.is_uuid(t.text), t.is_one, t.what)
from (values
	('00000000-0000-4000-8000-00000000000a', true, 'lower case'),
	('00000000-0000-4000-8000-00000000000A', true, 'upper case'),
	('{00000000-0000-4000-8000-00000000000a}', false, 'braces, which Postgres takes'),
	('00000000000040008000000000000000', false, 'no hyphens, which Postgres takes'),
	('00000000-0000-4000-8000-00000000000', false, 'a digit too few'),
	('00000000-0000-4000-8000-0000-000000a', false, 'a hyphen for a digit'),
	('00000000-0000-4000-80000-000000000aa', false, 'a hyphen elsewhere'),
	('00000000-0000-4000-8000-00000000000g', false, 'a letter that is no digit'),
	('00000000-0000-4000-8000-0000000000é', false, 'a letter of two bytes'),
	(E'00000000-0000-4000-8000-00000000000a\n', false, 'a line end behind it'),
	(null, null, 'null')) t (text, is_one, what);

select is(rt_private.payload_uuid('{"k": "00000000-0000-4000-8000-00000000000A"}', 'k'),
	'00000000-0000-4000-8000-00000000000a'::uuid, 'payload_uuid: one');
select throws_ok(format('select rt_private.payload_uuid(%L, %L)', p, 'k'), 'RT400', 'k must be a uuid',
	'payload_uuid: ' || p)
from unnest(array['{}', '{"k": null}', '{"k": 5}', '{"k": ["00000000-0000-4000-8000-00000000000a"]}',
	'{"k": "{00000000-0000-4000-8000-00000000000a}"}']) p;
select throws_ok($$select rt_private.text_uuid(null, 'k')$$, 'RT400', 'k must be a uuid', 'text_uuid: null');
select throws_ok(format('select rt_private.text_uuid(%L, %L)', t, 'k'), '22P02', null, 'text_uuid: ' || t)
from unnest(array['00000000-0000-4000-8000-00000000000g', '00000000-0000-4000-8000-00000000000é']) t;
select throws_ok($$select rt_private.payload_refuse('a', 'b')$$, 'RT400', 'a must be b', 'payload_refuse');

select * from finish();
rollback;
