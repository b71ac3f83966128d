-- The versions of schema and code in the database.

create or replace function rt_private.schema_version() returns int
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce(max(m.version)::int, 0) from bellwire.migrations m $$;
comment on function rt_private.schema_version() is 'Number of the latest migration.';

create or replace function rt.version() returns table (schema_version int, code_checksum text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.schema_version(), (select d.checksum from bellwire.deploys d) $$;
comment on function rt.version() is 'Latest migration, and the checksum of the code in force.';
