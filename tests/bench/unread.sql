-- What unread_count costs in a chat of a million messages whose rows lie between a million others. In an empty database:
--   createdb unread && MIGRATE_DATABASE_URL=.../unread build/bellwire migrate && psql .../unread -f tests/bench/unread.sql
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP on
set session_replication_role = replica; -- no triggers: they would take minutes
set synchronous_commit = off;
create function pg_temp.u(n int) returns uuid language sql immutable as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
insert into platform.users (id, name) select pg_temp.u(n), 'User ' || n from generate_series(1, 200) n;
insert into platform.chats (id, created_at) select pg_temp.u(n), now() - interval '100 days' from generate_series(1, 2001) n;
insert into platform.chat_participants (chat_id, user_id, joined_at) select pg_temp.u(1), pg_temp.u(n), now() - interval '100 days' from generate_series(1, 200) n;
insert into platform.messages (chat_id, seq, sender_id, type, content, created_at)
select pg_temp.u(case when n % 2 = 0 then 1 else 2 + n / 2 % 2000 end), case when n % 2 = 0 then n / 2 else n / 4000 + 1 end,
	pg_temp.u(100 + n / 2 % 100), 'text', 'a message of some length, as people write', now() - interval '50 days' + n * interval '1 s'
from generate_series(1, 2000000) n;
-- 1 has read everything, 2 nothing, 3 all but a hundred here and there, 4 every second message
insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
select m.id, pg_temp.u(u), now(), case when u = 1 or u = 3 and m.seq % 10000 <> 0 or u = 4 and m.seq % 2 = 0 then now() end
from unnest('{1,3,4}'::int[]) u, platform.messages m where m.chat_id = pg_temp.u(1);
reset session_replication_role;
vacuum analyze;
\set count '-> \'items\' -> 0 -> \'unread_count\';'
\timing on
\echo all are read: at first, then
select rt.get_chats(pg_temp.u(1), '{}') :count
select rt.get_chats(pg_temp.u(1), '{}') :count
select rt.get_chats(pg_temp.u(1), '{}') :count
\echo all but a hundred: at first, then
select rt.get_chats(pg_temp.u(3), '{}') :count
select rt.get_chats(pg_temp.u(3), '{}') :count
select rt.get_chats(pg_temp.u(3), '{}') :count
\echo none
select rt.get_chats(pg_temp.u(2), '{}') :count
select rt.get_chats(pg_temp.u(2), '{}') :count
\echo every second one: at first, then
select rt.get_chats(pg_temp.u(4), '{}') :count
select rt.get_chats(pg_temp.u(4), '{}') :count
select rt.get_chats(pg_temp.u(4), '{}') :count
