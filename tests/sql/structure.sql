-- Tables, columns, keys, indexes and comments as a whole.
begin;
select no_plan();

create temp table tables as select c.oid, c.oid::regclass::text as name, c.relnamespace::regnamespace::text as schema,
	c.relpersistence
from pg_class c where c.relnamespace in ('platform'::regnamespace, 'bellwire'::regnamespace)
	and c.relkind in ('r', 'p');

-- the names of tables and columns are an interface (docs/data.md)
select is((select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute a where a.attrelid = t.name::regclass
	and a.attnum > 0 and not a.attisdropped), t.columns, t.name)
from (values
	('platform.users', 'id, name, avatar_url, is_master, last_seen_at, disabled_at, created_at'),
	('platform.follows', 'follower_id, followee_id, created_at'), ('platform.chats', 'id, created_at'),
	('platform.chat_participants', 'chat_id, user_id, joined_at'),
	('platform.messages', 'id, chat_id, seq, sender_id, type, content, metadata, client_id, created_at'),
	('platform.message_receipts', 'message_id, user_id, delivered_at, read_at'),
	('platform.notifications', 'id, user_id, type, title, body, data, read_at, created_at, seq'),
	('platform.posts', 'id, author_id, content, media_url, created_at'),
	('platform.post_counts', 'post_id, likes_count, comments_count'),
	('platform.post_likes', 'post_id, user_id, created_at'),
	('platform.post_comments', 'id, post_id, author_id, content, created_at'),
	('bellwire.outbox', 'xid, id, slot, epoch, at, rooms, except_rooms, event, data, confirm, control'),
	('bellwire.outbox_ephemeral',
	'xid, id, slot, epoch, at, rooms, except_rooms, event, data, confirm, control')) t (name, columns);
select is((select count(*) from tables where schema = 'platform'), 11::bigint, 'eleven tables of the service');
select is_empty($$select t.name, a.attname from tables t join pg_attribute a on a.attrelid = t.oid where a.attnum > 0
	and
	((a.attname ~ '_at$|^at$|_due$' and a.atttypid <> 'timestamptz'::regtype) or (a.atttypid = 'timestamp'::regtype)
	or (t.schema = 'platform' and a.attname ~ '(^|_)id$' and a.attname <> 'client_id'
		and a.atttypid <> 'uuid'::regtype) or a.atttypid = 'json'::regtype)$$,
		'times are timestamptz, keys uuid, documents jsonb');
select is_empty($$select t.name, a.attname from tables t join pg_attribute a on a.attrelid = t.oid
	where t.schema = 'platform' and a.attname = 'id' and not exists (
	select from pg_attrdef d where d.adrelid = t.oid and d.adnum = a.attnum
		and pg_get_expr(d.adbin, d.adrelid) = 'gen_random_uuid()')$$, 'ids have a default');

-- the default is never code of ours: a deploy must not stand in the way of it
select is_empty($$select d.objid::regclass, d.refobjid::regprocedure from pg_depend d
	where d.refclassid = 'pg_proc'::regclass and d.refobjid in
	(select oid from pg_proc
	where pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'bellwire'::regnamespace))
	and d.classid in ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_index'::regclass,
		'pg_policy'::regclass)$$, 'no default, check, index or policy leans on code');

-- keys and indexes
select is_empty($$select name from tables t where name !~ '^bellwire\.outbox'
	and not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)$$,
	'every table has a primary key, but the outbox');
select is_empty($$select k.conname from pg_constraint k join tables t on t.oid = k.conrelid where k.contype = 'f'
	and not k.convalidated$$, 'no key is half');
select is_empty($$select t.name, k.conname from pg_constraint k join tables t on t.oid = k.conrelid
	where k.contype = 'f' and t.schema = 'platform' and not exists (
	select from pg_index i where i.indrelid = k.conrelid and i.indpred is null
		and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] = k.conkey)$$,
		'every foreign key has an index that begins with it');
select is_empty($$select conname from pg_constraint k join tables t on t.oid = k.conrelid where k.contype = 'f'
	and t.schema = 'platform' and k.confdeltype <> 'c'$$, 'rows go with what they belong to');
select is_empty($$select t.name from tables t where t.name ~ '^bellwire\.outbox(_ephemeral)?_[0-2]$' and
	(select string_agg(pg_get_indexdef(i.indexrelid), ' ') from pg_index i
	where i.indrelid = t.oid) !~ '^CREATE INDEX [a-z0-9_]+ ON [a-z0-9_.]+ USING btree \(xid\)$'$$,
	'the outbox has one index: xid');
select is((select count(*) from tables where name ~ '^bellwire\.outbox(_ephemeral)?_[0-2]$'), 6::bigint,
	'three slots each');
select is((select array_agg(attname::text) from pg_attribute
	where attrelid in ('bellwire.outbox'::regclass, 'bellwire.outbox_ephemeral'::regclass) and attnum = 1),
	'{xid,xid}', 'xid is the first column');
select results_eq($$select name from tables where relpersistence = 'u' order by 1$$,
	array['bellwire.answers', 'bellwire.asks', 'bellwire.epoch',
	'bellwire.looks', 'bellwire.outbox_ephemeral_0', 'bellwire.outbox_ephemeral_1',
	'bellwire.outbox_ephemeral_2', 'bellwire.sockets'],
	'unlogged: what must not survive a crash, and nothing else');
select is_empty($$select t.name from tables t join pg_class c on c.oid = t.oid
	where t.name ~ '^bellwire\.outbox(_ephemeral)?_[0-2]$'
	and not coalesce('autovacuum_enabled=false' = any(c.reloptions), false)$$, 'no vacuum of slots');

-- triggers: all in force, each by ensure_trigger, with its sum
select is_empty($$select g.tgname from pg_trigger g join tables t on t.oid = g.tgrelid where not g.tgisinternal
	and g.tgparentid = 0
	and (g.tgenabled <> case when g.tgname = 'replicated' then 'R'
		when g.tgname in ('looks_due', 'outbox_written', 'outbox_dropped')
		or g.tgrelid::regclass::text ~ '^platform' and g.tgname ~ '_truncated?$' then 'A' else 'O' end
		or obj_description(g.oid, 'pg_trigger') !~ '^bellwire [0-9a-f]{32}$')$$,
	'triggers are in force and known');
select is((select count(*) from bellwire.code where kind = 'trigger'),
	(select count(*) from pg_trigger g join tables t on t.oid = g.tgrelid where not g.tgisinternal
	and g.tgparentid = 0), 'bellwire.code lists them');
select is((select count(*) from bellwire.code where kind = 'function'),
	(select count(*) from pg_proc
	where pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'platform'::regnamespace)),
	'and the functions');

-- The planner puts an expression in the place of the call, unless the function claims to be less volatile than what it
-- calls. Then each call parses and plans it again, which costs as much as a row.
create function pg_temp.called(p_function regproc) returns text
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
	c_types constant text := (select string_agg(format_type(t.oid, null), ', ' order by t.n)
		from pg_proc p, unnest(p.proargtypes) with ordinality t (oid, n) where p.oid = p_function);
	c_args  constant int := (select pronargs from pg_proc where oid = p_function);
	v_line  text;
	v_found text;
begin
	execute format('prepare called%s as select %s(%s)', '(' || c_types || ')', p_function,
		(select string_agg('$' || i, ', ') from generate_series(1, c_args) i));
	for v_line in execute 'explain (verbose, costs off) execute called'
		|| coalesce((select '(' || string_agg('null', ', ') || ')'
			from generate_series(1, nullif(c_args, 0)) i), '') loop
		v_found := coalesce(v_found, substring(v_line from p_function::text || '[(].*'));
	end loop;
	deallocate called;
	return v_found;
end
$$;
select is_empty($$select p.oid::regproc, c.called from pg_proc p, pg_temp.called(p.oid::regproc) c (called)
	where p.pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace)
	and pg_get_function_sqlbody(p.oid) like 'RETURN %' and c.called is not null$$,
	'what is one expression is inlined');

-- comments
select is_empty($$select name from tables where obj_description(oid, 'pg_class') is null
	and name !~ '^bellwire\.outbox_(ephemeral_)?[0-2]$'$$, 'every table has a comment');
select is_empty($$select oid::regprocedure from pg_proc
	where pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'platform'::regnamespace,
	'bellwire'::regnamespace) and obj_description(oid, 'pg_proc') is null$$, 'and every function');
select is_empty($$select nspname from pg_namespace where nspname in ('rt', 'rt_private', 'platform', 'bellwire')
	and obj_description(oid, 'pg_namespace') is null$$, 'and every schema');
select isnt(col_description(t::regclass,
	(select attnum from pg_attribute where attrelid = t::regclass and attname = c)), null, t || '.' || c
	|| ' has one, too')
from (values ('platform.messages', 'seq'), ('platform.messages', 'client_id'), ('platform.messages', 'created_at'),
	('platform.users', 'last_seen_at'), ('platform.users', 'disabled_at'),
	('bellwire.outbox', 'rooms'), ('bellwire.outbox', 'epoch'), ('bellwire.outbox', 'control'),
	('bellwire.routes', 'function'), ('bellwire.routes', 'lock_key'), ('bellwire.routes', 'repeatable'),
	('bellwire.routes', 'max_bytes'), ('bellwire.routes', 'rate_class'), ('bellwire.routes', 'ephemeral'),
	('bellwire.settings', 'pattern'), ('bellwire.edges', 'n'), ('bellwire.presence', 'offline_due')) x (t, c);

select * from finish();
rollback;
