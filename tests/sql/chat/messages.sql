-- platform.messages: the check of a message, for every writer; its place; its announcement.
begin;
select plan(123);

-- a plain insert, as psql would do it
create function pg_temp.put(p_type text, p_content text, p_metadata jsonb default '{}', p_sender int default 1,
	p_chat int default 10) returns text
language sql as $$
	insert into platform.messages (chat_id, sender_id, type, content, metadata)
	values (tests.u(p_chat), tests.u(p_sender), p_type, p_content, p_metadata) returning 'ok' $$;
create function pg_temp.fine(p_type text, p_content text, p_metadata jsonb, p_what text) returns text
language sql as $$ select lives_ok(format('select pg_temp.put(%L, %L, %L::jsonb)', p_type, p_content, p_metadata),
	p_type || ': ' || p_what) $$;
create function pg_temp.wrong(p_type text, p_content text, p_metadata jsonb, p_message text,
	p_code text default 'RT400') returns text
language sql as $$ select throws_ok(format('select pg_temp.put(%L, %L, %L::jsonb)', p_type, p_content, p_metadata),
	p_code, p_message,
	coalesce(p_type, 'null') || ': ' || p_message || ' '
		|| left(coalesce(p_content, 'null') || p_metadata::text, 80)) $$;

insert into platform.users (id, name, avatar_url) values (tests.u(1), 'Anna', 'https://a/1.jpg'),
	(tests.u(2), 'Boris', null), (tests.u(3), 'Stranger', null);
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)),
	(tests.u(11), tests.u(1));

-- ---------------------------------------------------------------------- message_check, rt_private.message_problem,
-- is_blank, is_url
select pg_temp.fine('text', 'hello', '{"anything": [1, {"x": null}]}', 'other metadata is kept');
select pg_temp.wrong('text', E' \t\n', '{}', 'content must not be blank');
select pg_temp.wrong('text', '', '{}', 'content must not be blank');
select pg_temp.wrong('text', U&'\3000\200B\00A0', '{}', 'content must not be blank');
select pg_temp.wrong('sticker', 'x', '{}', 'type is unknown');
select pg_temp.wrong(null, 'x', '{}', 'type and content are required');
select pg_temp.wrong('text', null, '{}', 'type and content are required');
-- relay_problem: data that a client may not send does not come from a service either
select pg_temp.wrong('text', 'x', '{"_placeholder": true, "num": 0}', 'metadata must not have a key _placeholder');
select pg_temp.wrong('text', 'x', '{"a": [{"b": 1, "\u005fplaceholder": null}]}',
	'metadata must not have a key _placeholder');
select pg_temp.fine('text', 'x', '{"a": "_placeholder", "b": "\"_placeholder\": 1", "_placeholder ": 1}',
	'the word as a value is kept');
select pg_temp.wrong('text', 'x', (repeat('{"a":', 63) || '1' || repeat('}', 63))::jsonb,
	'metadata must not be nested deeper than 62');
select pg_temp.wrong('text', 'x', ('{"a":' || repeat('[', 62) || repeat(']', 62) || '}')::jsonb,
	'metadata must not be nested deeper than 62');
select pg_temp.fine('text', 'x', (repeat('{"a":', 62) || '"{{{"' || repeat('}', 62))::jsonb, 'as deep as a client may');
select pg_temp.wrong('text', 'x', '{"a": [1.8e308]}', 'metadata must not have a number beyond double range');
select pg_temp.wrong('text', 'x', '{"a": {"b": -1e400}}', 'metadata must not have a number beyond double range');
select pg_temp.fine('text', 'x',
	jsonb_build_object('a', 1.7976931348623157e308::numeric, 'b', repeat('9', 400), 'c', -1e308::numeric),
	'large, and digits in a string');
select throws_ok($$update platform.messages set metadata = '{"_placeholder": 1}'$$, 'RT400',
	'metadata must not have a key _placeholder', 'an update neither');
select pg_temp.wrong('text', 'x', '[]', 'metadata must be an object');
select pg_temp.wrong('text', 'x', '"x"', 'metadata must be an object');
select pg_temp.wrong('text', 'x', 'null', 'metadata must be an object');
select pg_temp.fine('text', 'x', null, 'missing metadata');
select is(metadata, '{}', 'missing metadata is {}') from platform.messages order by seq desc limit 1;

select pg_temp.fine('photo', 'https://storage.service.com/photos/123.jpg',
	'{"width": 1080, "height": 1920, "thumbnail": "https://storage.service.com/t.jpg"}', 'as specified');
select pg_temp.fine('photo', 'HTTP://localhost:9000/bucket/ключ.jpg?x=1#y', '{}', 'without metadata');
select pg_temp.fine('photo', 'https://x.y', '{"width": null}', 'null is absent');
select pg_temp.wrong('photo', 'ftp://x.y/z.jpg', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', 'https://', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', 'https:///z.jpg', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', 'https://x y/z.jpg', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', E'https://x.y/z.jpg\nhttps://x.y', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', 'javascript:alert(1)//https://x.y', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('photo', 'https://x.y', '{"width": 0}', 'metadata.width must be a positive integer');
select pg_temp.wrong('photo', 'https://x.y', '{"width": 10.5}', 'metadata.width must be a positive integer');
select pg_temp.wrong('photo', 'https://x.y', '{"width": "10"}', 'metadata.width must be a positive integer');
select pg_temp.wrong('photo', 'https://x.y', '{"height": -1}', 'metadata.height must be a positive integer');
select pg_temp.wrong('photo', 'https://x.y', '{"thumbnail": "t.jpg"}', 'metadata.thumbnail must be an http(s) URL');
select pg_temp.wrong('photo', 'https://x.y', '{"thumbnail": 1}', 'metadata.thumbnail must be an http(s) URL');

select pg_temp.fine('video', 'https://x.y/1.mp4', '{"duration": 0, "thumbnail": "http://x.y/t"}', 'as specified');
select pg_temp.fine('voice', 'https://x.y/1.m4a', '{"duration": 15.5}', 'as specified');
select pg_temp.fine('voice', 'https://x.y/1.m4a', '{"thumbnail": 1}', 'knows no thumbnail');
select pg_temp.wrong('video', 'x', '{}', 'content must be an http(s) URL');
select pg_temp.wrong('video', 'https://x.y', '{"duration": -1}', 'metadata.duration must be a number, 0 or more');
select pg_temp.wrong('voice', 'https://x.y', '{"duration": "15"}', 'metadata.duration must be a number, 0 or more');
select pg_temp.wrong('video', 'https://x.y', '{"thumbnail": "x"}', 'metadata.thumbnail must be an http(s) URL');

select pg_temp.fine('location', '55.7558,37.6173',
	'{"lat": 55.7558, "lng": 37.6173, "address": "Красная площадь, Москва"}', 'as specified');
select pg_temp.fine('location', '-90,180.0', '{"lat": -90.0, "lng": 180}', 'the ends of the world');
select pg_temp.fine('location', '1e-7,0', '{"lat": 1e-7, "lng": 0}', 'an exponent');
select pg_temp.wrong('location', '55.7558;37.6173', '{"lat": 55.7558, "lng": 37.6173}', 'content must be lat,lng');
select pg_temp.wrong('location', '55.7558,37.6173,1', '{"lat": 55.7558, "lng": 37.6173}', 'content must be lat,lng');
select pg_temp.wrong('location', '55.7558,37.6173', '{}', 'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": "55.7558", "lng": 37.6173}',
	'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": 55.7558, "lng": null}',
	'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '90.1,0', '{"lat": 90.1, "lng": 0}', 'metadata.lat must be between -90 and 90');
select pg_temp.wrong('location', '0,-180.5', '{"lat": 0, "lng": -180.5}', 'metadata.lng must be between -180 and 180');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": 55.7559, "lng": 37.6173}',
	'metadata.lat and metadata.lng must equal content');
select pg_temp.wrong('location', '1,2', '{"lat": 1, "lng": 2, "address": 3}', 'metadata.address must be a string');

select pg_temp.fine('profile_share', tests.u(2)::text, '{"name": "Анна", "avatar": "https://x.y/a", "is_master": true}',
	'as specified');
select pg_temp.fine('profile_share', upper(gen_random_uuid()::text), '{}', 'bare');
select pg_temp.wrong('profile_share', 'anna', '{}', 'content must be a uuid');
select pg_temp.wrong('profile_share', tests.u(2)::text || 'a', '{}', 'content must be a uuid');
select pg_temp.wrong('profile_share', tests.u(2)::text, '{"name": 1}', 'metadata.name must be a string');
select pg_temp.wrong('profile_share', tests.u(2)::text, '{"avatar": {}}', 'metadata.avatar must be a string');
select pg_temp.wrong('profile_share', tests.u(2)::text, '{"is_master": "yes"}', 'metadata.is_master must be a boolean');

select pg_temp.fine('post_share', tests.u(9)::text, '{"author_name": "Мария", "media_url": "https://x.y/p.jpg"}',
	'as specified');
select pg_temp.wrong('post_share', 'post', '{}', 'content must be a uuid');
select pg_temp.wrong('post_share', tests.u(9)::text, '{"author_name": []}', 'metadata.author_name must be a string');
select pg_temp.wrong('post_share', tests.u(9)::text, '{"media_url": 5}', 'metadata.media_url must be an http(s) URL');

select pg_temp.fine('booking_proposal', 'Хотите записаться?',
	'{"service_id": "s", "service_name": "Маникюр", "price": 0, "duration": 60}', 'as specified');
select pg_temp.wrong('booking_proposal', ' ', '{"service_id": "s", "service_name": "n", "price": 0, "duration": 60}',
	'content must not be blank');
select pg_temp.wrong('booking_proposal', 'x', '{"service_name": "n", "price": 0, "duration": 60}',
	'metadata.service_id must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": 1, "service_name": "n", "price": 0, "duration": 60}',
	'metadata.service_id must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": null, "price": 0, "duration": 60}',
	'metadata.service_name must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": -1, "duration": 60}',
	'metadata.price must be a number, 0 or more');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "duration": 60}',
	'metadata.price must be a number, 0 or more');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": 1, "duration": 0}',
	'metadata.duration must be a number above 0');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": 1, "duration": null}',
	'metadata.duration must be a number above 0');
select pg_temp.wrong('booking_proposal', 'x', null, 'metadata.service_id must be a string');

------------------------------------------------------------------------------------------------------- sizes
select pg_temp.fine('text', repeat('я', 8192), '{}', '16 KiB of content');
select pg_temp.wrong('text', repeat('я', 8192) || 'x', '{}', 'content is too large', 'RT413');
select pg_temp.fine('text', 'x', jsonb_build_object('k', repeat('x', 16384 - 9)), '16 KiB of metadata');
select pg_temp.wrong('text', 'x', jsonb_build_object('k', repeat('x', 16384 - 8)), 'metadata is too large', 'RT413');
update bellwire.settings set value = '5' where name = 'content_max';
select pg_temp.wrong('text', 'sixsix', '{}', 'content is too large', 'RT413');
update bellwire.settings set value = '16384' where name = 'content_max';

-- -------------------------------------------------------------------- messages_insert, messages_fixed;
-- rt_private.chat_refuse
select throws_ok($$select pg_temp.put('text', 'x', p_sender => 3)$$, 'RT403', 'Not a participant of this chat',
	'a stranger is refused');
select throws_ok($$select pg_temp.put('text', 'x', p_chat => 99)$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$update platform.messages set content = ' ' where type = 'text'$$, 'RT400',
	'content must not be blank', 'an update obeys the rules too');
select throws_ok($$update platform.messages set seq = seq + 100$$, 'RT400',
	'A message keeps its chat, sender, place and time', 'no message moves');
select lives_ok($$update platform.messages set content = 'edited' where type = 'text'$$, 'content may be edited');

---------------------------------------------------------- messages_insert, messages_publish; rt_private.message_payload
delete from platform.messages;
delete from bellwire.places;
select tests.mark();
insert into platform.messages (id, chat_id, sender_id, type, content, seq, created_at)
values (tests.u(21), tests.u(10), tests.u(1), 'text', 'a', 77, '2001-01-01'),
	(tests.u(22), tests.u(10), tests.u(2), 'text', 'b', 77, '2001-01-01'),
	(tests.u(23), tests.u(11), tests.u(1), 'text', 'c', 77, '2001-01-01');
select results_eq($$select content, seq from platform.messages order by content$$, $$values ('a', 1::bigint), ('b', 2),
	('c', 1)$$, 'the database sets seq, per chat');
select ok(bool_and(created_at > now() - interval '1 minute'), 'and the time') from platform.messages;
select is((select rooms from tests.sent() where data ->> 'content' = 'b'), array['participants:' || tests.u(10)],
	'announced to the participants');
select is((select data - 'created_at' from tests.sent() where data ->> 'content' = 'a'),
	jsonb_build_object('id', tests.u(21), 'chat_id', tests.u(10),
	'sender_id', tests.u(1), 'sender_name', 'Anna', 'sender_avatar', 'https://a/1.jpg', 'type', 'text', 'content',
	'a', 'metadata', '{}'::jsonb,
	'status', 'sent', 'seq', 1), 'the payload');
select matches((select data ->> 'created_at' from tests.sent() where data ->> 'content' = 'a'),
	'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'its time');
select is((select data -> 'sender_avatar' from tests.sent() where data ->> 'content' = 'b'), 'null',
	'a missing avatar is null');
select is((select confirm from tests.sent() where data ->> 'content' = 'a'),
	jsonb_build_object('message_id', tests.u(21), 'wanted', 'all'), 'asks to be confirmed');
select results_eq($$select data ->> 'content' from tests.sent() where data ->> 'chat_id' = tests.u(10)::text$$,
	array['a', 'b'], 'in order of seq');
alter table platform.messages disable trigger user;
update platform.messages set created_at = now() + interval '1 hour' where id = tests.u(22);
alter table platform.messages enable trigger user;
select pg_temp.put('text', 'later');
select ok((select created_at from platform.messages where content = 'later') >= (select created_at
	from platform.messages where id = tests.u(22)), 'time never goes back in a chat');

-- rt_private.message_is_plain lets nothing pass that message_check refuses; the rows above say the same of both ways
select results_eq($$select rt_private.message_is_plain('text', c, '{}', null)
	from unnest(array['x', ' ', null, repeat('x', 16385)]) c$$,
	array[true, false, null, false], 'a plain message');
select is_empty($$select from (values ('photo', '{}'::jsonb, null), ('text', '{"a": 1}', null),
	('text', '{}', 'key'), ('text', '[]', null)) x (type, metadata, client_id)
	where rt_private.message_is_plain(x.type, 'x', x.metadata, x.client_id)$$, 'and what is none');
-- rt_private.is_special: the question before those about imports and batches
select is(rt_private.is_special(), false, 'an ordinary row');
set local bellwire.silent = 'on';
select is(rt_private.is_special(), true, 'a row that may be an import''s');
set local bellwire.silent = '';
-- rt_private.message_confirm
select is(rt_private.message_confirm(tests.u(21), tests.u(1), false),
	jsonb_build_object('message_id', tests.u(21), 'wanted', 'all'), 'everybody confirms a message');
select is(rt_private.message_confirm(tests.u(21), tests.u(1), true),
	jsonb_build_object('message_id', tests.u(21), 'wanted', 1, 'but', tests.u(1)), 'one other of a large chat');
savepoint maximum;
update bellwire.settings set value = '1' where name = 'receipts_max_participants';
select is(rt_private.message_confirm(tests.u(21), tests.u(1), false),
	jsonb_build_object('message_id', tests.u(21), 'wanted', 1, 'but', tests.u(1)),
	'a maximum of 1: every chat is large');
rollback to maximum;
-- rt_private.chat_last
select results_eq('select * from rt_private.chat_last(tests.u(10), tests.u(1)) where seq > 0',
	'select * from rt_private.chat_last(tests.u(10))', 'the last place, as an earlier version asks for it');
-- rt_private.message_room
select is(rt_private.message_room(tests.u(10)), 'participants:' || tests.u(10), 'whoever takes part hears of it');

-- rt_private.message_row, rt_private.message_event: planned with the statement that asks, for they are called for every
-- message
create function pg_temp.plan(p_query text) returns setof text language plpgsql as $$
	begin return query execute 'explain ' || p_query; end $$;
select is_empty($$select from pg_temp.plan(
		'select * from rt_private.message_event(null, null, 1, null, null, null, null, null)') l
	where l ~ 'Function Scan|settings'$$, 'who hears of it is looked up by no call');
select is_empty($$select from pg_temp.plan(
		'select * from rt_private.message_row(now(), null, null, 1, null, null, null, null, null)') l
	where l ~ 'Function Scan|settings'$$, 'nor is what goes into the outbox');
-- jsonb keeps keys by length, then by bytes
select is((select array_agg(a.attname::text order by a.attnum) from pg_attribute a
	where a.attrelid = 'rt_private.message_keys'::regclass and a.attnum > 0),
	array(select jsonb_object_keys(
		rt_private.message_payload(null, null, null, null, null, null, null, null, null, null, null))),
	'its keys are made in the order in which they are kept');
update bellwire.settings set value = 'joined' where name = 'message_audience';
select tests.mark();
select pg_temp.put('text', 'to joined');
select is((select rooms from tests.sent()), array['chat:' || tests.u(10)], 'message_audience joined');
savepoint unset;
delete from bellwire.settings where name = 'message_audience';
select tests.mark();
insert into platform.messages (chat_id, sender_id, type, content)
	values (tests.u(10), tests.u(1), 'text', 'no setting');
select is((select rooms from tests.sent() where event is not null), array['participants:' || tests.u(10)],
	'no message_audience: the participants');
rollback to unset;
update bellwire.settings set value = 'participants' where name = 'message_audience';

-- messages_gone, messages_truncate
select tests.chat(12, 1);
create function pg_temp.next() returns bigint language sql as $$
	insert into platform.messages (chat_id, sender_id, type, content)
		values (tests.u(12), tests.u(1), 'text', 'x') returning seq $$;
select pg_temp.next() from generate_series(1, 5);
delete from platform.messages where chat_id = tests.u(12) and seq = 5;
select is(pg_temp.next(), 6::bigint, 'last message deleted then next written: its seq is not used twice');
delete from platform.messages where chat_id = tests.u(12) and seq = 2;
select is(pg_temp.next(), 7::bigint, 'one in the middle changes nothing');
delete from platform.messages where chat_id = tests.u(12) and seq = 7;
delete from platform.messages where chat_id = tests.u(12) and seq = 6;
select is(pg_temp.next(), 8::bigint, 'one after the other');
delete from platform.messages where chat_id = tests.u(12);
select is(pg_temp.next(), 9::bigint, 'all of them');
savepoint truncated;
truncate platform.messages cascade;
select is(pg_temp.next(), 10::bigint, 'nor after TRUNCATE');
rollback to truncated;
delete from platform.messages where chat_id = tests.u(12);
delete from platform.users where id = tests.u(2);
delete from platform.chats where id = tests.u(12);
select is_empty($$select from bellwire.places g
	where not exists (select from platform.chats c where c.id = g.chat_id)$$,
	'a chat takes its places along');

------------------------------------------------------------------------------------------------------- silent
set local bellwire.silent = on;
select tests.mark();
insert into platform.messages (chat_id, sender_id, type, content, seq, created_at)
	values (tests.u(11), tests.u(1), 'text', 'old', 500, '2001-01-01');
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(11), tests.u(1), 'text', 'old too');
select results_eq($$select seq from platform.messages where content like 'old%' order by seq$$, array[500::bigint, 501],
	'an import brings its places along');
select is((select created_at from platform.messages where content = 'old'), '2001-01-01'::timestamptz, 'and times');
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'without events');
select throws_ok($$select pg_temp.put('text', ' ', p_chat => 11)$$, 'RT400', null, 'but not without rules');

-- as a service, which has DML and nothing else
set local role bellwire_service;
select lives_ok($$update platform.messages set created_at = '2002-01-01' where content = 'old'$$,
	'an import may correct a time');
set local bellwire.silent = off;
select lives_ok($$insert into platform.messages (chat_id, sender_id, type, content) select chat_id, sender_id, 'text',
	'by a service' from platform.messages where content = 'old'$$, 'a service writes');
select throws_ok($$update platform.messages set seq = 1000 where content = 'old'$$, 'RT400', null, 'under the rules');
reset role;

select * from finish();
rollback;
