-- platform.notifications: told to the user's sockets, and read there.

create or replace function rt_private.notifications_first() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	new.data := coalesce(new.data, '{}');
	if tg_op = 'UPDATE' and old.read_at is not null and new.read_at is not null then
		new.read_at := old.read_at;
	end if;
	return new;
end
$$;
comment on function rt_private.notifications_first() is 'Missing data is {}; the first read counts.';

create or replace function rt_private.notification_payload(p_id uuid, p_type text, p_title text, p_body text, p_data jsonb,
	p_created_at timestamptz, p_read_at timestamptz) returns jsonb
language sql stable
return jsonb_build_object('id', p_id, 'type', p_type, 'title', p_title, 'body', p_body, 'data', p_data,
		'created_at', rt_private.iso(p_created_at), 'is_read', p_read_at is not null);
comment on function rt_private.notification_payload(uuid, text, text, text, jsonb, timestamptz, timestamptz) is
	'{id, type, title, body, data, created_at, is_read}: a notification as clients see it.';

create or replace function rt_private.notifications_publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
	v_problem text;
	-- whether somebody asks for what no socket has taken
	v_push constant boolean := tg_op = 'INSERT' and exists (select from bellwire.push_consumers);
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op = 'INSERT' then
		-- as it is scanned, a transition table gives its rows in the order in which the statement wrote them
		for r in
			select n.user_id, n.data, rt_private.notification_payload(n.id, n.type, n.title, n.body, n.data, n.created_at, n.read_at) as payload
			from new_rows n
		loop
			if r.data <> '{}' then
				v_problem := rt_private.relay_problem(r.data, r.data::text);
				if v_problem is not null then
					raise exception using errcode = 'RT400', message = 'data ' || v_problem;
				end if;
			end if;
			perform rt_private.publish(array['user:' || r.user_id], 'notification:new', r.payload,
				p_confirm => case when v_push then jsonb_build_object('notification_id', r.payload -> 'id') end);
		end loop;
	else
		for r in
			select n.id, n.user_id, n.read_at
			from new_rows n
			join old_rows o using (id)
			where o.read_at is null and n.read_at is not null
			order by n.created_at, n.seq, n.id
		loop
			perform rt_private.publish(array['user:' || r.user_id], 'notification:read',
				jsonb_build_object('notification_id', r.id, 'is_read', true, 'read_at', rt_private.iso(r.read_at)),
				p_except => array_remove(array[rt.socket_id()], null));
		end loop;
	end if;
	return null;
end
$$;
comment on function rt_private.notifications_publish() is
	'notification:new, and notification:read {notification_id, is_read, read_at} but to the socket that caused it, to user:<user>.';

select bellwire.ensure_trigger('platform.notifications', 'notifications_first',
	$$before insert or update on platform.notifications for each row execute function rt_private.notifications_first()$$);
select bellwire.ensure_trigger('platform.notifications', 'notifications_publish_insert',
	$$after insert on platform.notifications referencing new table as new_rows for each statement execute function rt_private.notifications_publish()$$);
select bellwire.ensure_trigger('platform.notifications', 'notifications_publish_update',
	$$after update on platform.notifications referencing old table as old_rows new table as new_rows for each statement execute function rt_private.notifications_publish()$$);
