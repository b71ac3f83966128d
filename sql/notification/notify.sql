-- How services write a notification.

create or replace function platform.notify(p_user_id uuid, p_type text, p_title text, p_body text, p_data jsonb default '{}') returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	insert into platform.notifications (user_id, type, title, body, data)
	values (p_user_id, p_type, p_title, p_body, p_data)
	returning id
$$;
comment on function platform.notify(uuid, text, text, text, jsonb) is
	'Writes a notification and returns its id; notification:new rings at the user''s sockets. The type is one of the eleven of platform.notifications.';
grant execute on function platform.notify(uuid, text, text, text, jsonb) to bellwire_service;
