-- Sockets that close.

create or replace function rt.socket_close(p_edge uuid, p_sockets text[]) returns table (ord int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $$
declare
	v_all constant uuid[] := array(select distinct s.user_id from rt_private.sockets_parse(p_sockets) s);
	v_users constant uuid[] := rt_private.presence_hold(v_all);
	v_sockets text[] := p_sockets;
	v_ids text[];
	v_clean uuid[];
	v_unclean uuid[];
	v_restart uuid[];
	v_expired uuid[];
begin
	if cardinality(v_users) < cardinality(v_all) then
		v_sockets := array(
			select x.item from unnest(p_sockets) with ordinality x (item, n)
			join rt_private.sockets_parse(p_sockets) s on s.n = x.n
			where s.user_id = any(v_users) order by x.n);
		return query
		select s.n from rt_private.sockets_parse(p_sockets) s where s.user_id <> all(v_users) order by s.n;
	end if;
	select array_agg(s.socket_id), array_agg(distinct s.user_id) filter (where s.clean),
		array_agg(distinct s.user_id) filter (where not s.clean),
		array_agg(distinct s.user_id) filter (where not s.clean and s.why = 'shutdown'),
		array_agg(distinct s.user_id) filter (where s.why = 'token_expired')
	into v_ids, v_clean, v_unclean, v_restart, v_expired
	from rt_private.sockets_parse(v_sockets) s;
	-- no "=", which would be looked up in the index of all sockets of the edge
	delete from bellwire.sockets k where k.socket_id = any(v_ids) and k.edge_id is not distinct from p_edge;
	update bellwire.presence p set ended_at = clock_timestamp(), ended_by_expiry = p.user_id = any(coalesce(v_expired, '{}')),
		unclean_at = case when p.user_id = any(coalesce(v_unclean, '{}')) then clock_timestamp() else p.unclean_at end
	where p.user_id = any(v_users);
	perform rt_private.recovery_end(v_sockets);
	-- first the longer grace: the other one leaves it alone
	perform rt_private.sockets_gone(v_restart, rt_private.setting('presence_grace_restart'));
	perform rt_private.sockets_gone(v_unclean, rt_private.setting('presence_grace'));
	-- A clean end has no grace, unless another socket of the user was lost and has its grace still running.
	perform rt_private.presence_offline(array(
		select p.user_id from bellwire.presence p where p.user_id = any(v_clean) and p.online and p.offline_due is null));
	perform rt_private.presence_forget(v_users);
end
$$;
comment on function rt.socket_close(uuid, text[]) is
	'Sockets {socket_id, user_id, clean, over?, why?} of this edge ended. clean: the client said so; over: by an '
	'end that cannot be recovered from; why "token_expired" makes the next reason token_refresh, "shutdown" (the '
	'edge stops) gives presence_grace_restart. Returns those whose user''s presence somebody else holds: they '
	'come again.';
