-- GET /api/v2/chats.
begin;
select plan(33);

insert into platform.users (id, name, avatar_url) values (tests.u(1), 'Anna', 'https://x.y/a'),
	(tests.u(2), 'Boris', null), (tests.u(3), 'Stranger', null);
insert into platform.chats (id, created_at) select tests.u(n), now() - interval '1 day' from generate_series(10, 13) n;
insert into platform.chat_participants (chat_id, user_id) select tests.u(n), tests.u(1) from generate_series(10, 12) n;
insert into platform.chat_participants (chat_id, user_id, joined_at)
	values (tests.u(10), tests.u(2), now() - interval '1 hour');
insert into platform.messages (id, chat_id, sender_id, type, content) select tests.u(n), tests.u(10),
	tests.u(1 + n % 2), 'text', 'm' || n from generate_series(21, 26) n;
insert into platform.messages (id, chat_id, sender_id, type, content)
	values (tests.u(30), tests.u(12), tests.u(1), 'text', 'last');
insert into bellwire.presence (user_id, online) values (tests.u(2), true) on conflict (user_id) do update
	set online = true;
create function pg_temp.ids(p jsonb) returns text[]
	language sql as $$ select array(select right(i ->> 'id', 2)
	from jsonb_array_elements(p -> 'items') with ordinality t(i, n) order by n) $$;
select rt.get_chats(tests.u(1), '{}') as r \gset
select is(pg_temp.ids(:'r'), array['12', '10', '11'], 'newest activity first; own chats only');
select is(:'r'::jsonb -> 'next_before', 'null', 'the last page');
select is(:'r'::jsonb #> '{items,1,participants}', jsonb_build_array(
	jsonb_build_object('user_id', tests.u(1), 'name', 'Anna', 'avatar_url', 'https://x.y/a', 'online', false,
		'last_seen', null),
	jsonb_build_object('user_id', tests.u(2), 'name', 'Boris', 'avatar_url', null, 'online', true, 'last_seen',
		null)), 'participants, the user first');
select is(:'r'::jsonb #> '{items,1,participants_count}', '2', 'how many they are');
select is(:'r'::jsonb #>> '{items,1,last_message,content}', 'm26', 'last message');
select is(:'r'::jsonb #>> '{items,1,last_message,status}', 'sent', 'its status');
select is(:'r'::jsonb #> '{items,2,last_message}', 'null', 'no message yet');
select is(:'r'::jsonb #> '{items,1,unread_count}', '3', 'unread: those of others');
select is(:'r'::jsonb #> '{items,0,unread_count}', '0', 'not one''s own');
select is((select array_agg(k order by k) from jsonb_object_keys(:'r'::jsonb #> '{items,1}') k),
	array['created_at', 'id', 'last_message', 'participants', 'participants_count', 'unread_count'], 'keys');
select lives_ok($$select rt.chat_message_read(tests.u(1),
	jsonb_build_object('chat_id', tests.u(10), 'message_id', tests.u(21)))$$, 'one is read');
select is(rt.get_chats(tests.u(1), '{}') #> '{items,1,unread_count}', '2', 'less what was read');
update platform.chat_participants set joined_at = clock_timestamp() where user_id = tests.u(1)
	and chat_id = tests.u(10);
select is(rt.get_chats(tests.u(1), '{}') #> '{items,1,unread_count}', '0', 'since one joined');
update platform.chat_participants set joined_at = now() where user_id = tests.u(1);
select rt.get_chats(tests.u(1), '{"limit": "2"}') as r \gset
select :'r'::jsonb ->> 'next_before' as place \gset
select isnt(:'place'::text, null, 'there is more');
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('limit', '2', 'before', :'place'::text))),
	array['11'], 'the rest');
savepoint changed;
insert into platform.messages (chat_id, sender_id, type, content)
	values (tests.u(10), tests.u(1), 'text', 'now on top');
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('before', :'place'::text))), array['11'],
	'chats paged while the cursor''s chat changes: the place stays');
rollback to changed;
delete from platform.messages where chat_id = tests.u(10);
update platform.chats set created_at = '2020-01-01T00:00:00Z' where id = tests.u(10);
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('before', :'place'::text))), array['11', '10'],
	'or sinks');
rollback to changed;
delete from platform.chats where id = tests.u(10);
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('before', :'place'::text))), array['11'],
	'the cursor''s chat deleted');
rollback to changed;
-- place_time, place_at
update platform.chats set created_at = '1969-12-31T23:59:59.999999Z' where id = tests.u(11);
select rt.get_chats(tests.u(1), '{"limit": "1"}') ->> 'next_before' as place \gset
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('before', :'place'::text))), array['10', '11'],
	'a place is exact, and before 1970 too');
rollback to changed;
select is(rt.get_chats(tests.u(3), '{}'), '{"items": [], "next_before": null}', 'nothing');
select throws_ok(format($$select rt.get_chats(tests.u(1), jsonb_build_object('before', %L::text))$$, b), 'RT400',
	'before must be a next_before', 'before ' || b) from unnest(array['x', '', '1.2', tests.u(10)::text]) b;

-- large chats
set local bellwire.silent = on;
select tests.users(100001, 120000);
insert into platform.chats (id) values (tests.u(14));
insert into platform.chat_participants (chat_id, user_id)
	select tests.u(14), tests.u(n) from generate_series(100001, 120000) n;
select rt.get_chats(tests.u(119999), '{}') -> 'items' -> 0 as r \gset
select is(jsonb_array_length(:'r'::jsonb -> 'participants'), 100,
	'a member of a chat of 20 000: at most 100 participants');
select is(:'r'::jsonb #>> '{participants,0,user_id}', tests.u(119999)::text, 'the user first');
select is(:'r'::jsonb -> 'participants_count', '20000', 'and how many they are');
select throws_ok(format($$select rt.get_chats(tests.u(1), '{"limit": "%s"}')$$, l), 'RT400',
	'limit must be between 1 and 100', 'limit ' || l) from unnest('{0,101,-1,x,1.5,""}'::text[]) l;

select * from finish();
rollback;
