-- Large messages of @socket.io/postgres-emitter (docs/emitter.md).

create or replace function rt.emitter_attachment(p_id bigint) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	-- The table belongs to somebody else, and its rules, policies and expressions would run with our rights: it may
	-- have none. It is locked first, so that none is added after the check. The function is volatile, so that the
	-- check sees what was committed before the lock.
	lock table only public.socket_io_attachments in access share mode;
	if not exists (
		select from pg_class c
		where c.oid = 'public.socket_io_attachments'::regclass and c.relkind = 'r' and not c.relrowsecurity and not c.relhasrules
			and not exists (select from pg_index i where i.indrelid = c.oid and (i.indexprs is not null or i.indpred is not null))
			and not exists (select from pg_statistic_ext s where s.stxrelid = c.oid and s.stxexprs is not null)
			and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c')
			and 2 = (
				select count(*) from pg_attribute a
				where a.attrelid = c.oid and a.attgenerated = '' and not a.attisdropped
					and (a.attname, a.atttypid) in (('id', 'int8'::regtype), ('payload', 'bytea'::regtype)))) then
		raise exception 'public.socket_io_attachments: a plain table (id bigint, payload bytea) is needed, without row security, rules, checks and expressions in indexes'
			using errcode = '55000';
	end if;
	return (
		select case when octet_length(a.payload) <= 1048576 then encode(a.payload, 'base64') else '' end
		from only public.socket_io_attachments a where a.id = p_id);
exception
	when undefined_table or invalid_schema_name then
		return null;
end
$$;
comment on function rt.emitter_attachment(bigint) is
	'A large message of @socket.io/postgres-emitter, base64; null: no such row or table; empty: over 1 MiB. The '
	'table''s owner grants bellwire_owner select on it.';
