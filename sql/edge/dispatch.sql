-- Client events, by batches.

create or replace function rt_private.dispatch(p_items text[], p_alone boolean)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile
as $$
declare
	v_items jsonb[];
	v_event text;
	v_route record;
	v_functions text[];
	v_many text[];
	v_durable boolean[];
	v_relations text[];
	v_columns text[];
	v_keys uuid[] := array[]::uuid[];
	v_busy uuid[];
	v_deferred text[] := array[]::text[];
	v_sync constant text := current_setting('synchronous_commit');
	v_outcomes text[];
	v_run jsonb[] := array[]::jsonb[];
	v_run_functions text[] := array[]::text[];
	v_run_many text[] := array[]::text[];
	v_bodies text[];
	v_lasting boolean := false;
	v_ran int := 0;
begin
	if cardinality(p_items) > 32 then
		raise exception 'a batch has at most 32 items' using errcode = 'RT400';
	end if;
	perform set_config('bellwire.dispatch', pg_current_xact_id()::text, true), set_config('bellwire.moved', '', true);
	v_items := rt_private.items_parse(p_items);
	-- item by item, as most of a batch is of one event: a query for all costs as much as five for one
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		if v_event is null or v_items[i] ->> 'event' is distinct from v_event then
			v_event := v_items[i] ->> 'event';
			select r.function, r.function_many, r.ephemeral, r.lock_key, l.relation, l.key as col into v_route
			from bellwire.routes r
			left join bellwire.lock_keys l on l.lock_key = r.lock_key
			where r.event = v_event;
		end if;
		v_functions[i] := v_route.function;
		v_many[i] := v_route.function_many;
		v_durable[i] := not v_route.ephemeral;
		v_relations[i] := v_route.relation;
		v_columns[i] := v_route.col;
		v_keys[i] := case when jsonb_typeof(v_items[i] -> 'payload' -> v_route.lock_key) = 'string'
			and rt_private.is_uuid(v_items[i] -> 'payload' ->> v_route.lock_key) then (v_items[i] -> 'payload' ->> v_route.lock_key)::uuid end;
	end loop;
	v_busy := rt_private.items_lock(v_relations, v_columns, v_keys, p_alone);
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		if v_items[i] is null or jsonb_typeof(v_items[i] -> 'payload') is distinct from 'object' then
			v_outcomes[i] := 'unfit';
			continue;
		end if;
		if v_items[i] ->> 'socket_id' = any(v_deferred) or v_keys[i] = any(v_busy) then
			-- and with it what this socket sent later: a client's events stay in order
			v_deferred := v_deferred || (v_items[i] ->> 'socket_id');
			v_outcomes[i] := 'deferred';
			continue;
		end if;
		v_run := v_run || v_items[i];
		v_run_functions := v_run_functions || v_functions[i];
		v_run_many := v_run_many || v_many[i];
		v_lasting := v_lasting or v_durable[i];
	end loop;
	-- what a socket sent before its deferred item is not deferred
	v_deferred := '{}';
	if cardinality(v_run) > 1 then
		v_bodies := rt_private.items_run(v_run, v_run_functions, v_run_many);
	end if;
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		ord := i; outcome := v_outcomes[i]; body := null; code := null; message := null; sqlstate := null; detail := null;
		if outcome = 'unfit' then
			outcome := 'error'; sqlstate := 'RT400'; code := 'INVALID_DATA'; message := 'Invalid data';
		elsif outcome is null and v_bodies is not null then
			v_ran := v_ran + 1;
			outcome := 'ok'; body := v_bodies[v_ran];
		elsif outcome is null and v_items[i] ->> 'socket_id' = any(v_deferred) then
			outcome := 'deferred';
		elsif outcome is null then
			select r.outcome, r.body, r.code, r.message, r.state, r.detail into outcome, body, code, message, sqlstate, detail
			from rt_private.item_run(v_items[i], v_functions[i]) r;
			if not p_alone and sqlstate in ('40P01', '40001', '55P03') then
				v_deferred := v_deferred || (v_items[i] ->> 'socket_id');
				outcome := 'deferred';
			end if;
		end if;
		return next;
	end loop;
	perform set_config('bellwire.socket_id', '', true);
	-- Durability is the batch's: an item that switches it off must not make its neighbours' acks a lie.
	perform set_config('synchronous_commit', case when v_lasting or v_sync = 'off' then v_sync else 'off' end, true);
	ord := 0; body := null; code := null; message := null; sqlstate := null; detail := null;
	-- Asked before the commit, as by every writer: who goes to sleep after this waits for this transaction
	-- (rt.bell_arm).
	outcome := case when current_setting('bellwire.published', true) is distinct from current_setting('bellwire.dispatch') then 'quiet'
		when rt_private.edge_sleeps() then 'asleep' else 'published' end;
	body := case when current_setting('bellwire.moved') = current_setting('bellwire.dispatch') then 'moved' end;
	return next;
end
$$;
comment on function rt_private.dispatch(text[], boolean) is 'rt.dispatch and rt.dispatch_one; p_alone waits for locks.';

create or replace function rt.dispatch(p_items text[])
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
begin
	return query select * from rt_private.dispatch(p_items, false);
end
$$;
comment on function rt.dispatch(text[]) is
	'Runs up to 32 client events {event, user_id, socket_id, payload} (JSON text). A row an item: ok (body: the '
	'ack), error (code, message for the client; sqlstate, detail for the log), deferred (its row is locked by '
	'somebody else, or an earlier one of its socket was: send it again alone). Last a row with ord 0: quiet; '
	'published; or asleep: published, and an edge sleeps, so that rt.ring is to be called; its body is "moved" '
	'where rooms moved. Does not ring.';
