-- What an older program made here and this one did not.
do $$
declare
	v_function text;
begin
	for v_function in
		select p.oid::regprocedure::text from pg_proc p
		where p.pronamespace = 'rt_test'::regnamespace and p.proowner = 'bellwire_owner'::regrole
			and p.xmin <> pg_current_xact_id()::xid
	loop
		execute format('drop function %s', v_function);
	end loop;
end
$$;

-- These functions act as any user. A tester is granted them one database at a time, by name, and an edge never.
revoke all on all functions in schema rt_test from public, bellwire_edge, bellwire_service, bellwire_operator;
revoke all on schema rt_test from public, bellwire_edge, bellwire_service, bellwire_operator;
