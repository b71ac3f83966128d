-- rt.relays: the relayed routes; and which a route may be (event_is_reserved, route_relay_problem).
begin;
select plan(15);

select results_eq('select * from rt.relays()', $$values ('chat:typing', 'chat:{chat_id}', 'participants:{chat_id}',
	e'chat_id uuid\nuser_id user_id\nis_typing boolean\nuser_name user_name')$$,
	'there is one; fields as jsonb has them');
create function pg_temp.refused(p_room text, p_members text, p_fields jsonb, p_message text) returns text
	language sql as $$
	select throws_ok(format('insert into bellwire.routes (event, relay_room, relay_members, relay_fields)
		values (%L, %L, %L, %L)', 'e', p_room, p_members, p_fields), 'RT400', 'route "e": ' || p_message,
		p_message) $$;
select pg_temp.refused('chat:{a}', 'participants:{a}', '{"a": "any"}', 'relay_fields: "a" cannot be "any"');
select pg_temp.refused('chat:{a}', 'participants:{a}', '{"a": null}', 'relay_fields: "a" cannot be ""');
select pg_temp.refused('chat:{a}', 'participants:{a}', '{"a": "uuid", "B": "text"}',
	'relay_fields: "B" cannot be "text"');
select pg_temp.refused('chat:{b}', 'participants:{a}', '{"a": "uuid"}',
	'"chat:{b}" must name a field that is a uuid or a user_id');
select pg_temp.refused('chat:{a}', 'participants:{b}', '{"a": "uuid", "b": "text"}',
	'"participants:{b}" must name a field that is a uuid or a user_id');
select pg_temp.refused('chat:a', 'participants:{a}', '{"a": "uuid"}',
	'"chat:a" must name a field that is a uuid or a user_id');
select throws_ok(format('insert into bellwire.routes (event, function, relay_room, relay_members, relay_fields)
	values (%L, %L, %L, %L, %L)', 'e', f, r, m, d), '23514', null, t)
from (values (null, null, null, null, 'neither a function nor a room'),
	('rt.chat_leave', 'chat:{a}', null, '{"a": "uuid"}', 'a room without members'),
	(null, 'chat:{a}', 'participants:{a}', null, 'no fields'),
	(null, 'all:{a}', 'participants:{a}', '{"a": "uuid"}', 'a room of no family'),
	(null, 'chat:{a}', 'chat:{a}', '{"a": "uuid"}', 'members that rows do not grant'),
	(null, 'chat:{a}', 'participants:{a}', '["a"]', 'no object')) b (f, r, m, d, t);
select throws_ok($$insert into bellwire.routes (event, relay_room, relay_members, relay_fields)
	values ('connected', 'chat:{a}', 'participants:{a}', '{"a": "uuid"}')$$, 'RT400', null,
	'a name of the edge''s own');

insert into bellwire.routes (event, relay_room, relay_members, relay_fields)
	values ('e', 'chat:{a}', 'user:{b}', '{"a": "uuid", "b": "user_id"}');
select results_eq($$select function, ok, problem from rt.routes() where event = 'e'$$,
	'values (null::text, true, null::text)', 'it needs no function');

select * from finish();
rollback;
