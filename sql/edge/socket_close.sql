-- Sockets that close.

create or replace function rt.socket_close(p_edge uuid, p_sockets text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $$
declare
	v_users uuid[];
	v_clean uuid[];
	v_unclean uuid[];
	v_expired uuid[];
begin
	select array_agg(distinct s.user_id), array_agg(distinct s.user_id) filter (where s.clean),
		array_agg(distinct s.user_id) filter (where not s.clean),
		array_agg(distinct s.user_id) filter (where s.why = 'token_expired')
	into v_users, v_clean, v_unclean, v_expired
	from rt_private.sockets_parse(p_sockets) s;
	perform rt_private.presence_lock(v_users);
	delete from bellwire.sockets k using rt_private.sockets_parse(p_sockets) s
	where k.socket_id = s.socket_id and k.edge_id = p_edge;
	update bellwire.presence p set ended_at = clock_timestamp(), ended_by_expiry = p.user_id = any(coalesce(v_expired, '{}')),
		unclean_at = case when p.user_id = any(coalesce(v_unclean, '{}')) then clock_timestamp() else p.unclean_at end
	where p.user_id = any(v_users);
	perform rt_private.recovery_end(p_sockets);
	perform rt_private.sockets_gone(v_unclean, rt_private.setting('presence_grace'));
	-- A clean end has no grace, unless another socket of the user was lost and has its grace still running.
	perform rt_private.presence_offline(array(
		select p.user_id from bellwire.presence p where p.user_id = any(v_clean) and p.online and p.offline_due is null));
	perform rt_private.presence_forget(v_users);
end
$$;
comment on function rt.socket_close(uuid, text[]) is
	'Sockets {socket_id, user_id, clean, over?, why?} of this edge ended. clean: the client said so; over: by an '
	'end that cannot be recovered from; why "token_expired" makes the next reason token_refresh.';
