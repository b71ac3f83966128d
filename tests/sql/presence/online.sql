-- rt.online: who of these is online.
begin;
select plan(4);

select tests.users(1, 3);
insert into bellwire.presence (user_id, online, offline_due) values (tests.u(1), true, null), (tests.u(2), false, null),
	(tests.u(3), true, now() + interval '3 seconds');
select results_eq($$select * from rt.online(array[tests.u(4), tests.u(3), tests.u(2), tests.u(1), tests.u(1), null])$$,
	$$values (tests.u(1)), (tests.u(3))$$, 'each once, those within their grace too');
select is_empty($$select * from rt.online('{}')$$, 'nobody');
select is_empty($$select * from rt.online(null)$$, 'null');
set local role bellwire_service;
select lives_ok($$select * from rt.online('{}')$$, 'a service may ask');

select * from finish();
rollback;
