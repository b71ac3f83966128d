-- rt_private.route_run calls the function of a route. It is written from the rows of bellwire.routes, because Postgres
-- plans a statement that is put together at run time at every call: a lone message had three of those, a seventh of its
-- cost.

-- Its text looks so, with a branch for each route and the lock only where there is a lock key:
--
--	when 'chat:join' then
--		v_key := p_payload ->> 'chat_id';
--		if p_lock <> 'held' and rt_private.is_uuid(v_key) then
--			if p_lock = 'wait' then
--				perform from platform.chats t where t.id = v_key::uuid for no key update;
--			else
--				perform from platform.chats t where t.id = v_key::uuid for no key update nowait;
--			end if;
--		end if;
--		lasting := true;
--		ack := rt.chat_join(p_user_id, p_payload);
create or replace function rt_private.route_branches() returns text
language sql stable
begin atomic
	select string_agg(format(e'\twhen %L then\n', r.event)
		|| case when l.lock_key is null then '' else format(
e'\t\tv_key := p_payload ->> %1$L;
		if p_lock <> ''held'' and rt_private.is_uuid(v_key) then
			if p_lock = ''wait'' then
				perform from %2$s t where t.%3$I = v_key::uuid for no key update;
			else
				perform from %2$s t where t.%3$I = v_key::uuid for no key update nowait;
			end if;
		end if;\n', l.lock_key, l.relation, l.key) end
		|| format(e'\t\tlasting := %s;\n\t\tack := %s;\n',
			case when r.ephemeral or r.function is null then 'false' else 'true' end,
			coalesce(r.function || '(p_user_id, p_payload)',
				format('rt_private.relay(%L, p_user_id, p_payload)', r.event))),
		'' order by r.rate_class <> 'send', r.event collate "C")
	from bellwire.routes r
	left join bellwire.lock_keys l on l.lock_key = r.lock_key;
end;
comment on function rt_private.route_branches() is
	'The branches of rt_private.route_run; those of the rate class send come first, because they come most.';

create or replace function rt_private.routes_compile(p_always boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_text text;
begin
	-- one at a time: each sees the rows of those before it
	perform pg_advisory_xact_lock(rt_private.alive_class(), -2);
	v_text := e'\ndeclare\n\tv_key text;\nbegin\n\tcase p_event\n'
		|| coalesce(rt_private.route_branches(), e'\twhen null then null;\n')
		|| e'\telse\n\t\traise exception ''Unknown event'' using errcode = ''RT400'';\n\tend case;\nend\n';
	-- a change of limits alone makes no session plan anew
	if not p_always
		and v_text = (select p.prosrc from pg_proc p where p.oid = to_regproc('rt_private.route_run')) then
		return;
	elsif current_setting('transaction_isolation') <> 'read committed' then
		raise exception 'a route''s function is changed in a transaction that is read committed'
			using errcode = 'RT400';
	end if;
	execute 'create or replace function rt_private.route_run(p_event text, p_user_id uuid, p_payload jsonb, '
		|| 'p_lock text, out ack jsonb, out lasting boolean) returns record language plpgsql volatile as '
		|| quote_literal(v_text);
	comment on function rt_private.route_run(text, uuid, jsonb, text) is
		'Calls the function of an event''s route (written by rt_private.routes_compile). lasting: it writes what must '
		'survive a crash. p_lock: the row that its lock key names is held, or what to do while somebody else holds '
		'it: wait, nowait (55P03).';
end
$$;
comment on function rt_private.routes_compile(boolean) is
	'Writes rt_private.route_run: always, or where it is not what the routes say.';

create or replace function rt_private.routes_compiled() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.routes_compile(false);
	return null;
end
$$;
comment on function rt_private.routes_compiled() is
	'After a change of routes or lock keys: rt_private.route_run follows.';

select rt_private.routes_compile(true);

select bellwire.ensure_trigger('bellwire.routes', 'routes_compiled',
	$$after insert or update or delete or truncate on bellwire.routes for each statement
	execute function rt_private.routes_compiled()$$);
select bellwire.ensure_trigger('bellwire.lock_keys', 'lock_keys_compiled',
	$$after insert or update or delete or truncate on bellwire.lock_keys for each statement
	execute function rt_private.routes_compiled()$$);
