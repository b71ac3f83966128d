-- The key of offsets.

create or replace function rt.recovery_key() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select encode(k.key, 'hex') from bellwire.recovery_key k $$;
comment on function rt.recovery_key() is 'The key that authenticates offsets, in hex: the same for all edges.';
