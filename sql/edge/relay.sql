-- Relayed events: what bellwire.routes says of one (docs/events.md, "A relayed event"). An edge decides by itself who may
-- send it, from rooms that it holds, and delivers it. These functions are the same rules for what comes to the database
-- all the same: events that are refused, or that an edge is not sure of.

create or replace function rt_private.relay_value(p_field text, p_kind text, p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql stable
as $$
begin
	if p_kind = 'user_id' then
		return to_jsonb(p_user_id);
	elsif p_kind = 'user_name' then
		return (select to_jsonb(u.name) from platform.users u where u.id = p_user_id);
	elsif p_kind = 'uuid' then
		return to_jsonb(rt_private.payload_uuid(p_payload, p_field));
	elsif jsonb_typeof(p_payload -> p_field)
		is distinct from (case p_kind when 'text' then 'string' else p_kind end) then
		perform rt_private.payload_refuse(p_field, 'a ' || p_kind);
	end if;
	return p_payload -> p_field;
end
$$;
comment on function rt_private.relay_value(text, text, uuid, jsonb) is
	'The value of one field of a relayed event, by its kind. RT400.';

create or replace function rt_private.relay_room(p_template text, p_data jsonb) returns text
language sql immutable
return split_part(p_template, '{', 1) || (p_data ->> rtrim(split_part(p_template, '{', 2), '}'));
comment on function rt_private.relay_room(text, jsonb) is 'chat:{chat_id}, with the field''s value in its place.';

create or replace function rt_private.relay_allow(p_user_id uuid, p_room text) returns void
language plpgsql stable
as $$
declare
	v_family constant text := split_part(p_room, ':', 1);
	v_id     constant uuid := split_part(p_room, ':', 2)::uuid;
begin
	if v_family = 'participants' then
		if not exists (select from platform.chat_participants p where p.chat_id = v_id and p.user_id = p_user_id) then
			perform rt_private.chat_refuse(v_id);
		end if;
	elsif v_family = 'followers' then
		if not exists (select from platform.follows f where f.follower_id = p_user_id and f.followee_id = v_id) then
			raise exception using errcode = 'RT403', message = 'Not a follower of this user';
		end if;
	elsif v_id is distinct from p_user_id then
		raise exception using errcode = 'RT403', message = 'Not this user';
	end if;
end
$$;
comment on function rt_private.relay_allow(uuid, text) is
	'Refuses a user whose rows do not put him into the room. RT403; RT404 where there is no such chat.';

create or replace function rt_private.relay(p_event text, p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile
as $$
declare
	v_route record;
	v_field record;
	v_data  jsonb := '{}'::jsonb;
begin
	select r.relay_room, r.relay_members, r.relay_fields into strict v_route
	from bellwire.routes r where r.event = p_event;
	for v_field in select f.key, f.value from jsonb_each_text(v_route.relay_fields) f loop
		v_data := v_data || jsonb_build_object(v_field.key,
			rt_private.relay_value(v_field.key, v_field.value, p_user_id, p_payload));
	end loop;
	perform rt_private.relay_allow(p_user_id, rt_private.relay_room(v_route.relay_members, v_data));
	perform rt_private.publish(array[rt_private.relay_room(v_route.relay_room, v_data)], p_event, v_data,
		p_except => array_remove(array[rt.socket_id()], null), p_ephemeral => true);
	return jsonb_build_object('status', 'ok');
end
$$;
comment on function rt_private.relay(text, uuid, jsonb) is
	'Relays an event of a client as its route says, to every socket of the room but the calling one. RT400, RT403, '
	'RT404.';
