-- Rows decide rooms: participants, follows, users.
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

insert into platform.users (id, name) select pg_temp.u(n), 'User ' || n from generate_series(1, 5) n;
insert into platform.chats (id) values (pg_temp.u(10)), (pg_temp.u(11));
create function pg_temp.moves() returns setof text language sql as $$
	select control || ' ' || right(data ->> 'user_id', 1) || ' ' || coalesce(split_part(data ->> 'room', ':', 1) || ' ' || right(data ->> 'room', 2), data ->> 'reason')
	from pg_temp.sent() where control is not null order by id $$;

-- participants
select pg_temp.mark();
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(2)), (pg_temp.u(10), pg_temp.u(1)), (pg_temp.u(11), pg_temp.u(1));
select results_eq($$select * from pg_temp.moves()$$, array['user_join 1 participants 10', 'user_join 2 participants 10', 'user_join 1 participants 11'], 'a participant joins');
select is((select data from pg_temp.sent() limit 1), jsonb_build_object('user_id', pg_temp.u(1), 'room', 'participants:' || pg_temp.u(10)), 'the control row');
select pg_temp.mark();
update platform.chat_participants set joined_at = now();
select is_empty($$select * from pg_temp.moves()$$, 'another joined_at moves nobody');
update platform.chat_participants set user_id = pg_temp.u(3) where user_id = pg_temp.u(2);
select results_eq($$select * from pg_temp.moves()$$, array['user_leave 2 participants 10', 'user_leave 2 chat 10', 'user_join 3 participants 10'], 'a row that changes hands');
select pg_temp.mark();
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(3)) on conflict do nothing;
select is_empty($$select * from pg_temp.moves()$$, 'who is there already does not join');
delete from platform.chat_participants where user_id = pg_temp.u(3);
select results_eq($$select * from pg_temp.moves()$$, array['user_leave 3 participants 10', 'user_leave 3 chat 10'], 'the end of participation');
select throws_ok($$insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(99), pg_temp.u(3))$$, '23503', null, 'no such chat');
select pg_temp.mark();
delete from platform.chats where id = pg_temp.u(11);
select results_eq($$select * from pg_temp.moves()$$, array['user_leave 1 participants 11', 'user_leave 1 chat 11'], 'a chat that goes takes its rooms along');

-- follows
select pg_temp.mark();
insert into platform.follows (follower_id, followee_id) values (pg_temp.u(1), pg_temp.u(2)), (pg_temp.u(3), pg_temp.u(2));
select results_eq($$select * from pg_temp.moves()$$, array['user_join 1 followers 02', 'user_join 3 followers 02'], 'a follower joins');
select pg_temp.mark();
update platform.follows set followee_id = pg_temp.u(4) where follower_id = pg_temp.u(3);
select results_eq($$select * from pg_temp.moves()$$, array['user_leave 3 followers 02', 'user_join 3 followers 04'], 'follows somebody else');
select pg_temp.mark();
delete from platform.follows where follower_id = pg_temp.u(3);
select results_eq($$select * from pg_temp.moves()$$, array['user_leave 3 followers 04'], 'unfollows');
select throws_ok($$insert into platform.follows (follower_id, followee_id) values (pg_temp.u(1), pg_temp.u(1))$$, '23514', null, 'nobody follows himself');

-- rooms
insert into platform.follows (follower_id, followee_id) values (pg_temp.u(1), pg_temp.u(4));
update platform.users set disabled_at = now() where id = pg_temp.u(5);
select results_eq($$select user_id, active, array(select r from unnest(rooms) r order by 1) from rt_private.user_rooms(array[pg_temp.u(1), pg_temp.u(2), pg_temp.u(5), pg_temp.u(99)]) order by 1$$,
	$$values (pg_temp.u(1), true, array['followers:' || pg_temp.u(2), 'followers:' || pg_temp.u(4), 'participants:' || pg_temp.u(10), 'user:' || pg_temp.u(1)]),
		(pg_temp.u(2), true, array['user:' || pg_temp.u(2)]), (pg_temp.u(5), false, '{}'::text[]), (pg_temp.u(99), false, '{}'::text[])$$, 'rooms that the rows grant');
select ok(rt_private.may_join(pg_temp.u(1), 'chat:' || pg_temp.u(10)), 'a participant may be in chat:');
select ok(not rt_private.may_join(pg_temp.u(2), 'chat:' || pg_temp.u(10)), 'a stranger may not');
select ok(not rt_private.may_join(pg_temp.u(1), r), 'nor anybody in ' || r)
from unnest(array['participants:' || pg_temp.u(10), 'user:' || pg_temp.u(1), 'chat:', 'chat:x', 'x']) r;

-- users
select pg_temp.mark();
update platform.users set name = 'Other', last_seen_at = now() where id = pg_temp.u(1);
select is_empty($$select * from pg_temp.moves()$$, 'another name moves nobody');
update platform.users set disabled_at = now() where id = pg_temp.u(1);
update platform.users set disabled_at = now() + interval '1 second' where id = pg_temp.u(1);
select results_eq($$select * from pg_temp.moves()$$, array['user_kick 1 disabled'], 'a disabled user loses the sockets, once');
update platform.users set disabled_at = null where id = pg_temp.u(1);
select pg_temp.mark();
delete from platform.users where id = pg_temp.u(1);
select set_eq($$select * from pg_temp.moves()$$, array['user_kick 1 deleted', 'user_leave 1 participants 10', 'user_leave 1 chat 10', 'user_leave 1 followers 02', 'user_leave 1 followers 04'],
	'a deleted user loses the sockets');

-- truncate, silent
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(2));
select pg_temp.mark();
truncate platform.chat_participants;
select results_eq($$select control, data from pg_temp.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$, 'TRUNCATE: read the rooms of everyone again');
select pg_temp.mark();
truncate platform.follows;
select results_eq($$select control from pg_temp.sent()$$, array['rooms_stale'], 'of follows too');
set local bellwire.silent = on;
select pg_temp.mark();
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(2)), (pg_temp.u(10), pg_temp.u(3));
delete from platform.chat_participants where user_id = pg_temp.u(3);
insert into platform.follows (follower_id, followee_id) values (pg_temp.u(2), pg_temp.u(3));
update platform.users set disabled_at = now() where id = pg_temp.u(2);
select results_eq($$select control, data from pg_temp.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$, 'an import: read again, once');

-- grants
select ok(has_table_privilege('bellwire_service', 'platform.' || t, p), 'services: ' || p || ' ' || t)
from unnest('{users,follows,chats,chat_participants,messages,message_receipts,notifications,posts,post_likes,post_comments}'::text[]) t, unnest('{select,insert,update,delete}'::text[]) p;
select ok(has_table_privilege('bellwire_service', 'platform.post_counts', 'select') and not has_table_privilege('bellwire_service', 'platform.post_counts', 'insert, update, delete, truncate'),
	'services only read post_counts');
select ok(not has_table_privilege('bellwire_edge', c.oid, 'select, insert, update, delete, truncate'), 'the edge: nothing on ' || c.relname)
from pg_class c where c.relnamespace = 'platform'::regnamespace and c.relkind = 'r';

select * from finish();
rollback;
