-- GET /api/v2/notifications
create or replace function rt.get_notifications(p_user_id uuid, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_limit   constant int := rt_private.query_limit(p_query);
	v_before  constant text[] := rt_private.query_before(p_query,
		'^-?[0-9]{1,19}[.]-?[0-9]{1,19}[.][0-9a-f-]{36}$', true);
	v_is_read boolean;
	v_at      timestamptz;
	v_seq     bigint;
	v_id      uuid;
	v_items   jsonb;
	v_places  text[];
begin
	perform rt_private.reader_check(p_user_id);
	if p_query ->> 'is_read' not in ('true', 'false') then
		raise exception using errcode = 'RT400', message = 'is_read must be true or false';
	end if;
	v_is_read := (p_query ->> 'is_read')::boolean;
	if rt_private.is_uuid(v_before[1]) then
		v_id := v_before[1]::uuid;
		select n.created_at, n.seq into v_at, v_seq
		from platform.notifications n where n.id = v_id and n.user_id = p_user_id;
		if not found then
			raise exception using errcode = 'RT400', message = 'before is not one of these notifications';
		end if;
	else
		v_at := rt_private.place_at(v_before[1]);
		v_seq := v_before[2]::bigint;
		v_id := v_before[3]::uuid;
	end if;
	-- three queries in one text, so that unread ones are found by their own index
	execute 'select coalesce(jsonb_agg(rt_private.notification_payload(n.id, n.type, n.title, n.body, n.data, n.created_at, n.read_at)
			|| jsonb_build_object(''read_at'', rt_private.iso(n.read_at))
			order by n.created_at desc, n.seq desc, n.id desc), ''[]''),
			array_agg(concat_ws(''.'', rt_private.place_time(n.created_at), n.seq, n.id)
			order by n.created_at desc, n.seq desc, n.id desc)
		from (
			select n.* from platform.notifications n
			where n.user_id = $1
				and ($2 is null or n.created_at <= $2 and (n.created_at, n.seq, n.id) < ($2, $3, $4))'
			|| case v_is_read when true then ' and n.read_at is not null' when false then ' and n.read_at is null' else '' end
			|| ' order by n.created_at desc, n.seq desc, n.id desc limit $5
		) n'
	into v_items, v_places using p_user_id, v_at, v_seq, v_id, v_limit + 1;
	return rt_private.page(v_items, v_places, v_limit);
end
$$;
comment on function rt.get_notifications(uuid, jsonb) is
	'{limit?, before?, is_read?} -> {items:[keys of notification:new, read_at], next_before}, newest first. RT400, RT401.';
