-- rt_private.is_uuid: the form in which clients write keys.
begin;
select plan(7);

select is(rt_private.is_uuid(t.text), t.is_one, t.what)
from (values
	('00000000-0000-4000-8000-00000000000a', true, 'lower case'),
	('00000000-0000-4000-8000-00000000000A', true, 'upper case'),
	('{00000000-0000-4000-8000-00000000000a}', false, 'braces, which Postgres takes'),
	('00000000000040008000000000000000', false, 'no hyphens, which Postgres takes'),
	('00000000-0000-4000-8000-00000000000', false, 'a digit too few'),
	(E'00000000-0000-4000-8000-00000000000a\n', false, 'a line end behind it'),
	(null, null, 'null')) t (text, is_one, what);

select * from finish();
rollback;
