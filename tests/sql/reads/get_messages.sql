-- GET /api/v2/chats/{id}/messages.
begin;
select plan(19);

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
create function pg_temp.msgs(p_user int, p_query jsonb default '{}') returns jsonb
	language sql as $$ select rt.get_messages(tests.u(p_user), jsonb_build_object('chat_id', tests.u(10))
	|| p_query) $$;
select rt.chat_message_read(tests.u(1), jsonb_build_object('chat_id', tests.u(10), 'message_id', tests.u(21)));

select tests.mark();
select pg_temp.msgs(1, '{"limit": "2"}') as r \gset
select is(pg_temp.ids(:'r'), array['26', '25'], 'newest first');
select :'r'::jsonb ->> 'next_before' as place \gset
select isnt(:'place'::text, null, 'there is more');
select results_eq($$select event, rooms, data ->> 'message_id' from tests.sent()$$,
	$$values ('chat:message:delivered', array['user:' || tests.u(2)], tests.u(25)::text)$$,
	'what is fetched is delivered, and only that');
select is(:'r'::jsonb #> '{items,1}',
	(select data || '{"status": "delivered"}' from bellwire.outbox where data ->> 'id' = tests.u(25)::text
	and xid = pg_current_xact_id()), 'keys of chat:message:new');
select is(pg_temp.ids(pg_temp.msgs(1, jsonb_build_object('before', :'place'::text))), array['24', '23', '22', '21'],
	'the rest');
select is(pg_temp.ids(pg_temp.msgs(1, jsonb_build_object('before', tests.u(25)))), array['24', '23', '22', '21'],
	'before an id');
select is(pg_temp.msgs(1, jsonb_build_object('before', tests.u(25))) -> 'next_before', 'null', 'the end');
select is(pg_temp.msgs(1, jsonb_build_object('before', tests.u(21))), '{"items": [], "next_before": null}',
	'before the first');
select tests.mark();
select is(pg_temp.msgs(1) #>> '{items,0,status}', 'sent', 'own: sent');
select is((select count(*) from tests.sent()), 0::bigint, 'delivered once');
select is(pg_temp.msgs(2) #>> '{items,1,status}', 'delivered', 'own: delivered');
select is(pg_temp.msgs(2) #>> '{items,5,status}', 'read', 'own: read');
select throws_ok($$select pg_temp.msgs(3)$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select rt.get_messages(tests.u(1), jsonb_build_object('chat_id', tests.u(99)))$$, 'RT404',
	'No such chat', 'no such chat');
select throws_ok($$select rt.get_messages(tests.u(1), '{"chat_id": "x"}')$$, 'RT400', 'chat_id must be a uuid',
	'no uuid');
select throws_ok($$select pg_temp.msgs(1, jsonb_build_object('before', tests.u(30)))$$, 'RT400', null,
	'before another chat''s message');
select throws_ok(format($$select pg_temp.msgs(1, '{"before": "%s"}')$$, b), 'RT400',
	'before must be a next_before or an id', 'before ' || b) from unnest('{x,1.2}'::text[]) b;
delete from platform.messages where id = tests.u(25);
select is(pg_temp.ids(pg_temp.msgs(1, jsonb_build_object('before', :'place'::text))), array['24', '23', '22', '21'],
	'the cursor''s message deleted');

select * from finish();
rollback;
