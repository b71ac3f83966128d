-- notification:read  ->  {notification_id, is_read, read_at}

create or replace function rt.notification_read(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_id      constant uuid := rt_private.payload_uuid(p_payload, 'notification_id');
	v_read_at timestamptz;
begin
	select n.read_at into v_read_at from platform.notifications n where n.id = v_id and n.user_id = p_user_id;
	if found and v_read_at is null then
		-- if it is read elsewhere at the same moment, the trigger keeps that time
		update platform.notifications n set read_at = clock_timestamp()
		where n.id = v_id and n.user_id = p_user_id
		returning n.read_at into v_read_at;
	end if;
	if v_read_at is null then
		raise exception using errcode = 'RT403', message = 'No such notification';
	end if;
	return jsonb_build_object('notification_id', v_id, 'is_read', true, 'read_at', rt_private.iso(v_read_at));
end
$$;
comment on function rt.notification_read(uuid, jsonb) is
	'{notification_id} -> {notification_id, is_read:true, read_at}; the first read counts. RT400, RT403 missing '
	'or somebody else''s.';

select bellwire.ensure_route('notification:read', 'rt.notification_read', p_max_bytes => 1024,
	p_rate_class => 'read', p_rate_per_s => 50, p_rate_burst => 200, p_repeatable => 'always');
