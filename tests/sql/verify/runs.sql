-- bellwire verify: its people are made, hidden and removed.
begin;
select plan(28);

select ok(has_function_privilege('bellwire_service', f, 'execute'), 'services may call ' || f)
from unnest(array['rt.verify_open(uuid,text[],jsonb)', 'rt.verify_renew(uuid)', 'rt.verify_close(uuid)']) f;
select ok(not has_table_privilege('bellwire_service', t, 'select, insert, update, delete'),
	'and have no right to ' || t)
from unnest(array['bellwire.verify_runs', 'bellwire.verify_people', 'bellwire.verify_chats']) t;

-- made
create temporary table made as
select * from rt.verify_open(tests.u(1),
	array['bellwire verify a', 'bellwire verify b', 'bellwire verify c'], '[[0,1],[1,2]]');
select is((select content_max from made), rt_private.setting('content_max')::int, 'the limit of a message');
select is((select receipts_max from made), rt_private.setting('receipts_max_participants')::int, 'and of receipts');
select results_eq(
	$$select u.name from made m, unnest(m.people) with ordinality p (id, n) join platform.users u using (id)
		order by p.n$$,
	array['bellwire verify a', 'bellwire verify b', 'bellwire verify c'], 'people with these names, in this order');
select results_eq(
	$$select c.n::int, array_agg(p.n::int order by p.n) from made m, unnest(m.chats) with ordinality c (id, n)
		join platform.chat_participants cp on cp.chat_id = c.id, unnest(m.people) with ordinality p (id, n)
		where p.id = cp.user_id group by 1 order by 1$$,
	$$values (1, array[1, 2]), (2, array[2, 3])$$, 'in chats as it was said');
select is((select count(*) from bellwire.verify_people where run = tests.u(1)), 3::bigint, 'people are marked');
select is((select count(*) from bellwire.verify_chats where run = tests.u(1)), 2::bigint, 'and chats are');
select ok((select alive_until between clock_timestamp() + interval '20 s' and clock_timestamp() + interval '31 s'
	from bellwire.verify_runs where run = tests.u(1)), 'for half a minute');

-- hidden
select tests.users(50, 51);
select ok(rt_private.is_verifying((select people[1] from made)), 'one of ours');
select ok(not rt_private.is_verifying(tests.u(50)), 'somebody else');
update bellwire.settings set value = 'everyone' where name = 'presence_audience';
select results_eq(
	$$select e.rooms from made m, rt_private.presence_events(
		m.people[1:1] || tests.u(50), m.people[1:1] || tests.u(50), true, now()) e$$,
	$$select array['followers:' || people[1], 'participants:' || chats[1]] from made union all select null$$,
	'presence is told to their chats alone, that of others to everyone');
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

-- kept
update bellwire.verify_runs set alive_until = clock_timestamp() + interval '1 s' where run = tests.u(1);
select is(rt.verify_renew(tests.u(1)), true, 'renewed');
select ok((select alive_until > clock_timestamp() + interval '20 s' from bellwire.verify_runs where run = tests.u(1)),
	'for half a minute more');
select rt_private.verify_sweep();
select is((select count(*) from platform.users u, made where u.id = any(people)), 3::bigint,
	'nobody removes what lives');
update bellwire.verify_runs set alive_until = '-infinity' where run = tests.u(1);
select is(rt.verify_renew(tests.u(1)), null, 'what is over stays over');

-- removed
insert into bellwire.presence (user_id, online) select people[1], true from made;
select isnt((select people from rt.verify_open(tests.u(2), array['x'], '[[0]]')), null, 'another run begins');
select is((select count(*) from platform.users u, made where u.id = any(people))
	+ (select count(*) from platform.chats c, made where c.id = any(chats)), 0::bigint,
	'and removes what the one before has left');
select results_eq($$select user_id from bellwire.verify_people where run = tests.u(1)$$, $$select people[1] from made$$,
	'a mark stays while somebody has still to be told of the end');
delete from bellwire.presence p using made where p.user_id = people[1];
select is(rt.verify_close(tests.u(1)), 0, 'then it goes');
select is((select array_agg(run) from bellwire.verify_runs), array[tests.u(2)], 'and the run with it');

select * from finish();
rollback;
