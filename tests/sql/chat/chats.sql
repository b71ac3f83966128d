-- platform.chats: rows that go with a chat.
begin;
select plan(6);

select tests.users(1, 2);
select tests.chat(10, 1, 2);
insert into platform.messages (id, chat_id, sender_id, type, content)
	values (tests.u(21), tests.u(10), tests.u(1), 'text', 'x');
insert into platform.message_receipts (message_id, user_id) values (tests.u(21), tests.u(2));
select tests.mark();
delete from platform.chats where id = tests.u(10);
select results_eq('select * from tests.moves()',
	array['user_leave 1 participants 10', 'user_leave 1 chat 10', 'user_leave 2 participants 10',
	'user_leave 2 chat 10'], 'everybody leaves');
select is_empty(
	'select 1 from platform.messages union all select 1 from platform.message_receipts
		union all select 1 from platform.chat_participants',
	 'messages, receipts, participants');
select is_empty('select from bellwire.places', 'and no place is kept');
-- chats_gone, chats_truncated
select tests.chat(11, 1);
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(11), tests.u(1), 'text', 'x');
delete from platform.messages;
select is((select seq from bellwire.places), 1::bigint, 'the place of a message that was deleted');
truncate platform.chats cascade;
select is_empty('select from bellwire.places', 'goes with the chats');
create temp table made (id uuid, created_at timestamptz);
with c as (insert into platform.chats default values returning id, created_at) insert into made select * from c;
select ok(id is not null and created_at > now(), 'defaults: its time is when it was written') from made;

select * from finish();
rollback;
