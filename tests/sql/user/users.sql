-- platform.users: a user who is deleted or disabled loses the sockets.
begin;
select plan(22);

insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 5) n;
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)),
	(tests.u(11), tests.u(1));
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2)), (tests.u(1), tests.u(4));

-- users_kick_update
select tests.mark();
update platform.users set name = 'Other', last_seen_at = now() where id = tests.u(1);
select is_empty($$select * from tests.moves()$$, 'another name moves nobody');
update platform.users set disabled_at = now() where id = tests.u(1);
update platform.users set disabled_at = now() + interval '1 second' where id = tests.u(1);
select results_eq($$select * from tests.moves()$$, array['user_kick 1 disabled'],
	'a disabled user loses the sockets, once');
update platform.users set disabled_at = null where id = tests.u(1);

-- users_lock, users_kick_delete
select tests.mark();
delete from platform.users where id = tests.u(1);
select set_eq($$select * from tests.moves()$$,
	array['user_kick 1 deleted', 'user_leave 1 participants 10', 'user_leave 1 chat 10',
	'user_leave 1 participants 11', 'user_leave 1 chat 11', 'user_leave 1 followers 02',
	'user_leave 1 followers 04'],
	'a deleted user loses the sockets');

-- users_kick_id
select tests.mark();
update platform.users set id = tests.u(55) where id = tests.u(5);
select results_eq($$select * from tests.moves()$$, array['user_kick 5 deleted'], 'another id is another user');
select tests.mark();
update platform.users set id = tests.u(5), disabled_at = now() where id = tests.u(55);
select results_eq($$select * from tests.moves()$$, array['user_kick 5 deleted'],
	'who is disabled with it is kicked once');
update platform.users set disabled_at = null where id = tests.u(5);
select throws_ok($$insert into platform.users (id) values (tests.u(56))$$, '23502', null, 'a name is needed');
select results_eq($$insert into platform.users (name) values ('X') returning is_master, avatar_url, last_seen_at,
	disabled_at, created_at > now()$$,
	$$values (false, null::text, null::timestamptz, null::timestamptz, true)$$, 'defaults');

-- rows that go with a user
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(10), tests.u(2), 'text', 'x');
insert into platform.notifications (user_id, type, title, body) values (tests.u(2), 'mention', 't', 'b');
insert into platform.posts (id, author_id) values (tests.u(41), tests.u(2));
insert into platform.post_comments (post_id, author_id, content) values (tests.u(41), tests.u(3), 'x');
delete from platform.users where id = tests.u(2);
select is_empty($$select 1 from platform.messages where sender_id = tests.u(2) union all select 1
	from platform.notifications where user_id = tests.u(2)
	union all select 1 from platform.posts where author_id = tests.u(2) union all select 1 from platform.post_counts
		where post_id = tests.u(41)
	union all select 1 from platform.post_comments where post_id = tests.u(41)$$,
		'deleting takes all rows of the user along');

-- silent
set local bellwire.silent = on;
select tests.mark();
update platform.users set disabled_at = now() where id = tests.u(3);
delete from platform.users where id = tests.u(4);
select results_eq($$select control, data from tests.sent()$$, $$values ('rooms_stale', '{}'::jsonb)$$,
	'an import: read again, once');
set local bellwire.silent = off;

-- users_truncated
select tests.mark();
truncate platform.users cascade;
select is((select count(*) from tests.sent() where control = 'rooms_stale' and data = '{}'), 3::bigint,
	'TRUNCATE: read the rooms of everyone again, as for participants and follows, which go along');

-- presence of who is gone
select tests.users(20, 22);
create function pg_temp.s(p_socket text, p_user int, p_clean boolean) returns text[] language sql as $$
	select array[jsonb_build_object('socket_id', p_socket, 'user_id', tests.u(p_user), 'clean', p_clean)::text] $$;
select tests.edge(901);
select rt.socket_open(tests.u(901), pg_temp.s('s20', 20, true)),
	rt.socket_open(tests.u(901), pg_temp.s('s21', 21, true)),
	rt.socket_open(tests.u(901), pg_temp.s('s22', 22, true));
select rt.socket_close(tests.u(901), pg_temp.s('s20', 20, true));
delete from platform.users where id in (tests.u(20), tests.u(21), tests.u(22));
select is_empty($$select from bellwire.presence where user_id = tests.u(20)$$,
	'a deleted user who was offline leaves no presence');
select tests.mark();
select rt.socket_close(tests.u(901), pg_temp.s('s21', 21, true));
select is((select event || ' ' || (data ->> 'user_id') from tests.sent()), 'user:offline ' || tests.u(21),
	'one who was online is told offline');
select is_empty($$select from bellwire.presence where user_id = tests.u(21)$$, 'and leaves none then');
select rt.socket_close(tests.u(901), pg_temp.s('s22', 22, false));
update bellwire.presence set offline_due = '-infinity' where user_id = tests.u(22);
select rt.sweep(tests.u(901));
select is_empty($$select from bellwire.presence where user_id = tests.u(22)$$, 'also after a grace');

-- users_bounds, of the triggers users_bounds_insert and users_bounds_update:
-- a user whose avatar_url is a data URL of 1.5 MiB, or name
insert into platform.users (id, name) values (tests.u(40), 'User'), (tests.u(41), 'User');
select throws_ok($$insert into platform.users (name, avatar_url)
	values ('Photo', 'data:image/png;base64,' || repeat('A', 1572864))$$,
	'RT413', 'avatar_url: over 8192 bytes', 'a picture is no URL');
select throws_ok($$update platform.users set avatar_url = repeat('A', 8193) where id = tests.u(40)$$,
	'RT413', 'avatar_url: over 8192 bytes', 'nor later');
select throws_ok($$update platform.users set name = repeat('я', 786432) where id = tests.u(40)$$,
	'RT413', 'name: over 1024 bytes', 'a name is no book');
select lives_ok($$update platform.users set name = repeat('я', 512), avatar_url = repeat('A', 8192)
	where id = tests.u(40)$$,
	'up to the bounds');
select rt_private.message_payload(null, null, null, null, name, avatar_url, null, null, null, null, null)
	->> 'sender_name' as name from platform.users where id = tests.u(40) \gset
select is(length(:'name'), 512, 'which goes out as it is');
-- a row from before the bounds
set local session_replication_role = replica;
update platform.users set name = repeat('я', 786432), avatar_url = repeat('A', 1572864) where id = tests.u(41);
set local session_replication_role = origin;
select lives_ok($$update platform.users set last_seen_at = now(), name = name, is_master = true
	where id = tests.u(41)$$,
	'a longer row of old may change');
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(41));
select tests.mark();
insert into platform.messages (chat_id, sender_id, type, content) select tests.u(10), tests.u(41), 'text', 'hi ' || i
from generate_series(1, 5) i;
select is(count(*) filter (where octet_length(data::text) < 2000), 5::bigint, 'and its messages are small')
from tests.sent() where event = 'chat:message:new';
select is(array_agg(distinct data -> 'sender_avatar'), array['null'::jsonb], 'without the picture')
from tests.sent() where event = 'chat:message:new';

select * from finish();
rollback;
