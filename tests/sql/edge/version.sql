-- rt.version.
begin;
select plan(4);

select results_eq('select schema_version, code_checksum from rt.version()',
	'select max(version::int), (select checksum from bellwire.deploys) from bellwire.migrations',
	'the latest migration, the code in force');
select matches((select code_checksum from rt.version()), '^[0-9a-f]{64}$', 'a sum');
delete from bellwire.deploys;
select is((select code_checksum from rt.version()), null, 'no code');
delete from bellwire.migrations;
select is((select schema_version from rt.version()), 0, 'no schema');

select * from finish();
rollback;
