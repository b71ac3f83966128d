-- The plans of the event path do not follow statistics. A session keeps a plan that it made when the tables were empty,
-- until somebody analyzes them, and it makes others from guesses until then. In a fresh database, or with autovacuum
-- behind, that was a scan of all rows for each message, ever longer. Here every row is found by a key:
--
--	x.key = any(v_keys), alone        the index of the key. Without "order by x.key", for which all of it would be read.
--	(select ... where x.key = q.key)  a value is looked up row by row, and a lateral query that ends with "offset 0" too. A
--	                                  join, "in" and "exists" are turned round where the planner thinks that few rows are
--	                                  on the other side.
--
-- The settings exclude the rest. They hold for what a function calls as well, checks of foreign keys included. A scan
-- that is switched off and has no alternative has a cost for which it would be compiled, which takes a quarter of a
-- second.

do $$
declare
	f regprocedure;
begin
	foreach f in array array['rt_private.chat_message_send_many(uuid[],jsonb[])', 'rt.chat_message_read(uuid,jsonb)',
		'rt.notification_read(uuid,jsonb)', 'rt.confirm(jsonb[],uuid[],uuid[],uuid[],uuid[])',
		'rt.socket_open(uuid,text[])', 'rt.socket_close(uuid,text[])', 'rt.socket_register(uuid,text[])',
		'rt.rooms(uuid[])',
		'rt.token_expired(uuid)', 'rt.sweep(uuid)', 'rt.edge_close(uuid)', 'rt_private.receipts_changed()',
		'rt_private.receipts_unread()', 'rt_private.notifications_publish()', 'rt_private.likes_insert()',
		'rt_private.likes_delete()', 'rt_private.comments_insert()', 'rt_private.comments_delete()',
		'rt_private.messages_gone()', 'rt_private.chats_gone()']::regprocedure[]
	loop
		execute format(
			'alter function %s set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off',
			f);
	end loop;
end
$$;

-- Nothing is left for statistics to decide in these, so their statements are planned once in a session, for all values.
-- Planning them for each call was half of a lone opening.
do $$
declare
	f regprocedure;
begin
	foreach f in array array['rt.socket_open(uuid,text[])', 'rt.socket_close(uuid,text[])',
		'rt.socket_register(uuid,text[])', 'rt.token_expired(uuid)', 'rt.rooms(uuid[])']::regprocedure[]
	loop
		execute format('alter function %s set plan_cache_mode = force_generic_plan', f);
	end loop;
end
$$;

-- Joins are left to the planner here: functions of services run in these as well.
alter function rt.dispatch(text[]) set enable_seqscan = off set jit = off;
alter function rt.dispatch_one(text) set enable_seqscan = off set jit = off;

-- One socket: each row by its key, without a join that could be turned round. The scan is switched off all the same, as
-- above.
alter function rt.socket_open_one(uuid, text, uuid, boolean, text, boolean) set enable_seqscan = off set jit = off;
alter function rt.socket_close_one(uuid, text, uuid, boolean, boolean, text, boolean)
	set enable_seqscan = off set jit = off;

-- So have these, whose joins have nothing to be turned round: rows of a statement, and what belongs to each by its key.
alter function rt_private.receipts_publish() set enable_seqscan = off set jit = off;
alter function rt.confirm_lone(uuid, uuid, boolean, boolean) set enable_seqscan = off set jit = off;
