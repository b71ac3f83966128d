-- The HTTP reads.
begin;
select no_plan();

create function pg_temp.u(n int) returns uuid language sql immutable as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
create function pg_temp.mark() returns void language sql as $$
	select set_config('test.mark', (select last_value::text from bellwire.outbox_id), true) $$;
create function pg_temp.sent() returns table (id bigint, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb, control text, ephemeral boolean)
language sql as $$
	select id, rooms, except_rooms, event, data, confirm, control, false from bellwire.outbox
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	union all
	select id, rooms, except_rooms, event, data, confirm, control, true from bellwire.outbox_ephemeral
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	order by 1 $$;

insert into platform.users (id, name, avatar_url) values (pg_temp.u(1), 'Anna', 'https://x.y/a'), (pg_temp.u(2), 'Boris', null), (pg_temp.u(3), 'Stranger', null);
insert into platform.chats (id, created_at) select pg_temp.u(n), now() - interval '1 day' from generate_series(10, 13) n;
insert into platform.chat_participants (chat_id, user_id) select pg_temp.u(n), pg_temp.u(1) from generate_series(10, 12) n;
insert into platform.chat_participants (chat_id, user_id, joined_at) values (pg_temp.u(10), pg_temp.u(2), now() - interval '1 hour');
insert into platform.messages (id, chat_id, sender_id, type, content) select pg_temp.u(n), pg_temp.u(10), pg_temp.u(1 + n % 2), 'text', 'm' || n from generate_series(21, 26) n;
insert into platform.messages (id, chat_id, sender_id, type, content) values (pg_temp.u(30), pg_temp.u(12), pg_temp.u(1), 'text', 'last');
insert into bellwire.presence (user_id, online) values (pg_temp.u(2), true) on conflict (user_id) do update set online = true;
create function pg_temp.ids(p jsonb) returns text[] language sql as $$ select array(select right(i ->> 'id', 2) from jsonb_array_elements(p -> 'items') with ordinality t(i, n) order by n) $$;
create function pg_temp.msgs(p_user int, p_query jsonb default '{}') returns jsonb language sql as $$ select rt.get_messages(pg_temp.u(p_user), jsonb_build_object('chat_id', pg_temp.u(10)) || p_query) $$;

-- chats
select rt.get_chats(pg_temp.u(1), '{}') as r \gset
select is(pg_temp.ids(:'r'), array['12', '10', '11'], 'newest activity first; own chats only');
select is(:'r'::jsonb -> 'next_before', 'null', 'the last page');
select is(:'r'::jsonb #> '{items,1,participants}', jsonb_build_array(
	jsonb_build_object('user_id', pg_temp.u(2), 'name', 'Boris', 'avatar_url', null, 'online', true, 'last_seen', null),
	jsonb_build_object('user_id', pg_temp.u(1), 'name', 'Anna', 'avatar_url', 'https://x.y/a', 'online', false, 'last_seen', null)), 'participants');
select is(:'r'::jsonb #>> '{items,1,last_message,content}', 'm26', 'last message');
select is(:'r'::jsonb #>> '{items,1,last_message,status}', 'sent', 'its status');
select is(:'r'::jsonb #> '{items,2,last_message}', 'null', 'no message yet');
select is(:'r'::jsonb #> '{items,1,unread_count}', '3', 'unread: those of others');
select is(:'r'::jsonb #> '{items,0,unread_count}', '0', 'not one''s own');
select is((select array_agg(k order by k) from jsonb_object_keys(:'r'::jsonb #> '{items,1}') k), array['created_at', 'id', 'last_message', 'participants', 'unread_count'], 'keys');
select lives_ok($$select rt.chat_message_read(pg_temp.u(1), jsonb_build_object('chat_id', pg_temp.u(10), 'message_id', pg_temp.u(21)))$$, 'one is read');
select is(rt.get_chats(pg_temp.u(1), '{}') #> '{items,1,unread_count}', '2', 'less what was read');
update platform.chat_participants set joined_at = clock_timestamp() where user_id = pg_temp.u(1) and chat_id = pg_temp.u(10);
select is(rt.get_chats(pg_temp.u(1), '{}') #> '{items,1,unread_count}', '0', 'since one joined');
update platform.chat_participants set joined_at = now() where user_id = pg_temp.u(1);
select rt.get_chats(pg_temp.u(1), '{"limit": "2"}') as r \gset
select is(:'r'::jsonb ->> 'next_before', pg_temp.u(10)::text, 'there is more');
select is(pg_temp.ids(rt.get_chats(pg_temp.u(1), jsonb_build_object('limit', '2', 'before', pg_temp.u(10)))), array['11'], 'the rest');
select is(rt.get_chats(pg_temp.u(3), '{}'), '{"items": [], "next_before": null}', 'nothing');
select throws_ok($$select rt.get_chats(pg_temp.u(1), jsonb_build_object('before', pg_temp.u(13)))$$, 'RT400', null, 'before somebody else''s chat');
select throws_ok(format($$select rt.get_chats(pg_temp.u(1), '{"limit": "%s"}')$$, l), 'RT400', 'limit must be between 1 and 100', 'limit ' || l) from unnest('{0,101,-1,x,1.5,""}'::text[]) l;

-- messages
select pg_temp.mark();
select pg_temp.msgs(1, '{"limit": "2"}') as r \gset
select is(pg_temp.ids(:'r'), array['26', '25'], 'newest first');
select is(:'r'::jsonb ->> 'next_before', pg_temp.u(25)::text, 'there is more');
select results_eq($$select event, rooms, data ->> 'message_id' from pg_temp.sent()$$, $$values ('chat:message:delivered', array['user:' || pg_temp.u(2)], pg_temp.u(25)::text)$$,
	'what is fetched is delivered, and only that');
select is(:'r'::jsonb #> '{items,1}', (select data || '{"status": "delivered"}' from bellwire.outbox where data ->> 'id' = pg_temp.u(25)::text and xid = pg_current_xact_id()), 'keys of chat:message:new');
select is(pg_temp.ids(pg_temp.msgs(1, jsonb_build_object('before', pg_temp.u(25)))), array['24', '23', '22', '21'], 'the rest');
select is(pg_temp.msgs(1, jsonb_build_object('before', pg_temp.u(25))) -> 'next_before', 'null', 'the end');
select is(pg_temp.msgs(1, jsonb_build_object('before', pg_temp.u(21))), '{"items": [], "next_before": null}', 'before the first');
select pg_temp.mark();
select is(pg_temp.msgs(1) #>> '{items,0,status}', 'sent', 'own: sent');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'delivered once');
select is(pg_temp.msgs(2) #>> '{items,1,status}', 'delivered', 'own: delivered');
select is(pg_temp.msgs(2) #>> '{items,5,status}', 'read', 'own: read');
select throws_ok($$select pg_temp.msgs(3)$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select rt.get_messages(pg_temp.u(1), jsonb_build_object('chat_id', pg_temp.u(99)))$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$select rt.get_messages(pg_temp.u(1), '{"chat_id": "x"}')$$, 'RT400', 'chat_id must be a uuid', 'no uuid');
select throws_ok($$select pg_temp.msgs(1, jsonb_build_object('before', pg_temp.u(30)))$$, 'RT400', null, 'before another chat''s message');
select throws_ok($$select pg_temp.msgs(1, '{"before": "x"}')$$, 'RT400', 'before must be a uuid', 'before is a uuid');

-- notifications
insert into platform.notifications (id, user_id, type, title, body, created_at, read_at)
select pg_temp.u(60 + n), pg_temp.u(1 + n / 5), 'mention', 't', 'b' || n, '2026-01-10T12:00:00Z'::timestamptz + n / 2 * interval '1 s', case when n % 3 = 0 then '2026-01-11T00:00:00Z'::timestamptz end
from generate_series(0, 5) n;
select rt.get_notifications(pg_temp.u(1), '{}') as r \gset
select is(pg_temp.ids(:'r'), array['64', '63', '62', '61', '60'], 'one''s own, newest first');
select is(:'r'::jsonb #> '{items,1}', jsonb_build_object('id', pg_temp.u(63), 'type', 'mention', 'title', 't', 'body', 'b3', 'data', '{}'::jsonb,
	'created_at', '2026-01-10T12:00:01.000Z', 'is_read', true, 'read_at', '2026-01-11T00:00:00.000Z'), 'keys of notification:new, and read_at');
select is(:'r'::jsonb #> '{items,0,read_at}', 'null', 'unread');
select is(pg_temp.ids(rt.get_notifications(pg_temp.u(1), '{"is_read": "false"}')), array['64', '62', '61'], 'unread ones');
select is(pg_temp.ids(rt.get_notifications(pg_temp.u(1), '{"is_read": "true"}')), array['63', '60'], 'read ones');
select is(pg_temp.ids(rt.get_notifications(pg_temp.u(1), jsonb_build_object('limit', '2', 'before', pg_temp.u(63)))), array['62', '61'], 'a page');
select is(rt.get_notifications(pg_temp.u(1), jsonb_build_object('limit', '2', 'before', pg_temp.u(63))) ->> 'next_before', pg_temp.u(61)::text, 'and the next');
select throws_ok($$select rt.get_notifications(pg_temp.u(1), '{"is_read": "yes"}')$$, 'RT400', null, 'is_read is a boolean');
select throws_ok($$select rt.get_notifications(pg_temp.u(1), jsonb_build_object('before', pg_temp.u(65)))$$, 'RT400', null, 'before somebody else''s');

select * from finish();
rollback;
