-- rt_private.sockets_parse: the objects of a call as rows.
begin;
select plan(3);

select results_eq(
	$$select * from rt_private.sockets_parse(array[
		'{"socket_id": "a", "user_id": "00000000-0000-4000-8000-000000000001", "recovery": true, "pid": "p"}',
		'{"socket_id": "b", "user_id": "00000000-0000-4000-8000-000000000002", "clean": false, "over": true,
			"why": "x"}'])$$,
	$$values (1, 'a', tests.u(1), true, 'p', null::boolean, null::boolean, null),
		(2, 'b', tests.u(2), null, null, false, true, 'x')$$,
	'a row each, in their order; a missing key is null');
select throws_ok($$select * from rt_private.sockets_parse(array['{'])$$, '22P02', null, 'a text is no JSON');
select throws_ok($$select * from rt_private.sockets_parse(array['{"user_id": "x"}'])$$, '22P02', null,
	'a user is no uuid');

select * from finish();
rollback;
