-- What a message must be, whoever writes it; its place; its announcement; chat:message:send.
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
-- a plain insert, as psql would do it
create function pg_temp.put(p_type text, p_content text, p_metadata jsonb default '{}', p_sender int default 1, p_chat int default 10) returns text
language sql as $$
	insert into platform.messages (chat_id, sender_id, type, content, metadata)
	values (pg_temp.u(p_chat), pg_temp.u(p_sender), p_type, p_content, p_metadata) returning 'ok' $$;
create function pg_temp.fine(p_type text, p_content text, p_metadata jsonb, p_what text) returns text
language sql as $$ select lives_ok(format('select pg_temp.put(%L, %L, %L::jsonb)', p_type, p_content, p_metadata), p_type || ': ' || p_what) $$;
create function pg_temp.wrong(p_type text, p_content text, p_metadata jsonb, p_message text, p_code text default 'RT400') returns text
language sql as $$ select throws_ok(format('select pg_temp.put(%L, %L, %L::jsonb)', p_type, p_content, p_metadata), p_code, p_message,
	coalesce(p_type, 'null') || ': ' || p_message || ' ' || left(coalesce(p_content, 'null') || p_metadata::text, 80)) $$;

insert into platform.users (id, name, avatar_url) values (pg_temp.u(1), 'Anna', 'https://a/1.jpg'), (pg_temp.u(2), 'Boris', null), (pg_temp.u(3), 'Stranger', null);
insert into platform.chats (id) values (pg_temp.u(10)), (pg_temp.u(11));
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(1)), (pg_temp.u(10), pg_temp.u(2)), (pg_temp.u(11), pg_temp.u(1));

------------------------------------------------------------------------------------------------------- types
select pg_temp.fine('text', 'hello', '{"anything": [1, {"x": null}]}', 'other metadata is kept');
select pg_temp.wrong('text', E' \t\n', '{}', 'content must not be blank');
select pg_temp.wrong('text', '', '{}', 'content must not be blank');
select pg_temp.wrong('text', U&'\3000\200B\00A0', '{}', 'content must not be blank');
select pg_temp.wrong('sticker', 'x', '{}', 'type is unknown');
select pg_temp.wrong(null, 'x', '{}', 'type and content are required');
select pg_temp.wrong('text', null, '{}', 'type and content are required');
select pg_temp.wrong('text', 'x', '[]', 'metadata must be an object');
select pg_temp.wrong('text', 'x', '"x"', 'metadata must be an object');
select pg_temp.wrong('text', 'x', 'null', 'metadata must be an object');
select pg_temp.fine('text', 'x', null, 'missing metadata');
select is(metadata, '{}', 'missing metadata is {}') from platform.messages order by seq desc limit 1;

select pg_temp.fine('photo', 'https://storage.service.com/photos/123.jpg', '{"width": 1080, "height": 1920, "thumbnail": "https://storage.service.com/t.jpg"}', 'as specified');
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

select pg_temp.fine('location', '55.7558,37.6173', '{"lat": 55.7558, "lng": 37.6173, "address": "Красная площадь, Москва"}', 'as specified');
select pg_temp.fine('location', '-90,180.0', '{"lat": -90.0, "lng": 180}', 'the ends of the world');
select pg_temp.fine('location', '1e-7,0', '{"lat": 1e-7, "lng": 0}', 'an exponent');
select pg_temp.wrong('location', '55.7558;37.6173', '{"lat": 55.7558, "lng": 37.6173}', 'content must be lat,lng');
select pg_temp.wrong('location', '55.7558,37.6173,1', '{"lat": 55.7558, "lng": 37.6173}', 'content must be lat,lng');
select pg_temp.wrong('location', '55.7558,37.6173', '{}', 'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": "55.7558", "lng": 37.6173}', 'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": 55.7558, "lng": null}', 'metadata.lat and metadata.lng must be numbers');
select pg_temp.wrong('location', '90.1,0', '{"lat": 90.1, "lng": 0}', 'metadata.lat must be between -90 and 90');
select pg_temp.wrong('location', '0,-180.5', '{"lat": 0, "lng": -180.5}', 'metadata.lng must be between -180 and 180');
select pg_temp.wrong('location', '55.7558,37.6173', '{"lat": 55.7559, "lng": 37.6173}', 'metadata.lat and metadata.lng must equal content');
select pg_temp.wrong('location', '1,2', '{"lat": 1, "lng": 2, "address": 3}', 'metadata.address must be a string');

select pg_temp.fine('profile_share', pg_temp.u(2)::text, '{"name": "Анна", "avatar": "https://x.y/a", "is_master": true}', 'as specified');
select pg_temp.fine('profile_share', upper(gen_random_uuid()::text), '{}', 'bare');
select pg_temp.wrong('profile_share', 'anna', '{}', 'content must be a uuid');
select pg_temp.wrong('profile_share', pg_temp.u(2)::text || 'a', '{}', 'content must be a uuid');
select pg_temp.wrong('profile_share', pg_temp.u(2)::text, '{"name": 1}', 'metadata.name must be a string');
select pg_temp.wrong('profile_share', pg_temp.u(2)::text, '{"avatar": {}}', 'metadata.avatar must be a string');
select pg_temp.wrong('profile_share', pg_temp.u(2)::text, '{"is_master": "yes"}', 'metadata.is_master must be a boolean');

select pg_temp.fine('post_share', pg_temp.u(9)::text, '{"author_name": "Мария", "media_url": "https://x.y/p.jpg"}', 'as specified');
select pg_temp.wrong('post_share', 'post', '{}', 'content must be a uuid');
select pg_temp.wrong('post_share', pg_temp.u(9)::text, '{"author_name": []}', 'metadata.author_name must be a string');
select pg_temp.wrong('post_share', pg_temp.u(9)::text, '{"media_url": 5}', 'metadata.media_url must be an http(s) URL');

select pg_temp.fine('booking_proposal', 'Хотите записаться?', '{"service_id": "s", "service_name": "Маникюр", "price": 0, "duration": 60}', 'as specified');
select pg_temp.wrong('booking_proposal', ' ', '{"service_id": "s", "service_name": "n", "price": 0, "duration": 60}', 'content must not be blank');
select pg_temp.wrong('booking_proposal', 'x', '{"service_name": "n", "price": 0, "duration": 60}', 'metadata.service_id must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": 1, "service_name": "n", "price": 0, "duration": 60}', 'metadata.service_id must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": null, "price": 0, "duration": 60}', 'metadata.service_name must be a string');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": -1, "duration": 60}', 'metadata.price must be a number, 0 or more');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "duration": 60}', 'metadata.price must be a number, 0 or more');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": 1, "duration": 0}', 'metadata.duration must be a number above 0');
select pg_temp.wrong('booking_proposal', 'x', '{"service_id": "s", "service_name": "n", "price": 1, "duration": null}', 'metadata.duration must be a number above 0');
select pg_temp.wrong('booking_proposal', 'x', null, 'metadata.service_id must be a string');

------------------------------------------------------------------------------------------------------- sizes
select pg_temp.fine('text', repeat('я', 8192), '{}', '16 KiB of content');
select pg_temp.wrong('text', repeat('я', 8192) || 'x', '{}', 'content is too large', 'RT413');
select pg_temp.fine('text', 'x', jsonb_build_object('k', repeat('x', 16384 - 9)), '16 KiB of metadata');
select pg_temp.wrong('text', 'x', jsonb_build_object('k', repeat('x', 16384 - 8)), 'metadata is too large', 'RT413');
update bellwire.settings set value = '5' where name = 'content_max';
select pg_temp.wrong('text', 'sixsix', '{}', 'content is too large', 'RT413');
update bellwire.settings set value = '16384' where name = 'content_max';

----------------------------------------------------------------------------------------------------- writers
select throws_ok($$select pg_temp.put('text', 'x', p_sender => 3)$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select pg_temp.put('text', 'x', p_chat => 99)$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$update platform.messages set content = ' ' where type = 'text'$$, 'RT400', 'content must not be blank', 'an update obeys the rules too');
select throws_ok($$update platform.messages set seq = seq + 100$$, 'RT400', 'A message keeps its chat, sender, place and time', 'no message moves');
select lives_ok($$update platform.messages set content = 'edited' where type = 'text'$$, 'content may be edited');

-------------------------------------------------------------------------------------------------------- place
delete from platform.messages;
select pg_temp.mark();
insert into platform.messages (id, chat_id, sender_id, type, content, seq, created_at)
values (pg_temp.u(21), pg_temp.u(10), pg_temp.u(1), 'text', 'a', 77, '2001-01-01'), (pg_temp.u(22), pg_temp.u(10), pg_temp.u(2), 'text', 'b', 77, '2001-01-01'),
	(pg_temp.u(23), pg_temp.u(11), pg_temp.u(1), 'text', 'c', 77, '2001-01-01');
select results_eq($$select content, seq from platform.messages order by content$$, $$values ('a', 1::bigint), ('b', 2), ('c', 1)$$, 'the database sets seq, per chat');
select ok(bool_and(created_at > now() - interval '1 minute'), 'and the time') from platform.messages;
select is((select rooms from pg_temp.sent() where data ->> 'content' = 'b'), array['participants:' || pg_temp.u(10)], 'announced to the participants');
select is((select data - 'created_at' from pg_temp.sent() where data ->> 'content' = 'a'), jsonb_build_object('id', pg_temp.u(21), 'chat_id', pg_temp.u(10),
	'sender_id', pg_temp.u(1), 'sender_name', 'Anna', 'sender_avatar', 'https://a/1.jpg', 'type', 'text', 'content', 'a', 'metadata', '{}'::jsonb,
	'status', 'sent', 'seq', 1), 'the payload');
select matches((select data ->> 'created_at' from pg_temp.sent() where data ->> 'content' = 'a'), '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'its time');
select is((select data -> 'sender_avatar' from pg_temp.sent() where data ->> 'content' = 'b'), 'null', 'a missing avatar is null');
select is((select confirm from pg_temp.sent() where data ->> 'content' = 'a'), jsonb_build_object('message_id', pg_temp.u(21)), 'asks to be confirmed');
select results_eq($$select data ->> 'content' from pg_temp.sent() where data ->> 'chat_id' = pg_temp.u(10)::text$$, array['a', 'b'], 'in order of seq');
alter table platform.messages disable trigger user;
update platform.messages set created_at = now() + interval '1 hour' where id = pg_temp.u(22);
alter table platform.messages enable trigger user;
select pg_temp.put('text', 'later');
select ok((select created_at from platform.messages where content = 'later') >= (select created_at from platform.messages where id = pg_temp.u(22)), 'time never goes back in a chat');

update bellwire.settings set value = 'joined' where name = 'message_audience';
select pg_temp.mark();
select pg_temp.put('text', 'to joined');
select is((select rooms from pg_temp.sent()), array['chat:' || pg_temp.u(10)], 'message_audience joined');
update bellwire.settings set value = 'participants' where name = 'message_audience';

-------------------------------------------------------------------------------------------------------- send
create function pg_temp.send(p_user int, p_payload jsonb) returns jsonb language sql as $$
	select rt.chat_message_send(pg_temp.u(p_user), '{"chat_id": "00000000-0000-4000-8000-000000000010", "type": "text", "content": "hi"}'::jsonb || p_payload) $$;
select pg_temp.mark();
select pg_temp.send(1, '{}') as ack \gset
select is((select array_agg(k order by k) from jsonb_object_keys(:'ack'::jsonb) k), array['created_at', 'message_id', 'status'], 'keys of the ack');
select is(:'ack'::jsonb ->> 'status', 'sent', 'sent');
select is((select rt_private.iso(created_at) from platform.messages where id = (:'ack'::jsonb ->> 'message_id')::uuid), :'ack'::jsonb ->> 'created_at', 'the row is there');
select pg_temp.send(1, '{"client_id": "c-1"}') as ack \gset
select is(:'ack'::jsonb ->> 'client_id', 'c-1', 'client_id comes back');
select pg_temp.mark();
select is(pg_temp.send(1, '{"client_id": "c-1"}'), :'ack'::jsonb, 'again: the same ack');
select is(pg_temp.send(1, '{"client_id": "c-1", "chat_id": 5, "type": "x", "content": ""}'), :'ack'::jsonb, 'whatever else changed');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'and no second announcement');
select isnt(pg_temp.send(2, '{"client_id": "c-1"}') ->> 'message_id', :'ack'::jsonb ->> 'message_id', 'client_id is the sender''s own');
select throws_ok(format($$insert into platform.messages (chat_id, sender_id, type, content, client_id) values (%L, %L, 'text', 'x', 'c-1')$$, pg_temp.u(10), pg_temp.u(1)), '23505', null, 'unique for every writer');
select lives_ok($$select pg_temp.send(1, jsonb_build_object('client_id', repeat('я', 64)))$$, '64 characters');
select lives_ok($$select pg_temp.send(1, '{"client_id": null, "metadata": null}')$$, 'null is absent');
select throws_ok($$select pg_temp.send(1, jsonb_build_object('client_id', repeat('x', 65)))$$, 'RT400', null, '65 are too many');
select throws_ok($$select pg_temp.send(1, '{"client_id": ""}')$$, 'RT400', null, 'none is too few');
select throws_ok($$select pg_temp.send(1, '{"client_id": 7}')$$, 'RT400', null, 'client_id is a string');
select throws_ok($$select pg_temp.send(1, '{"content": 7}')$$, 'RT400', 'content must be a string', 'content is a string');
select throws_ok($$select pg_temp.send(1, '{"type": null}')$$, 'RT400', 'type must be a string', 'type is a string');
select throws_ok($$select pg_temp.send(1, '{"metadata": [1]}')$$, 'RT400', 'metadata must be an object', 'metadata is an object');
select throws_ok($$select pg_temp.send(1, '{"chat_id": "x"}')$$, 'RT400', 'chat_id must be a uuid', 'chat_id is a uuid');
select throws_ok($$select rt.chat_message_send(pg_temp.u(1), '[]')$$, 'RT400', 'chat_id must be a uuid', 'not an object');
select throws_ok($$select pg_temp.send(3, '{}')$$, 'RT403', 'Not a participant of this chat', 'send: a stranger is refused');
select throws_ok($$select pg_temp.send(1, '{"chat_id": "00000000-0000-4000-8000-000000000099"}')$$, 'RT404', 'No such chat', 'send: no such chat');
select throws_ok($$select pg_temp.send(1, jsonb_build_object('content', repeat('x', 16385)))$$, 'RT413', null, 'send: too large');
delete from platform.chat_participants where user_id = pg_temp.u(1) and chat_id = pg_temp.u(10);
select is(pg_temp.send(1, '{"client_id": "c-1"}'), :'ack'::jsonb, 'even after one has left');

------------------------------------------------------------------------------------------------------- silent
set local bellwire.silent = on;
select pg_temp.mark();
insert into platform.messages (chat_id, sender_id, type, content, seq, created_at) values (pg_temp.u(11), pg_temp.u(1), 'text', 'old', 500, '2001-01-01');
insert into platform.messages (chat_id, sender_id, type, content) values (pg_temp.u(11), pg_temp.u(1), 'text', 'old too');
select results_eq($$select seq from platform.messages where content like 'old%' order by seq$$, array[500::bigint, 501], 'an import brings its places along');
select is((select created_at from platform.messages where content = 'old'), '2001-01-01'::timestamptz, 'and times');
select is((select count(*) from pg_temp.sent() where event is not null), 0::bigint, 'without events');
select throws_ok($$select pg_temp.put('text', ' ', p_chat => 11)$$, 'RT400', null, 'but not without rules');

-- as a service, which has DML and nothing else
set local role bellwire_service;
select lives_ok($$update platform.messages set created_at = '2002-01-01' where content = 'old'$$, 'an import may correct a time');
set local bellwire.silent = off;
select lives_ok($$insert into platform.messages (chat_id, sender_id, type, content) select chat_id, sender_id, 'text', 'by a service' from platform.messages where content = 'old'$$, 'a service writes');
select throws_ok($$update platform.messages set seq = 1000 where content = 'old'$$, 'RT400', null, 'under the rules');
reset role;

select * from finish();
rollback;
