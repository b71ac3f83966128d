-- user:online and user:offline, to whom.
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

insert into platform.users (id, name) select pg_temp.u(n), 'User ' || n from generate_series(1, 3) n;
insert into platform.chats (id) values (pg_temp.u(10));
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(1));
insert into platform.follows (follower_id, followee_id) values (pg_temp.u(1), pg_temp.u(2));

update bellwire.settings set value = 'everyone' where name = 'presence_audience';
select pg_temp.mark();
select rt_private.presence_publish(pg_temp.u(1), true);
select is((select event from pg_temp.sent()), 'user:online', 'online');
select ok((select rooms is null from pg_temp.sent()), 'to everyone');
select is((select data from pg_temp.sent()), (select jsonb_build_object('user_id', id, 'online', true, 'last_seen', rt_private.iso(last_seen_at)) from platform.users where id = pg_temp.u(1)), 'payload');
select pg_temp.mark();
select rt_private.presence_publish(pg_temp.u(1), false);
select is((select event from pg_temp.sent()), 'user:offline', 'offline');
select is((select data from pg_temp.sent()), (select jsonb_build_object('user_id', id, 'online', false, 'last_seen', rt_private.iso(last_seen_at)) from platform.users where id = pg_temp.u(1)), 'payload');
select ok(last_seen_at > now() - interval '1 minute', 'last_seen_at is kept') from platform.users where id = pg_temp.u(1);

update bellwire.settings set value = 'contacts' where name = 'presence_audience';
select pg_temp.mark();
select rt_private.presence_publish(pg_temp.u(1), true);
select is((select array(select r from unnest(rooms) r order by 1) from pg_temp.sent() where event is not null),
	array['followers:' || pg_temp.u(1), 'participants:' || pg_temp.u(10), 'user:' || pg_temp.u(2)], 'to contacts');
select is((select except_rooms from pg_temp.sent() where event is not null), array['user:' || pg_temp.u(1)], 'oneself is no contact');
select pg_temp.mark();
delete from platform.users where id = pg_temp.u(3);
select lives_ok($$select rt_private.presence_publish(pg_temp.u(3), false)$$, 'somebody whose row is gone');
select ok((select data ->> 'last_seen' is not null from pg_temp.sent() where event is not null), 'is seen last now');

select * from finish();
rollback;
