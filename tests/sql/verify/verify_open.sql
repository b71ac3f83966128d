-- bellwire verify begins: people and chats are made, what others have left is removed.
begin;
select plan(11);

select ok(has_function_privilege('bellwire_service', 'rt.verify_open(uuid,text[],jsonb)', 'execute'),
	'services may call it');

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


update bellwire.verify_runs set alive_until = '-infinity' where run = tests.u(1);
insert into bellwire.presence (user_id, online) select people[1], true from made;
select isnt((select people from rt.verify_open(tests.u(2), array['x'], '[[0]]')), null, 'another run begins');
select is((select count(*) from platform.users u, made where u.id = any(people))
	+ (select count(*) from platform.chats c, made where c.id = any(chats)), 0::bigint,
	'and removes what the one before has left');
select results_eq($$select user_id from bellwire.verify_people where run = tests.u(1)$$, $$select people[1] from made$$,
	'a mark stays while somebody has still to be told of the end');

select * from finish();
rollback;
