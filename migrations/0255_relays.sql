-- migrate:up

alter table bellwire.routes
	alter column function drop not null,
	add column relay_room text
		check (relay_room ~ '^(user|participants|followers|chat):[{][a-z_][a-z0-9_]{0,62}[}]$'),
	add column relay_members text
		check (relay_members ~ '^(user|participants|followers):[{][a-z_][a-z0-9_]{0,62}[}]$'),
	add column relay_fields jsonb check (jsonb_typeof(relay_fields) = 'object'),
	add constraint routes_relay check (num_nulls(relay_room, relay_members, relay_fields) in (0, 3)),
	add constraint routes_does check (function is not null or relay_room is not null);
comment on column bellwire.routes.function is
	'schema.name of a function (p_user_id uuid, p_payload jsonb) returns jsonb. In a relayed route it is called '
	'where an edge does not decide by itself; null there: what the relay columns say is done.';
comment on column bellwire.routes.relay_room is
	'Relayed: where the event goes, as chat:{chat_id}, with a field that is a uuid or the user''s; null: the '
	'event is not relayed.';
comment on column bellwire.routes.relay_members is
	'The room whose members may send it, as participants:{chat_id}.';
comment on column bellwire.routes.relay_fields is
	'What the event that goes out has: {field: kind}. Of the payload, where each is required: uuid, boolean, '
	'number, text. Of the sender: user_id, user_name.';

create function bellwire.ensure_relay(p_event text, p_room text, p_members text, p_fields jsonb) returns void
language sql set search_path = pg_catalog, pg_temp
as $$
	update bellwire.routes r set relay_room = p_room, relay_members = p_members, relay_fields = p_fields
	where r.event = p_event
		and (r.relay_room, r.relay_members, r.relay_fields) is distinct from (p_room, p_members, p_fields)
$$;
comment on function bellwire.ensure_relay(text, text, text, jsonb) is 'Says of a route that it is relayed, and how.';

-- migrate:down

drop function bellwire.ensure_relay(text, text, text, jsonb);
delete from bellwire.routes where function is null;
alter table bellwire.routes
	drop constraint routes_does, drop constraint routes_relay,
	drop column relay_room, drop column relay_members, drop column relay_fields,
	alter column function set not null;
