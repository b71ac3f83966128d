-- rt.names: names of users, and the control row that tells of another one (users_renamed).
begin;
select plan(6);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), '');
select results_eq('select * from rt.names(array[tests.u(2), tests.u(9), tests.u(1), tests.u(2)])',
	$$values (tests.u(2)::text, ''), (tests.u(9)::text, null), (tests.u(1)::text, 'Anna'), (tests.u(2)::text, '')$$,
	'a row each, in the order asked');

select tests.mark();
update platform.users set name = name, last_seen_at = now();
update platform.users set last_seen_at = now();
select is_empty('select * from tests.sent()', 'the same name is no news');
update platform.users set name = 'Ann' where id = tests.u(1);
select results_eq('select control, data from tests.sent()',
	$$values ('user_renamed', jsonb_build_object('user_id', tests.u(1)))$$, 'another name is');
set local bellwire.silent = on;
select tests.mark();
update platform.users set name = 'X';
select results_eq('select control, data from tests.sent()', $$values ('rooms_stale', '{}'::jsonb)$$,
	'an import: read again, once');
set local bellwire.silent = off;
select tests.mark();
select throws_ok($$update platform.users set name = null$$, '23502', null, 'a name is needed');
select is_empty('select * from tests.sent()', 'and nothing was told');

select * from finish();
rollback;
