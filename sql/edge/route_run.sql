-- What calls the functions of the routes is written from the rows of bellwire.routes, because Postgres plans a statement
-- that is put together at run time at every call: a lone message had three of those, a seventh of its cost. It is
-- rt.dispatch_lone and, for all other items, rt_private.route_run.

-- The text of a branch looks so, the lock only where there is a lock key:
--
--	when 'chat:join' then
--		v_key := v_payload ->> 'chat_id';
--		if rt_private.has_uuid_form(v_key) then
--			perform from platform.chats t where t.id = v_key::uuid for no key update nowait;
--		end if;
--		v_ack := rt.chat_join(p_user_id, v_payload);
create or replace function rt_private.route_branches(p_if text, p_how text, p_ephemeral text) returns text
language sql stable
begin atomic
	select coalesce(string_agg(format(e'\twhen %L then\n', r.event)
		|| case when l.lock_key is null then '' else format(
e'\t\tv_key := v_payload ->> %1$L;
		if %4$srt_private.has_uuid_form(v_key) then
			perform from %2$s t where t.%3$I = v_key::uuid for no key update%5$s;
		end if;\n', l.lock_key, l.relation, l.key, p_if, p_how) end
		|| format(e'\t\tv_ack := %s;\n', coalesce(r.function || '(p_user_id, v_payload)',
			format('rt_private.relay(%L, p_user_id, v_payload)', r.event)))
		|| case when r.ephemeral or r.function is null then format(e'\t\t%s;\n', p_ephemeral) else '' end,
		'' order by r.rate_class <> 'send', r.event collate "C"), e'\twhen null then null;\n')
	from bellwire.routes r
	left join bellwire.lock_keys l on l.lock_key = r.lock_key;
end;
comment on function rt_private.route_branches(text, text, text) is
	'A branch for each route; those of the rate class send come first, because they come most. if: what else the '
	'lock depends on; how: nowait, or nothing; ephemeral: a statement for events that may be lost in a crash.';

create or replace function rt_private.routes_compile(p_always boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_text text;
begin
	-- one at a time: each sees the rows of those before it
	perform pg_advisory_xact_lock(rt_private.alive_class(), -2);
	v_text := format($run$
declare
	v_payload alias for p_payload;
	v_ack     alias for ack;
	v_key     text;
begin
	lasting := true;
	case p_event
%s	else
		raise exception 'Unknown event' using errcode = 'RT400';
	end case;
end
$run$, rt_private.route_branches('p_lock = ''wait'' and ', '', 'lasting := false'));
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
		'Calls the function of an event''s route (written by rt_private.routes_compile). lasting: it writes what '
		'must survive a crash. p_lock: the row that its lock key names is held, or to be locked first: wait.';
	perform rt_private.dispatch_lone_compile();
end
$$;
comment on function rt_private.routes_compile(boolean) is
	'Writes rt_private.route_run and rt.dispatch_lone: always, or where they are not what the routes say.';

create or replace function rt_private.routes_compiled() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.routes_compile(false);
	return null;
end
$$;
comment on function rt_private.routes_compiled() is
	'After a change of routes or lock keys: what calls their functions follows.';

select rt_private.routes_compile(true);

select bellwire.ensure_trigger('bellwire.routes', 'routes_compiled',
	$$after insert or update or delete or truncate on bellwire.routes for each statement
	execute function rt_private.routes_compiled()$$);
select bellwire.ensure_trigger('bellwire.lock_keys', 'lock_keys_compiled',
	$$after insert or update or delete or truncate on bellwire.lock_keys for each statement
	execute function rt_private.routes_compiled()$$);
