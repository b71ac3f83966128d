-- Sockets that close.

create or replace function rt_private.presence_grace(p_why text) returns interval
language sql stable
return make_interval(secs => case when p_why = 'shutdown' then rt_private.setting('presence_grace_restart')
	else rt_private.setting('presence_grace') end::double precision);
comment on function rt_private.presence_grace(text) is
	'The time within which the user of a socket that ended so, and not cleanly, may come back unannounced.';

create or replace function rt.socket_close(p_edge uuid, p_sockets text[]) returns table (ord int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $$
declare
	v_now constant timestamptz := clock_timestamp();
	v_ids text[];
	v_over text[]; -- of these sockets, those that cannot be recovered
	v_all uuid[];
	v_users uuid[];
	v_unclean uuid[];
	v_restart uuid[];
	v_expired uuid[];
	v_gone uuid[]; -- no socket is left
	v_lost uuid[];
begin
	v_all := array(select distinct s.user_id from rt_private.sockets_parse(p_sockets) s);
	v_users := rt_private.presence_hold(v_all);
	select array_agg(s.socket_id), array_agg(s.socket_id) filter (where s.clean or s.over),
		coalesce(array_agg(s.user_id) filter (where s.clean is not true), '{}'),
		coalesce(array_agg(s.user_id) filter (where s.clean is not true and s.why = 'shutdown'), '{}'),
		coalesce(array_agg(s.user_id) filter (where s.why = 'token_expired'), '{}')
	into v_ids, v_over, v_unclean, v_restart, v_expired
	from rt_private.sockets_parse(p_sockets) s where s.user_id = any(v_users);
	if cardinality(v_users) < cardinality(v_all) then
		return query
		select s.n from rt_private.sockets_parse(p_sockets) s where s.user_id <> all(v_users) order by s.n;
	end if;
	-- no "=", which would be looked up in the index of all sockets of the edge
	delete from bellwire.sockets k where k.socket_id = any(v_ids) and k.edge_id is not distinct from p_edge;
	perform rt_private.recovery_over(v_over);
	-- a statement of its own, so that its snapshot is younger than the locks on the presence rows
	v_gone := array(
		select q.id from unnest(v_users) q (id)
		where (select true from bellwire.sockets s where s.user_id = q.id limit 1) is null);
	-- A clean end has no grace, unless another socket of the user was lost: then, or with this call.
	v_lost := array(
		select p.user_id from bellwire.presence p
		where p.user_id = any(v_gone) and p.online
			and case when p.offline_due is null then p.user_id <> all(v_unclean) end);
	update bellwire.presence p
	set ended_at = v_now, ended_by_expiry = p.user_id = any(v_expired),
		unclean_at = case when p.user_id = any(v_unclean) then v_now else p.unclean_at end,
		online = p.online and p.user_id <> all(v_lost),
		offline_due = case
			when p.offline_due is not null or not p.online or p.user_id <> all(v_gone) then p.offline_due
			when p.user_id = any(v_restart) then v_now + rt_private.presence_grace('shutdown')
			when p.user_id = any(v_unclean) then v_now + rt_private.presence_grace(null)
		end
	where p.user_id = any(v_users);
	if cardinality(v_lost) > 0 then
		perform rt_private.presence_publish(v_lost, false);
	end if;
	perform rt_private.presence_forget(v_gone);
end
$$;
comment on function rt.socket_close(uuid, text[]) is
	'Sockets {socket_id, user_id, clean, over?, why?} of this edge ended. clean: the client said so; over: by an '
	'end that cannot be recovered from; why "token_expired" makes the next reason token_refresh, "shutdown" (the '
	'edge stops) gives presence_grace_restart. Returns those whose user''s presence somebody else holds: they '
	'come again.';
