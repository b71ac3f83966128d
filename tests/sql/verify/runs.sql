-- The people of bellwire verify are nobody's but its own.
begin;
select plan(10);

select ok(not has_table_privilege('bellwire_service', t, 'select, insert, update, delete'),
	'and have no right to ' || t)
from unnest(array['bellwire.verify_runs', 'bellwire.verify_people', 'bellwire.verify_chats']) t;

create temporary table made as
select * from rt.verify_open(tests.u(1),
	array['bellwire verify a', 'bellwire verify b', 'bellwire verify c'], '[[0,1],[1,2]]');

select tests.users(50, 51);
select ok(rt_private.is_verifying((select people[1] from made)), 'one of ours');
select ok(not rt_private.is_verifying(tests.u(50)), 'somebody else');
update bellwire.settings set value = 'everyone' where name = 'presence_audience';
select results_eq(
	$$select e.rooms from made m, rt_private.presence_events(
		m.people[1:1] || tests.u(50), m.people[1:1] || tests.u(50), true, now()) e$$,
	$$select array['followers:' || people[1], 'participants:' || chats[1]] from made union all select null$$,
	'presence is told to their chats alone, that of others to everyone');
select tests.mark();
select rt_private.presence_tell(people[1], true, null), rt_private.presence_tell(tests.u(50), true, null) from made;
select results_eq('select rooms from tests.sent() order by id',
	$$select array['followers:' || people[1], 'participants:' || chats[1]] from made union all select null$$,
	'alone, too');
insert into platform.messages (chat_id, sender_id, type, content) select chats[1], people[1], 'text', 'hi' from made;
select is_empty($$select rt_private.push_recipients(m.id) from platform.messages m, made where m.chat_id = chats[1]$$,
	'no push for a message of theirs');
select tests.chat(60, 50, 51);
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(60), tests.u(50), 'text', 'hi');
select is((select rt_private.push_recipients(m.id) from platform.messages m where m.chat_id = tests.u(60)), tests.u(51),
	'but for others');
select platform.notify((select people[1] from made), 'mention', 'a', 'b', '{}');
select is_empty($$select i.user_id from platform.notifications n, made, rt_private.push_items('notification', n.id) i
	where n.user_id = people[1]$$, 'nor for a notification');

select * from finish();
rollback;
