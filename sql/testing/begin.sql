-- The schema rt_test: what a team's own tests in SQL ask (docs/testing.md). `bellwire migrate --with-tests` applies
-- this folder. Nothing outside it calls what is here, so a database without it lacks nothing.

-- The right to create in a database is in no dump: where the owner has lost it, the login makes the schema.
do $$
begin
	if to_regnamespace('rt_test') is null then
		if not has_database_privilege(current_database(), 'create') then
			set local role none;
		end if;
		create schema rt_test authorization bellwire_owner;
		set local role bellwire_owner;
	end if;
end
$$;

revoke all on schema rt_test from public;
