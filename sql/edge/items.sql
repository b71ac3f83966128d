-- The items of a call run in one transaction. Where one of a batch fails, each runs again in a block of its own. "when
-- others" is allowed in this file and in dispatch_lone.sql.

-- Functions without a search_path of their own run inside rt.dispatch and have its: each switch costs more than a
-- look-up.
create or replace function rt_private.item_parse(p_item text) returns jsonb
language plpgsql immutable
as $$
begin
	return p_item::jsonb;
exception when data_exception or program_limit_exceeded then
	-- valid JSON that jsonb cannot hold: \u0000, or a number that is too large
	return null;
end
$$;
comment on function rt_private.item_parse(text) is
	'JSON text of one item; null when jsonb cannot hold it (the block writes nothing, so it costs no '
	'subtransaction id).';

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

create or replace function rt_private.items_lock(p_relations text[], p_columns text[], p_keys uuid[]) returns uuid[]
language plpgsql volatile
as $$
declare
	v_lock record;
	v_got  uuid[];
	v_busy uuid[] := array[]::uuid[];
begin
	for v_lock in
		select k.relation, k.col, array_agg(distinct k.key) as keys
		from unnest(p_relations, p_columns, p_keys) k (relation, col, key)
		where k.key is not null
		group by k.relation, k.col
		order by k.relation, k.col
	loop
		-- Sorted, so that of two batches one gets all. Locked rows are skipped, so that one foreign lock does
		-- not stop all.
		execute format('select array_agg(x.id) from (select t.%2$I as id from %1$s t where t.%2$I = any($1) order by t.%2$I for no key update skip locked) x',
			v_lock.relation, v_lock.col)
			into v_got using v_lock.keys;
		continue when cardinality(v_got) = cardinality(v_lock.keys);
		execute format('select $2 || array_agg(t.%2$I) from %1$s t where t.%2$I = any($1) and t.%2$I <> all($3)', v_lock.relation, v_lock.col)
			into v_busy using v_lock.keys, v_busy, coalesce(v_got, '{}');
	end loop;
	return v_busy;
end
$$;
comment on function rt_private.items_lock(text[], text[], uuid[]) is
	'Locks the rows that the items'' lock keys name (relation, column, key; a null key: none), in sorted order. '
	'Returns the keys that somebody else holds.';

create or replace function rt_private.retry_after_ms(p_detail text, p_hint text) returns text
language sql immutable
return coalesce(substring(p_detail from '^[0-9]{1,9}$'), substring(p_hint from '^[0-9]{1,9}$'), '1000');
comment on function rt_private.retry_after_ms(text, text) is
	'How long an RT429 asks its caller to wait: milliseconds, as its DETAIL or HINT says; 1000 where neither is a '
	'number.';

create or replace function rt_private.item_failed(p_parsed boolean, p_lock text, p_state text, p_text text,
	p_context text, p_detail text, p_hint text, out outcome text, out body text, out code text, out message text, out state text,
	out detail text) returns record
language plpgsql volatile
as $$
begin
	if p_lock <> 'wait' and p_state in ('40P01', '40001', '55P03') then
		outcome := 'deferred';
		return;
	end if;
	-- An item that is not parsed is valid JSON that jsonb cannot hold, because it is too deep or too long
	-- (54...). What else it cannot hold is of class 22.
	state := case when not p_parsed and p_state ~ '^54' then '22000' else p_state end;
	outcome := 'error';
	body := case when state = 'RT429' then rt_private.retry_after_ms(p_detail, p_hint) end;
	select e.code, e.message into code, message from rt_private.error_code(state, p_text) e;
	detail := p_text || case when code = 'INTERNAL' then e'\n' || p_context else '' end;
end
$$;
comment on function rt_private.item_failed(boolean, text, text, text, text, text, text) is
	'What is told of an item that raised this error. p_lock: as in rt_private.route_run. deferred: to be tried '
	'again, unless it waited already.';

create or replace function rt_private.item_run(p_item text, p_lock text, out outcome text, out body text, out code text,
	out message text, out state text, out detail text, out lasting boolean) returns record
language plpgsql volatile
as $$
declare
	v_item    jsonb;
	v_done    text;
	v_run     record;
	v_state   text;
	v_text    text;
	v_context text;
	v_detail  text;
	v_hint    text;
begin
	v_item := p_item::jsonb;
	if jsonb_typeof(v_item -> 'payload') is distinct from 'object' then
		raise exception 'Invalid data' using errcode = 'RT400';
	end if;
	v_done := set_config('bellwire.socket_id', v_item ->> 'socket_id', true); -- half of what a perform costs
	v_run := rt_private.route_run(v_item ->> 'event', (v_item ->> 'user_id')::uuid, v_item -> 'payload', p_lock);
	set constraints all immediate;
	set constraints all deferred;
	outcome := 'ok';
	body := coalesce(v_run.ack, 'null')::text;
	lasting := v_run.lasting;
exception when others then
	get stacked diagnostics v_state = returned_sqlstate, v_text = message_text, v_context = pg_exception_context,
		v_detail = pg_exception_detail, v_hint = pg_exception_hint;
	select f.outcome, f.body, f.code, f.message, f.state, f.detail into outcome, body, code, message, state, detail
	from rt_private.item_failed(v_item is not null, p_lock, v_state, v_text, v_context, v_detail, v_hint) f;
end
$$;
comment on function rt_private.item_run(text, text) is
	'Runs one item (JSON text); whatever it raises undoes that item alone. p_lock: as in rt_private.route_run.';

create or replace function rt_private.item_call(p_item jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_done text;
	v_run  record;
begin
	v_done := set_config('bellwire.socket_id', p_item ->> 'socket_id', true);
	v_run := rt_private.route_run(p_item ->> 'event', (p_item ->> 'user_id')::uuid, p_item -> 'payload', 'held');
	return v_run.ack;
end
$$;
comment on function rt_private.item_call(jsonb) is 'Calls the function of one item''s route; its ack.';

create or replace function rt_private.items_call(p_items jsonb[], p_function text) returns jsonb[]
language plpgsql volatile
as $$
declare
	v_users    uuid[];
	v_payloads jsonb[];
	v_acks     jsonb[];
	v_done   text;
begin
	for i in 1 .. cardinality(p_items) loop
		v_users[i] := (p_items[i] ->> 'user_id')::uuid;
		v_payloads[i] := p_items[i] -> 'payload';
	end loop;
	v_done := set_config('bellwire.socket_id', '', true);
	execute 'select ' || p_function || '($1, $2)' into v_acks using v_users, v_payloads;
	if (array_ndims(v_acks), array_lower(v_acks, 1), cardinality(v_acks)) <> (1, 1, cardinality(p_items)) then -- one each, the first at 1
		raise exception '% returned acks % for % events', p_function, array_dims(v_acks), cardinality(p_items);
	end if;
	return v_acks;
end
$$;
comment on function rt_private.items_call(jsonb[], text) is
	'Calls the function of a route for several items at once. Returns their acks, or null when the function wants '
	'each alone.';

create or replace function rt_private.items_run(p_items jsonb[], p_many text[]) returns text[]
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
			v_bodies[i] := coalesce(case when v_acks is null then rt_private.item_call(p_items[i])
				else v_acks[i - v_first + 1] end, 'null')::text;
		end loop;
		v_first := v_last + 1;
	end loop;
	set constraints all immediate;
	set constraints all deferred;
	return v_bodies;
exception when others then
	-- One item has failed. Which one is found by running each in a block of its own.
	return null;
end
$$;
comment on function rt_private.items_run(jsonb[], text[]) is
	'Runs items in one block, because a block for each costs nearly as much as the item, and neighbours whose route '
	'can take many in one call; null when one fails, and then nothing has happened.';
