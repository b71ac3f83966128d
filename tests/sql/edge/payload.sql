-- rt_private.is_uuid: the form in which clients write keys.
begin;
select plan(11);

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

select * from finish();
rollback;
