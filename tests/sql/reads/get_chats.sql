-- GET /api/v2/chats.
begin;
select plan(22);

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
	jsonb_build_object('user_id', tests.u(2), 'name', 'Boris', 'avatar_url', null, 'online', true, 'last_seen',
		null),
	jsonb_build_object('user_id', tests.u(1), 'name', 'Anna', 'avatar_url', 'https://x.y/a', 'online', false,
		'last_seen', null)), 'participants');
select is(:'r'::jsonb #>> '{items,1,last_message,content}', 'm26', 'last message');
select is(:'r'::jsonb #>> '{items,1,last_message,status}', 'sent', 'its status');
select is(:'r'::jsonb #> '{items,2,last_message}', 'null', 'no message yet');
select is(:'r'::jsonb #> '{items,1,unread_count}', '3', 'unread: those of others');
select is(:'r'::jsonb #> '{items,0,unread_count}', '0', 'not one''s own');
select is((select array_agg(k order by k) from jsonb_object_keys(:'r'::jsonb #> '{items,1}') k),
	array['created_at', 'id', 'last_message', 'participants', 'unread_count'], 'keys');
select lives_ok($$select rt.chat_message_read(tests.u(1),
	jsonb_build_object('chat_id', tests.u(10), 'message_id', tests.u(21)))$$, 'one is read');
select is(rt.get_chats(tests.u(1), '{}') #> '{items,1,unread_count}', '2', 'less what was read');
update platform.chat_participants set joined_at = clock_timestamp() where user_id = tests.u(1)
	and chat_id = tests.u(10);
select is(rt.get_chats(tests.u(1), '{}') #> '{items,1,unread_count}', '0', 'since one joined');
update platform.chat_participants set joined_at = now() where user_id = tests.u(1);
select rt.get_chats(tests.u(1), '{"limit": "2"}') as r \gset
select is(:'r'::jsonb ->> 'next_before', tests.u(10)::text, 'there is more');
select is(pg_temp.ids(rt.get_chats(tests.u(1), jsonb_build_object('limit', '2', 'before', tests.u(10)))), array['11'],
	'the rest');
select is(rt.get_chats(tests.u(3), '{}'), '{"items": [], "next_before": null}', 'nothing');
select throws_ok($$select rt.get_chats(tests.u(1), jsonb_build_object('before', tests.u(13)))$$, 'RT400', null,
	'before somebody else''s chat');
select throws_ok(format($$select rt.get_chats(tests.u(1), '{"limit": "%s"}')$$, l), 'RT400',
	'limit must be between 1 and 100', 'limit ' || l) from unnest('{0,101,-1,x,1.5,""}'::text[]) l;

select * from finish();
rollback;
