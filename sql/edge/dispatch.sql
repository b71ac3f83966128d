-- Client events, by batches. What comes alone has a shorter way (rt.dispatch_lone).

create or replace function rt_private.dispatch_begin() returns text
language sql volatile
return rt_private.unrung()
	-- resets a note from earlier in this transaction; an edge's call has none
	|| case when current_setting('bellwire.moved', true) <> '' then set_config('bellwire.moved', '', true) end;
comment on function rt_private.dispatch_begin() is
	'Notes that this transaction is a dispatch: writers in it do not ring.';

-- Durability is the call's: an item that switches it off must not make its neighbours' acks a lie.
create or replace function rt_private.dispatch_lasts(p_sync text, p_lasting boolean) returns text
language sql volatile
return case when current_setting('synchronous_commit') <> p_sync or p_lasting is not true then
	set_config('synchronous_commit', case when p_lasting or p_sync = 'off' then p_sync else 'off' end, true) end;
comment on function rt_private.dispatch_lasts(text, boolean) is
	'Sees to it that a dispatch commits as it began: p_sync, its synchronous_commit; p_lasting: it wrote something '
	'that must survive a crash.';

-- Asked before the commit, as every writer does: an edge that goes to sleep later waits for this transaction
-- (rt.bell_arm).
create or replace function rt_private.dispatch_said() returns text
language sql volatile
return case
	when split_part(current_setting('bellwire.published', true), e'\x1e', 1)
		is distinct from current_setting('bellwire.dispatch') then 'quiet'
	when rt_private.edge_sleeps() then 'asleep' else 'published' end;
comment on function rt_private.dispatch_said() is 'What a dispatch published: the outcome of its last row.';

create or replace function rt_private.dispatch_end(p_sync text, p_lasting boolean) returns text
language plpgsql volatile
as $$
declare
	v_done text;
begin
	v_done := concat(rt_private.dispatch_lasts(p_sync, p_lasting), set_config('bellwire.socket_id', '', true));
	return rt_private.dispatch_said();
end
$$;
comment on function rt_private.dispatch_end(text, boolean) is
	'Ends a dispatch, as rt_private.dispatch_lasts does; the outcome of its last row.';

create or replace function rt_private.dispatch_moved() returns text
language sql volatile
return nullif(current_setting('bellwire.moved', true), '');
comment on function rt_private.dispatch_moved() is 'Whether a dispatch moved rooms: the body of its last row.';

create or replace function rt.dispatch(p_items text[])
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_sync constant text := current_setting('synchronous_commit');
	v_done text;
	v_items jsonb[];
	v_event text;
	v_route record;
	v_many text[];
	v_durable boolean[];
	v_relations text[];
	v_columns text[];
	v_key text;
	v_keys uuid[] := array[]::uuid[];
	v_busy uuid[];
	v_deferred text[] := array[]::text[];
	v_outcomes text[];
	v_run jsonb[] := array[]::jsonb[];
	v_run_many text[] := array[]::text[];
	v_bodies text[];
	v_lasting boolean := false;
	v_ran int := 0;
begin
	if cardinality(p_items) > 32 then
		raise exception 'a batch has at most 32 items' using errcode = 'RT400';
	end if;
	v_done := rt_private.dispatch_begin();
	v_items := rt_private.items_parse(p_items);
	-- Routes are read item by item, since most items of a batch have one event: a query for all costs as much as
	-- five.
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		if v_event is null or v_items[i] ->> 'event' is distinct from v_event then
			v_event := v_items[i] ->> 'event';
			select r.function_many, r.ephemeral, r.lock_key, l.relation, l.key as col into v_route
			from bellwire.routes r
			left join bellwire.lock_keys l on l.lock_key = r.lock_key
			where r.event = v_event;
		end if;
		v_many[i] := v_route.function_many;
		v_durable[i] := not v_route.ephemeral;
		v_relations[i] := v_route.relation;
		v_columns[i] := v_route.col;
		v_key := v_items[i] -> 'payload' ->> v_route.lock_key;
		v_keys[i] := case when rt_private.is_uuid(v_key) then v_key::uuid end;
	end loop;
	v_busy := rt_private.items_lock(v_relations, v_columns, v_keys);
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		if v_items[i] is null or jsonb_typeof(v_items[i] -> 'payload') is distinct from 'object' then
			v_outcomes[i] := 'unfit';
			continue;
		end if;
		if v_items[i] ->> 'socket_id' = any(v_deferred) or v_keys[i] = any(v_busy) then
			-- later items of the same socket are deferred too, so that a client's events stay in order
			v_deferred := v_deferred || (v_items[i] ->> 'socket_id');
			v_outcomes[i] := 'deferred';
			continue;
		end if;
		v_run := v_run || v_items[i];
		v_run_many := v_run_many || v_many[i];
		v_lasting := v_lasting or v_durable[i];
	end loop;
	-- items before a socket's deferred one are not deferred
	v_deferred := '{}';
	if cardinality(v_run) > 1 then
		v_bodies := rt_private.items_run(v_run, v_run_many);
	end if;
	for i in 1 .. coalesce(cardinality(v_items), 0) loop
		ord := i; outcome := v_outcomes[i]; body := null; code := null; message := null; sqlstate := null; detail := null;
		if outcome is null and v_bodies is not null then
			v_ran := v_ran + 1;
			outcome := 'ok'; body := v_bodies[v_ran];
		elsif outcome is null and v_items[i] ->> 'socket_id' = any(v_deferred) then
			outcome := 'deferred';
		elsif outcome is distinct from 'deferred' then
			select r.outcome, r.body, r.code, r.message, r.state, r.detail
			into outcome, body, code, message, sqlstate, detail
			from rt_private.item_run(p_items[i], 'held') r;
			if outcome = 'deferred' then
				v_deferred := v_deferred || (v_items[i] ->> 'socket_id');
			end if;
		end if;
		return next;
	end loop;
	ord := 0; code := null; message := null; sqlstate := null; detail := null;
	outcome := rt_private.dispatch_end(v_sync, v_lasting);
	body := rt_private.dispatch_moved();
	return next;
end
$$;
comment on function rt.dispatch(text[]) is
	'Runs up to 32 client events {event, user_id, socket_id, payload} (JSON text), in one block, and where one '
	'fails, each in a block of its own. A row an item: ok (body: the '
	'ack), error (code, message for the client; sqlstate, detail for the log), deferred (its row is locked by '
	'somebody else, or an earlier one of its socket was: send it again alone). Last a row with ord 0: quiet; '
	'published; or asleep: published, and an edge sleeps, so that rt.ring is to be called; its body is "moved" '
	'where rooms moved. Does not ring.';
