-- A run of bellwire verify is over.
begin;
select plan(5);

select ok(has_function_privilege('bellwire_service', 'rt.verify_close(uuid)', 'execute'), 'services may call it');

create temporary table made as
select * from rt.verify_open(tests.u(1),
	array['bellwire verify a', 'bellwire verify b', 'bellwire verify c'], '[[0,1],[1,2]]');

insert into bellwire.presence (user_id, online) select people[1], true from made;
select is(rt.verify_close(tests.u(1)), 1, 'somebody has still to be told of an end');
select is((select count(*) from platform.users u, made where u.id = any(people))
	+ (select count(*) from platform.chats c, made where c.id = any(chats)), 0::bigint, 'the rest is gone');
delete from bellwire.presence p using made where p.user_id = people[1];
select is(rt.verify_close(tests.u(1)), 0, 'then the mark goes');
select is((select count(*) from bellwire.verify_runs), 0::bigint, 'and the run with it');

select * from finish();
rollback;
