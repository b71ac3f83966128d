-- Sweeping after dead edges.

-- It works in portions: an opening that comes meanwhile waits for one portion, and not for all sockets of a dead edge.
-- It waits for no lock itself.
create or replace function rt_private.edges_sweep(p_edges uuid[]) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_users constant int := 500;
	c_sockets constant int := 1000;
	v_of uuid[];
	v_users uuid[];
	v_locked uuid[];
	v_due constant timestamptz := clock_timestamp()
		+ make_interval(secs => rt_private.setting('presence_grace_restart')::double precision);
begin
	v_of := array(select s.user_id from bellwire.sockets s where s.edge_id = any(p_edges) limit c_sockets);
	v_users := array(select distinct u from unnest(v_of) u order by u limit c_users);
	insert into bellwire.presence (user_id) select u from unnest(v_users) u order by u on conflict (user_id) do nothing;
	v_locked := rt_private.presence_free(v_users);
	-- An edge that had no row may have registered meanwhile, and these are its sockets again. No "= any(p_edges)",
	-- which would be looked up in the index of all sockets of an edge.
	delete from bellwire.sockets s
	where s.user_id = any(v_locked) and array_position(p_edges, s.edge_id) is not null
		and (select true from bellwire.edges e where e.edge_id = s.edge_id and e.seen_at <> '-infinity') is null;
	update bellwire.presence p set unclean_at = clock_timestamp(), ended_at = clock_timestamp(), ended_by_expiry = false,
		offline_due = case when p.online and p.offline_due is null
			and (select true from bellwire.sockets s where s.user_id = p.user_id limit 1) is null then v_due else p.offline_due end
	where p.user_id = any(v_locked);
	-- Users with a locked row come with the next portion. No socket is added, since the edge is dead.
	with gone as (
		delete from bellwire.edges e
		where e.edge_id = any(p_edges)
			and (select true from bellwire.sockets s where s.edge_id = e.edge_id limit 1) is null
		returning e.edge_id, e.name, e.opened_at
	)
	insert into bellwire.edges_gone (edge_id, name, opened_at) select g.edge_id, g.name, g.opened_at from gone g;
	delete from bellwire.edges_gone g where g.gone_at < clock_timestamp() - interval '1 hour';
	return (cardinality(v_of) = c_sockets or cardinality(v_users) = c_users) and cardinality(v_locked) > 0;
end
$$;
comment on function rt_private.edges_sweep(uuid[]) is
	'A portion of the sockets of edges that are no more: they ended uncleanly, their users have '
	'presence_grace_restart to come back. An edge goes with its last socket. True: there is more.';

-- Every edge asks it every second or two. A function in SQL would be planned anew each time, at four fifths of the
-- cost.
create or replace function rt_private.edges_unknown() returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- from one edge to the next by the index: sockets are many, edges few
	return array(
		with recursive known (edge_id) as (
			(select s.edge_id from bellwire.sockets s order by s.edge_id limit 1)
			union all
			select (select s.edge_id from bellwire.sockets s where s.edge_id > k.edge_id
				order by s.edge_id limit 1)
			from known k where k.edge_id is not null)
		select k.edge_id from known k
		where k.edge_id is not null and not exists (select from bellwire.edges e where e.edge_id = k.edge_id));
end
$$;
comment on function rt_private.edges_unknown() is
	'Edges of which there are sockets, and no row: swept while they opened one.';

create or replace function rt.sweep(p_edge uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	c_users constant int := 500;
	-- read once: what is old by it is old by the clock that the first condition has judged
	v_now constant timestamptz := clock_timestamp();
	v_lapsed uuid[];
	v_users uuid[];
	v_more boolean := false;
begin
	-- An edge whose own sign of life is old judges nobody: the clock may have been set since, and rt.maintain sees to that.
	if exists (
		select from bellwire.edges e
		where e.edge_id = p_edge and e.seen_at <> '-infinity'
			and e.seen_at < v_now - interval '10 seconds') then
		return false;
	end if;
	-- a lease that is swept has ended: the edge registers again before it opens anything
	update bellwire.edges e set seen_at = '-infinity'
	where e.edge_id in (
		select k.edge_id from bellwire.edges k
		where k.seen_at < v_now - interval '30 seconds' and k.seen_at <> '-infinity'
			and k.edge_id <> p_edge
		order by k.edge_id for no key update skip locked);
	v_lapsed := array(
		select e.edge_id from bellwire.edges e
		where e.seen_at = '-infinity' order by e.edge_id for no key update skip locked)
		|| rt_private.edges_unknown();
	if cardinality(v_lapsed) > 0 then
		-- a pump of theirs may be stuck with the bell armed: everybody would ring for nobody (docs/event-path.md, "A
		-- sleeper that is stuck")
		perform rt_private.pump_end(e.edge_id) from bellwire.edges e where e.edge_id = any(v_lapsed) and e.edge_id <> p_edge;
		v_more := rt_private.edges_sweep(v_lapsed);
	end if;

	v_users := array(
		select p.user_id from bellwire.presence p where p.offline_due < v_now
		limit c_users for no key update skip locked);
	perform rt_private.presence_offline(v_users);
	v_more := v_more or cardinality(v_users) = c_users;

	v_users := array(
		select p.user_id from bellwire.presence p
		where p.last_seen_owed is not null limit c_users for no key update skip locked);
	if cardinality(v_users) > 0 then
		v_users := array_remove(array(
			select (select u.id from platform.users u where u.id = q.id for no key update skip locked)
			from unnest(v_users) q (id)), null);
		update platform.users u
		set last_seen_at = greatest(u.last_seen_at,
			(select p.last_seen_owed from bellwire.presence p where p.user_id = u.id))
		where u.id = any(v_users);
		update bellwire.presence p set last_seen_owed = null where p.user_id = any(v_users);
	end if;
	return v_more;
end
$$;
comment on function rt.sweep(uuid) is
	'A portion of the common work: sockets of edges whose lease of 30 s lapsed, users who went offline, users '
	'whose last_seen_at could not be written. True: there is more, call again.';
