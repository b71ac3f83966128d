-- Roles, the schema bellwire and its list of migrations, which must be there before the first migration. `bellwire
-- migrate` applies this file each time. It does nothing where everything exists, so that a login that may not create
-- roles can migrate once an administrator has made them.
do $$
declare
	v_role  text;
	v_right text;
	v_name  text;
	v_value text;
begin
	foreach v_role in array array['bellwire_owner', 'bellwire_edge', 'bellwire_service', 'bellwire_operator'] loop
		if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
			begin
				execute pg_catalog.format('create role %I %s', v_role,
					case v_role when 'bellwire_edge' then 'login' else 'nologin' end);
			exception
				-- another database of this cluster is being migrated at the same moment
				when duplicate_object or unique_violation then null;
			end;
		end if;
	end loop;
	-- From Postgres 16 on a role's creator is a member who may not act as it, and may give that right to itself.
	v_right := case when pg_catalog.current_setting('server_version_num')::int < 160000 then 'member' else 'set' end;
	if not pg_catalog.pg_has_role(current_user, 'bellwire_owner', v_right) then
		execute pg_catalog.format('grant bellwire_owner to %I', current_user);
	end if;
	-- The owner's functions may end the backend of an edge that is stuck, and nobody else's (docs/event-path.md, "A
	-- sleeper that is stuck").
	for v_role in
		select r.rolname from pg_catalog.pg_roles r
		where pg_catalog.pg_has_role(r.oid, 'bellwire_edge', 'member')
			and (r.rolname = 'bellwire_edge' or r.rolcanlogin) and not r.rolsuper
			and not pg_catalog.pg_has_role(r.oid, 'bellwire_owner', 'member')
			and not pg_catalog.pg_has_role(r.oid, 'bellwire_service', 'member')
	loop
		if not pg_catalog.pg_has_role('bellwire_owner', v_role, 'member') then
			begin
				execute pg_catalog.format('grant %I to bellwire_owner', v_role);
			exception
				when duplicate_object or unique_violation then null;
				when insufficient_privilege then
					if v_role = 'bellwire_edge' then
						raise;
					end if;
				when internal_error or undefined_object then null; -- another migrate did it
			end;
		end if;
		-- A statement that has waited for a lock must see what was committed meanwhile: with another default
		-- isolation two messages would get one place. The timeouts are for a password that leaked: its holder
		-- must not stop the database by a statement of hours, by waiting for a lock, or by a transaction left
		-- open, which holds the rotation of the outbox. They are settings of the role, so that they hold behind
		-- a pooler; members inherit none. They are set once, so that a later change by an administrator stays.
		for v_name, v_value in
			values ('default_transaction_isolation', 'read committed'), ('statement_timeout', '20s'),
				('idle_in_transaction_session_timeout', '10s'), ('lock_timeout', '5s')
		loop
			if exists (select from pg_catalog.pg_roles r, pg_catalog.unnest(r.rolconfig) c
				where r.rolname = v_role and pg_catalog.split_part(c, '=', 1) = v_name) then
				continue;
			end if;
			begin
				execute pg_catalog.format('alter role %I set %s = %L', v_role, v_name, v_value);
			exception
				-- who made the role could; or another migrate did it
				when insufficient_privilege or internal_error or undefined_object then null;
			end;
		end loop;
	end loop;
	if not exists (select from pg_catalog.pg_namespace where nspname = 'bellwire') then
		execute pg_catalog.format('grant create on database %I to bellwire_owner', pg_catalog.current_database());
		-- Every role may make temporary tables unless PUBLIC loses that right, and the edge must not have it.
		-- The right is taken once, so that a later grant by an administrator stays. It works for the owner of
		-- the database alone; others are only warned.
		execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
		execute pg_catalog.format('grant temporary on database %I to bellwire_service', pg_catalog.current_database());
		create schema bellwire authorization bellwire_owner;
	end if;
end
$$;

set role bellwire_owner;

create table if not exists bellwire.migrations (
	version    text primary key,
	name       text not null,
	checksum   text not null,
	applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.migrations is 'Migrations that were applied, with the SHA-256 of their text.';

reset role;
