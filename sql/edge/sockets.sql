-- The sockets of a call, as the edge writes them: one object of JSON text each.

-- A query and not a loop, so that the planner inlines it: a caller pays only for the keys that it reads.
create or replace function rt_private.sockets_parse(p_sockets text[])
returns table (n int, socket_id text, user_id uuid, recovery boolean, pid text, clean boolean, over boolean, why text)
language sql immutable
begin atomic
	select s.n::int, s.j ->> 'socket_id', (s.j ->> 'user_id')::uuid, (s.j ->> 'recovery')::boolean, s.j ->> 'pid',
		(s.j ->> 'clean')::boolean, (s.j ->> 'over')::boolean, s.j ->> 'why'
	from unnest(p_sockets::jsonb[]) with ordinality s (j, n);
end;
comment on function rt_private.sockets_parse(text[]) is
	'The objects that rt.socket_open, rt.socket_register and rt.socket_close take, as rows in their order (n, '
	'from 1). A key that is not there is null. Class 22 where a text is no JSON or a value is not of its type.';

-- A function's type cannot be replaced, and these returned something else once. The files behind this one make them
-- anew.
do $$
declare
	v_function regprocedure;
begin
	for v_function in
		select p.oid from pg_proc p
		where p.oid in (to_regprocedure('rt.socket_close(uuid, text[])'),
				to_regprocedure('rt.socket_register(uuid, text[])'),
				to_regprocedure('rt_private.reason(uuid, boolean)'))
			and not p.proretset
	loop
		execute format('drop function %s', v_function);
	end loop;
end
$$;
