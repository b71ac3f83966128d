-- Who may do what: roles, schemas, tables, sequences, functions (docs/event-path.md, "Small rules"). Most of it is what
-- somebody must not.
begin;
select no_plan();

create temp table schemas as select n.oid, n.nspname::text collate "default" as name from pg_namespace n
	where n.nspname in ('platform', 'bellwire', 'rt', 'rt_private');
create temp table functions as select p.oid, p.oid::regprocedure::text as name, s.name as schema, p.proowner, p.proacl,
	p.proconfig, p.prosecdef, p.prosqlbody from pg_proc p join schemas s on s.oid = p.pronamespace;
create temp table relations as select c.oid, c.oid::regclass::text as name, s.name as schema, c.relkind from pg_class c
	join schemas s on s.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'S');
grant select on schemas, functions, relations to public;
-- the rights of a role on a relation, on any column
create function pg_temp.rights(p_role text, p_relation oid, p_kind "char") returns text language plpgsql as $$
begin
	if p_kind = 'S' then
		return (select string_agg(p, ' ') from unnest('{usage,select,update}'::text[]) p
			where has_sequence_privilege(p_role, p_relation, p));
	end if;
	return (select string_agg(p, ' ')
		from unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) p
		where has_table_privilege(p_role, p_relation, p)
			or (p in ('select', 'insert', 'update', 'references')
			and has_any_column_privilege(p_role, p_relation, p)));
end $$;

-- functions for tests act as any user
select ok(not has_function_privilege(r, p.oid, 'execute') and not has_schema_privilege(r, 'rt_test', 'usage'),
	r || ' does not call ' || p.oid::regprocedure)
from pg_proc p, unnest('{public,bellwire_edge,bellwire_service,bellwire_operator}'::text[]) r
where p.pronamespace = 'rt_test'::regnamespace;
select is_empty($$select p.oid::regprocedure from pg_proc p where p.pronamespace = 'rt_test'::regnamespace
	and (p.proowner <> 'bellwire_owner'::regrole or obj_description(p.oid, 'pg_proc') is null
		or p.prosecdef and p.proconfig[1] <> 'search_path=pg_catalog, pg_temp')$$,
	'the owner''s, each with a comment, and none as its owner with another search path');

-- roles
select results_eq($$select rolname::text collate "default", rolcanlogin, rolsuper or rolcreaterole or rolcreatedb
	or rolreplication or rolbypassrls from pg_roles where rolname like 'bellwire\_%' order by 1$$,
	$$values ('bellwire_edge', true, false), ('bellwire_operator', false, false), ('bellwire_owner', false, false),
		('bellwire_service', false, false)$$, 'one of four may log in, none is more than a role');
select is_empty($$select m.roleid::regrole from pg_auth_members m
	where m.member in ('bellwire_edge'::regrole, 'bellwire_service'::regrole,
	'bellwire_operator'::regrole)$$,
	'edge, service and operator are members of nothing');
select is_empty($$select name from functions where proowner <> 'bellwire_owner'::regrole
	union all select c.oid::regclass::text from pg_class c join relations r on r.oid = c.oid
	where c.relowner <> 'bellwire_owner'::regrole
	union all select n.nspname from pg_namespace n join schemas s on s.oid = n.oid
		where n.nspowner <> 'bellwire_owner'::regrole$$, 'bellwire_owner owns all');

-- the edge: the functions it calls, the views that two of them read with its rights, and nothing else
select results_eq($$select name from functions where has_function_privilege('bellwire_edge', oid, 'execute')
	order by name collate "C"$$, array[
	'rt."fetch"(text,text)', 'rt.answer(uuid,text[])',
	'rt.bell_arm()', 'rt.bell_disarm()', 'rt.bell_hear(boolean)',
	'rt.confirm(jsonb[],uuid[],uuid[],uuid[],uuid[])', 'rt.confirm_lone(uuid,uuid,boolean,boolean)',
	'rt.dispatch(text[])',
	'rt.dispatch_lone(text)', 'rt.dispatch_lone(text,uuid,text,text)', 'rt.dispatch_one(text)',
	'rt.edge_close(uuid)', 'rt.emitter_attachment(bigint)', 
	'rt.fetch_page(text,text,bigint,integer,text)', 'rt.get_chats(uuid,jsonb)', 'rt.get_messages(uuid,jsonb)',
	'rt.get_notifications(uuid,jsonb)', 'rt.maintain(uuid,bigint)', 'rt.mark()', 'rt.monitor()',
	'rt.names(uuid[])', 'rt.page_answer(uuid,boolean)', 'rt.page_ask(text,jsonb)',
	'rt.place(text)', 'rt.poll(pg_snapshot,xid8)', 'rt.poll_both(pg_snapshot,xid8)',
	'rt.poll_few(pg_snapshot,xid8)', 'rt.poll_ids(pg_snapshot,xid8)',
	'rt.pump_open(uuid,text,text,text[])', 'rt.recover(text[])',
	'rt.recovery_key()', 'rt.relayed(uuid,jsonb)', 'rt.relays()', 'rt.ring()', 'rt.rooms(uuid[])', 'rt.routes()',
	'rt.socket_close(uuid,text[])', 'rt.socket_close_one(uuid,text,uuid,boolean,boolean,text,boolean)',
	'rt.socket_open(uuid,text[])', 'rt.socket_open_one(uuid,text,uuid,boolean,text,boolean)',
	'rt.socket_register(uuid,text[])',
	'rt.sweep(uuid)', 'rt.token_expired(uuid)', 'rt.token_keys()', 'rt.user_state(uuid)', 'rt.users_of(text[])',
	'rt.version()'],
	'the edge calls these');
select ok(not has_function_privilege('bellwire_edge', oid, 'execute'), 'the edge does not call ' || name) from functions
	where schema <> 'rt' or name in ('rt.emit(text[],text,jsonb,text[],boolean)', 'rt.socket_id()',
	'rt.online(uuid[])', 'rt.undelivered(interval,integer,text)', 'rt.user_join(uuid,text)',
	'rt.user_leave(uuid,text)', 'rt.verify_close(uuid)', 'rt.verify_open(uuid,text[],jsonb)',
	'rt.verify_renew(uuid)');
select is(pg_temp.rights('bellwire_edge', oid, relkind),
	case when name in ('rt.outbox_head', 'rt.outbox_kept', 'rt.outbox_both', 'rt.outbox_rows') then 'select' end,
	'the edge: its rights on ' || name) from relations;
select is(has_schema_privilege('bellwire_edge', oid, 'usage'), name = 'rt', 'the edge: usage of schema ' || name)
	from schemas;
select ok(not has_schema_privilege('bellwire_edge', oid, 'create'), 'the edge creates nothing in ' || nspname)
	from pg_namespace where nspname !~ '^pg_(toast_)?temp';
select ok(not has_database_privilege('bellwire_edge', current_database(), p), 'the edge: no ' || p)
	from unnest('{create,temporary}'::text[]) p;
-- and by trying
create function pg_temp.denied(p_role text, p_sql text) returns text language plpgsql as $$
declare
	v_state text := 'nothing';
begin
	begin
		execute format('set local session authorization %I', p_role);
		execute p_sql;
	exception when others then
		v_state := sqlstate;
	end;
	reset session authorization;
	return is(v_state, '42501', p_role || ' is denied: ' || p_sql);
end $$;
select pg_temp.denied('bellwire_edge', s) from unnest(array[
	'create temp table t (n int)', 'create schema s', 'create table rt.t (n int)',
	'create function rt.f() returns int language sql as ''select 1''', 'create table public.t (n int)',
	'select from bellwire.outbox', 'insert into bellwire.routes (event, function) values (''e'', ''rt.x'')',
	'select nextval(''bellwire.outbox_id'')', 'select from platform.messages',
	'select rt.emit(null, ''e'', ''{}'')', 'select rt_private.publish(null, ''e'', ''{}'')',
	'select platform.notify(null, ''mention'', ''t'', ''b'')', 'select rt.chat_message_send(null, ''{}'')',
	'select bellwire.code_begin()', 'truncate bellwire.sockets', 'set role bellwire_owner',
	'delete from rt.outbox_kept', 'select from bellwire.outbox_ephemeral_written',
	'copy (select 1) to program ''true''']) s;

-- the service: DML on the service's rows, two functions
select is(pg_temp.rights('bellwire_service', oid, relkind),
	case when schema <> 'platform' or relkind = 'S' then null when name = 'platform.post_counts' then 'select'
		else 'select insert update delete' end, 'the service on ' || name) from relations;
select results_eq($$select name from functions where has_function_privilege('bellwire_service', oid, 'execute')
	order by name collate "C"$$,
	array['platform.notify(uuid,text,text,text,jsonb)', 'rt.emit(text[],text,jsonb,text[],boolean)',
		'rt.online(uuid[])', 'rt.socket_id()', 'rt.undelivered(interval,integer,text)',
	'rt.user_join(uuid,text)', 'rt.user_leave(uuid,text)', 'rt.verify_close(uuid)',
		'rt.verify_open(uuid,text[],jsonb)', 'rt.verify_renew(uuid)'], 'the service calls these');
select is(has_schema_privilege('bellwire_service', oid, 'usage'), name in ('rt', 'platform'),
	'the service: usage of schema ' || name) from schemas;
select ok(not has_schema_privilege('bellwire_service', oid, 'create'), 'the service creates nothing in ' || name)
	from schemas;
select pg_temp.denied('bellwire_service', s)
	from unnest(array['truncate platform.messages', 'update platform.post_counts set likes_count = 1',
	'select from bellwire.outbox',
	'select rt_private.publish(null, ''e'', ''{}'')', 'select rt.fetch(null, null)',
	'create trigger t before insert on platform.messages execute function rt_private.messages_check()',
	'alter table platform.messages disable trigger all']) s;

-- the operator: looks and acts by functions alone, and so does nobody but the owner
select is(pg_temp.rights('bellwire_operator', oid, relkind), null, 'the operator on ' || name)
	from relations;
select results_eq($$select name from functions where has_function_privilege('bellwire_operator', oid, 'execute')
	order by name collate "C"$$,
	array['rt.answers(uuid,interval)', 'rt.ask_edges()', 'rt.ask_recall(text,uuid)', 'rt.ask_rooms(text,integer)',
		'rt.ask_sockets(uuid,text,text,integer)', 'rt.emit(text[],text,jsonb,text[],boolean)',
		'rt.events(text,uuid,text,text,integer,boolean)', 'rt.explain(text,uuid,uuid,interval)',
		'rt.kick(uuid,text,text,text)', 'rt.version()'],
	'the operator calls these');
select is_empty($$select name from functions where name ~ '^rt[.](ask_|answers|events|kick)'
	and (has_function_privilege('bellwire_edge', oid, 'execute')
		or has_function_privilege('bellwire_service', oid, 'execute'))$$,
	'which no edge and no service may call');
select is(has_schema_privilege('bellwire_operator', oid, 'usage'), name = 'rt',
	'the operator: usage of schema ' || name) from schemas;
select is_empty($$select r.rolname from pg_roles r where r.rolname <> 'bellwire_operator' and not r.rolsuper
	and pg_has_role(r.oid, 'bellwire_operator', 'member') and r.rolname !~ '^bellwire_test_'$$,
	'nobody is a member from the start');
select ok(not rolcanlogin, 'and it is no login') from pg_roles where rolname = 'bellwire_operator';
select pg_temp.denied('bellwire_operator', s)
	from unnest(array['select from bellwire.outbox', 'select from bellwire.asks', 'select from platform.messages',
	'select rt_private.ask(''edges'', ''{}'')', 'select rt.answer(tests.u(1), ''{}'')',
	'select rt.fetch(null, null)']) s;

-- PUBLIC has nothing
select is_empty($$select f.name from functions f, lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
	where a.grantee = 0$$, 'no function is executable by PUBLIC');
select is_empty($$select r.name from relations r join pg_class c on c.oid = r.oid, lateral aclexplode(c.relacl) a
	where a.grantee = 0$$, 'no table or sequence is granted to PUBLIC');
select is_empty($$select r.name, t.attname from relations r join pg_attribute t on t.attrelid = r.oid,
	lateral aclexplode(t.attacl) a$$, 'no column is granted to anybody');
select is_empty($$select s.name from schemas s join pg_namespace n on n.oid = s.oid, lateral aclexplode(n.nspacl) a
	where a.grantee = 0$$, 'no schema is granted to PUBLIC');
select is_empty($$select distinct a.grantee::regrole from functions f, lateral aclexplode(f.proacl) a
	where a.grantee not in ('bellwire_owner'::regrole, 'bellwire_edge'::regrole, 'bellwire_service'::regrole,
	'bellwire_operator'::regrole)$$,
	'nor anything to anybody else');
set local role bellwire_owner;
create function rt.tests_new() returns int language sql as 'select 1';
reset role;
select is_empty($$select 1 from pg_proc p, lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	where p.oid = 'rt.tests_new()'::regprocedure and a.grantee = 0$$,
	'a new function of the owner is not executable by PUBLIC either');

-- definer functions
create temp view of_routes as -- they run in rt.dispatch and its kin, which have both
	select function || '(uuid,jsonb)' as name from bellwire.routes where function is not null;
select is_empty($$select r.name from of_routes r join functions f using (name), lateral aclexplode(f.proacl) a
	where a.grantee <> 'bellwire_owner'::regrole$$, 'the function of a route is called by nobody else');
select is_empty($$select name from functions where prosecdef
	and not coalesce('search_path=pg_catalog, pg_temp' = any(proconfig), false)$$,
	'every definer function has search_path = pg_catalog, pg_temp');
select is_empty($$select name from functions where schema in ('rt', 'platform') and not prosecdef
	and name <> 'rt.socket_id()'
	and name not in ('rt.poll(pg_snapshot,xid8)', 'rt.poll_both(pg_snapshot,xid8)',
	'rt.poll_few(pg_snapshot,xid8)', 'rt.poll_ids(pg_snapshot,xid8)')
	and name not in (select name from of_routes)$$,
	'what others call is a definer function, but for what a poll asks');
select results_eq($$select f.name from functions f join pg_proc p on p.oid = f.oid
	where p.prorettype = 'trigger'::regtype
	and not coalesce('search_path=pg_catalog, pg_temp' = any(f.proconfig), false)$$,
	array['rt_private.outbox_written()'],
		'and every trigger function, which runs in whatever session writes; only our functions write the '
		'outbox');
select is_empty($$select name from functions
	where not coalesce('search_path=pg_catalog, pg_temp' = any(proconfig), false) and prosqlbody is null
	and schema <> 'rt_private' and name not in (select name from of_routes)$$,
	'what has none, and its names not bound either, is inside: it runs in a function that has one');
select is_empty($$select name from functions, unnest(proconfig) c
	where c !~ '^(search_path=pg_catalog, pg_temp|lock_timeout=.*)$'
	and name not in ('rt.recover(text[])', 'rt_private.leaves_undo(text,uuid[],uuid[])')
	-- sql/plans.sql
	and not (c ~ '^((enable_(seqscan|hashjoin|mergejoin)|jit)=off|plan_cache_mode=force_generic_plan)$')
	and not (c in ('jit=off', 'enable_memoize=off') and name ~ '^rt_private\.(unread_far|read_marks_write)\(')$$,
		'functions set nothing else, but those that pin their plans as the pump does, and those that may '
		'count a million rows');

select * from finish();
rollback;
