-- Roles, the schema bellwire and its list of migrations, which must be there before the first migration. `bellwire
-- migrate` applies this file each time. It does nothing where everything exists, so that a login that may not create
-- roles can migrate once an administrator has made them.
do $$
declare
	v_role text;
begin
	foreach v_role in array array['bellwire_owner', 'bellwire_edge', 'bellwire_service'] loop
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
	-- A statement that has waited for a lock must see what was committed meanwhile: with another default isolation
	-- two messages would get one place. It is a setting of the role, so that it holds behind a pooler. It is set
	-- once, so that a later change by an administrator stays.
	if not exists (select from pg_catalog.pg_roles r where r.rolname = 'bellwire_edge'
		and pg_catalog.array_to_string(r.rolconfig, ' ') ~ 'default_transaction_isolation=') then
		begin
			alter role bellwire_edge set default_transaction_isolation = 'read committed';
		exception
			when insufficient_privilege or internal_error then null; -- not our role; or another migrate
		end;
	end if;
	if not pg_catalog.pg_has_role(current_user, 'bellwire_owner', 'member') then
		execute pg_catalog.format('grant bellwire_owner to %I', current_user);
	end if;
	-- The owner's functions may end the backend of an edge that is stuck, and nobody else's (docs/event-path.md, "A
	-- sleeper that is stuck").
	if not pg_catalog.pg_has_role('bellwire_owner', 'bellwire_edge', 'member') then
		begin
			grant bellwire_edge to bellwire_owner;
		exception
			when duplicate_object or unique_violation then null;
			when internal_error then null; -- "tuple concurrently updated": another migrate did it
		end;
	end if;
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
