-- Client events: one transaction a batch; where an item fails, each runs in a block of its own (design 8.1-8.3, 8.6, 8.15).
-- "when others" stands in this file and nowhere else.

create or replace function rt_private.error_code(p_sqlstate text, p_message text,
	out code text, out message text) returns record
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
	code := case p_sqlstate
		when 'RT400' then 'INVALID_DATA' when 'RT401' then 'UNAUTHORIZED' when 'RT403' then 'FORBIDDEN'
		when 'RT404' then 'CHAT_NOT_FOUND' when 'RT413' then 'MESSAGE_TOO_LARGE' when 'RT429' then 'RATE_LIMIT'
		when 'RT503' then 'UNAVAILABLE' end;
	if code is not null then
		message := p_message;
	elsif left(p_sqlstate, 2) in ('22', '23') then
		code := 'INVALID_DATA';
		message := 'Invalid data';
	elsif left(p_sqlstate, 2) in ('08', '40', '53', '55', '57') then
		code := 'UNAVAILABLE';
		message := 'Try again';
	else
		code := 'INTERNAL';
		message := 'Internal error ' || left(replace(gen_random_uuid()::text, '-', ''), 12);
	end if;
end
$$;
comment on function rt_private.error_code(text, text) is
	'The contract''s code of an SQLSTATE, and what the client may read: the text of RT errors, else a fixed one (contract 5).';

-- Functions without a search_path of their own run inside rt.dispatch and have its: each switch costs more than a look-up.
create or replace function rt_private.item_parse(p_item text) returns jsonb
language plpgsql immutable
as $$
begin
	return p_item::jsonb;
exception when data_exception or program_limit_exceeded then
	-- valid JSON of a client that jsonb cannot hold: \u0000, a number without end
	return null;
end
$$;
comment on function rt_private.item_parse(text) is 'JSON text of one item; null when jsonb cannot hold it (the block writes nothing, so it costs no subtransaction id).';

create or replace function rt_private.items_parse(p_items text[]) returns jsonb[]
language plpgsql immutable
as $$
begin
	return p_items::jsonb[];
exception when data_exception or program_limit_exceeded then
	return array(select rt_private.item_parse(t.item) from unnest(p_items) with ordinality t (item, n) order by t.n);
end
$$;
comment on function rt_private.items_parse(text[]) is 'The items of a batch; those that jsonb cannot hold are null.';

create or replace function rt_private.items_lock(p_relations text[], p_columns text[], p_keys uuid[], p_wait boolean) returns uuid[]
language plpgsql volatile
as $$
declare
	c_how constant text := case when p_wait then '' else 'skip locked' end;
	v_lock record;
	v_got  uuid[];
	v_busy uuid[] := '{}';
begin
	if cardinality(p_keys) = 1 then -- the usual batch: a plan for many costs twice as much
		if p_keys[1] is not null then
			execute format('select array[t.%2$I] from %1$s t where t.%2$I = $1 for no key update %3$s', p_relations[1], p_columns[1], c_how)
				into v_got using p_keys[1];
			if v_got is null then
				execute format('select coalesce(array_agg(t.%2$I), ''{}'') from %1$s t where t.%2$I = $1', p_relations[1], p_columns[1]) into v_busy using p_keys[1];
			end if;
		end if;
		return v_busy;
	end if;
	for v_lock in
		select k.relation, k.col, array_agg(distinct k.key) as keys
		from unnest(p_relations, p_columns, p_keys) k (relation, col, key)
		where k.key is not null
		group by k.relation, k.col
		order by k.relation, k.col
	loop
		-- sorted, or two batches deadlock; skipping, or one foreign lock stops all
		execute format('select array_agg(x.id) from (select t.%2$I as id from %1$s t where t.%2$I = any($1) order by t.%2$I for no key update %3$s) x',
			v_lock.relation, v_lock.col, c_how)
			into v_got using v_lock.keys;
		continue when cardinality(v_got) = cardinality(v_lock.keys);
		execute format('select $2 || array_agg(t.%2$I) from %1$s t where t.%2$I = any($1) and t.%2$I <> all($3)', v_lock.relation, v_lock.col)
			into v_busy using v_lock.keys, v_busy, coalesce(v_got, '{}');
	end loop;
	return v_busy;
end
$$;
comment on function rt_private.items_lock(text[], text[], uuid[], boolean) is
	'Locks the rows that the items'' lock keys name (relation, column, key; a null key: none), in sorted order. Returns the keys that somebody else holds.';

create or replace function rt_private.item_call(p_item jsonb, p_function text) returns text
language plpgsql volatile
as $$
declare
	v_socket text;
	v_body   jsonb;
begin
	v_socket := set_config('bellwire.socket_id', p_item ->> 'socket_id', true); -- an assignment costs half of a perform
	if p_function is null then
		raise exception 'Unknown event' using errcode = 'RT400';
	end if;
	execute 'select ' || p_function || '($1, $2)' into v_body using (p_item ->> 'user_id')::uuid, p_item -> 'payload';
	return coalesce(v_body, 'null')::text;
end
$$;
comment on function rt_private.item_call(jsonb, text) is 'Calls the function of one item''s route (null: there is none); the ack as JSON text.';

create or replace function rt_private.item_run(p_item jsonb, p_function text,
	out outcome text, out body text, out code text, out message text, out state text, out detail text) returns record
language plpgsql volatile
as $$
declare
	v_context text;
begin
	body := rt_private.item_call(p_item, p_function);
	set constraints all immediate;
	set constraints all deferred;
	outcome := 'ok';
exception when others then
	get stacked diagnostics state = returned_sqlstate, detail = message_text, v_context = pg_exception_context;
	body := null;
	outcome := 'error';
	select e.code, e.message into code, message from rt_private.error_code(state, detail) e;
	if code = 'INTERNAL' then
		detail := detail || e'\n' || v_context;
	end if;
end
$$;
comment on function rt_private.item_run(jsonb, text) is 'Runs one item; whatever it raises undoes that item alone.';

create or replace function rt_private.items_call(p_items jsonb[], p_function text) returns jsonb[]
language plpgsql volatile
as $$
declare
	v_users    uuid[];
	v_payloads jsonb[];
	v_acks     jsonb[];
	v_socket   text;
begin
	for i in 1 .. cardinality(p_items) loop
		v_users[i] := (p_items[i] ->> 'user_id')::uuid;
		v_payloads[i] := p_items[i] -> 'payload';
	end loop;
	v_socket := set_config('bellwire.socket_id', '', true);
	execute 'select ' || p_function || '($1, $2)' into v_acks using v_users, v_payloads;
	if (array_ndims(v_acks), array_lower(v_acks, 1), cardinality(v_acks)) <> (1, 1, cardinality(p_items)) then -- one each, the first at 1
		raise exception '% returned acks % for % events', p_function, array_dims(v_acks), cardinality(p_items);
	end if;
	return v_acks;
end
$$;
comment on function rt_private.items_call(jsonb[], text) is 'Calls the function of a route for several items at once; their acks, or null: it would rather not.';

create or replace function rt_private.items_run(p_items jsonb[], p_functions text[], p_many text[]) returns text[]
language plpgsql volatile
as $$
declare
	v_bodies text[];
	v_acks   jsonb[];
	v_first  int := 1;
	v_last   int;
begin
	while v_first <= cardinality(p_items) loop
		v_last := v_first;
		while p_many[v_last + 1] = p_many[v_first] loop
			v_last := v_last + 1;
		end loop;
		v_acks := null;
		if v_last > v_first then
			v_acks := rt_private.items_call(p_items[v_first:v_last], p_many[v_first]);
		end if;
		for i in v_first .. v_last loop
			v_bodies[i] := case when v_acks is null then rt_private.item_call(p_items[i], p_functions[i])
				else coalesce(v_acks[i - v_first + 1], 'null')::text end;
		end loop;
		v_first := v_last + 1;
	end loop;
	set constraints all immediate;
	set constraints all deferred;
	return v_bodies;
exception when others then
	-- one of them cannot be done: which one is found by running each in a block of its own
	return null;
end
$$;
comment on function rt_private.items_run(jsonb[], text[], text[]) is
	'Runs items in one block, because a block for each costs nearly as much as the item, and neighbours whose route can take many in one call; null when one fails, and then nothing has happened.';

create or replace function rt_private.dispatch(p_items text[], p_alone boolean)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile
as $$
declare
	c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
	v_items jsonb[];
	v_event text;
	v_route record;
	v_functions text[];
	v_many text[];
	v_durable boolean[];
	v_relations text[];
	v_columns text[];
	v_keys uuid[] := '{}';
	v_busy uuid[];
	v_deferred text[] := '{}';
	v_sync constant text := current_setting('synchronous_commit');
	v_outcomes text[];
	v_run jsonb[] := '{}';
	v_run_functions text[] := '{}';
	v_run_many text[] := '{}';
	v_bodies text[];
	v_lasting boolean := false;
	v_ran int := 0;
begin
	if cardinality(p_items) > 32 then
		raise exception 'a batch has at most 32 items' using errcode = 'RT400';
	end if;
	perform set_config('bellwire.dispatch', pg_current_xact_id()::text, true);
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
			and v_items[i] -> 'payload' ->> v_route.lock_key ~ c_uuid then (v_items[i] -> 'payload' ->> v_route.lock_key)::uuid end;
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
	-- durability is the batch's: an item must not make its neighbours' acks a lie (design 8.6)
	perform set_config('synchronous_commit', case when v_lasting or v_sync = 'off' then v_sync else 'off' end, true);
	ord := 0; body := null; code := null; message := null; sqlstate := null; detail := null;
	-- Asked before the commit, as by every writer: who goes to sleep after this waits for this transaction (rt.bell_arm).
	outcome := case when current_setting('bellwire.published', true) is distinct from current_setting('bellwire.dispatch') then 'quiet'
		when rt_private.edge_sleeps() then 'asleep' else 'published' end;
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
	'Runs up to 32 client events {event, user_id, socket_id, payload} (JSON text). A row an item: ok (body: the ack), error (code, message for the client; sqlstate, detail for the log), deferred (its row is locked by somebody else, or an earlier one of its socket was: send it again alone). Last a row with ord 0: quiet; published; or asleep: published, and an edge sleeps, so that rt.ring is to be called. Does not ring.';

create or replace function rt.dispatch_one(p_item text)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
begin
	begin
		return query select * from rt_private.dispatch(array[p_item], true);
	exception when lock_not_available then
		return query select 1, 'error', null::text, 'UNAVAILABLE', 'Try again', '55P03', 'the row is locked by somebody else'
			union all select 0, 'quiet', null, null, null, null, null;
	end;
end
$$;
comment on function rt.dispatch_one(text) is 'rt.dispatch for one item that was deferred: waits for its lock up to 250 ms, then UNAVAILABLE.';
