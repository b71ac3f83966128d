-- bellwire.lock_keys: payload keys that name a row to lock. lock_keys_compiled.
begin;
select plan(4);

select results_eq('select lock_key, relation, key from bellwire.lock_keys',
	$$values ('chat_id', 'platform.chats', 'id')$$, 'one, for now');
select bellwire.ensure_lock_key('chat_id', 'platform.users', 'id');
select bellwire.ensure_lock_key('post_id', 'platform.posts', 'id');
select results_eq('select lock_key, relation, key from bellwire.lock_keys order by 1',
	$$values ('chat_id', 'platform.users', 'id'), ('post_id', 'platform.posts', 'id')$$,
	'bellwire.ensure_lock_key follows the code');
select ok(bool_and(position('from platform.users t where t.id' in p.prosrc) > 0
	and position('platform.chats t' in p.prosrc) = 0),
	'and so does what locks the row of a lone event')
from pg_proc p
where p.oid in ('rt_private.route_run'::regproc, 'rt.dispatch_lone(text, uuid, text, text)'::regprocedure);
select throws_ok($$delete from bellwire.lock_keys where lock_key = 'chat_id'$$, '23503', null,
	'not while a route names it');

select * from finish();
rollback;
