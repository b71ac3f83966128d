-- rt.sweep: in portions, so that nobody waits long for its locks. What it does is in maintain.sql, who waits for whom
-- in concurrent/waits.mjs.
begin;
select plan(22);

select tests.users(1, 1200);
insert into bellwire.edges (edge_id, name, pid, backend_start, seen_at)
	values (tests.u(901), 'live', 0, now(), clock_timestamp()),
	(tests.u(902), 'dead', 0, now(), clock_timestamp() - interval '31 s');
insert into bellwire.presence (user_id, online) select tests.u(n), true from generate_series(1, 1100) n;
insert into bellwire.sockets (socket_id, edge_id, user_id) select 's' || n, tests.u(902), tests.u(n)
	from generate_series(1, 1200) n;
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('other', tests.u(901), tests.u(1));

select is(rt.sweep(tests.u(901)), true, 'there is more');
select is((select count(*) from bellwire.sockets where edge_id = tests.u(902)), 700::bigint, 'five hundred at a time');
select is((select count(*) from bellwire.edges), 2::bigint, 'the edge stays until its last socket goes');
select is((select offline_due from bellwire.presence where user_id = tests.u(1)), null,
	'no grace for who has a socket elsewhere');
select is(rt.sweep(tests.u(901)), true, 'and more');
select is(rt.sweep(tests.u(901)), false, 'now it is the last');
select results_eq('select socket_id from bellwire.sockets', array['other'], 'all are gone');
select results_eq('select name from bellwire.edges', array['live'], 'and the edge with them');
select results_eq('select name, opened_at < gone_at from bellwire.edges_gone', $$ values ('dead', true) $$,
	'which is noted');
select is((select count(*) from bellwire.presence where offline_due > clock_timestamp() + interval '20 s'),
	1099::bigint, 'who was online has presence_grace_restart, nobody else');
select is((select count(*) from bellwire.presence where unclean_at is not null), 1200::bigint, 'all ended uncleanly');

select tests.mark();
update bellwire.presence set offline_due = '-infinity' where offline_due is not null;
select is(array(select rt.sweep(tests.u(901)) from generate_series(1, 4)), '{t,t,f,f}',
	'who went offline is told in portions, too');
select is((select count(distinct data ->> 'user_id') from tests.sent() where event = 'user:offline'), 1099::bigint,
	'each');
select is((select count(*) from tests.sent() where event = 'user:offline'), 1099::bigint, 'once');

-- an edge that ends with more than a portion
insert into bellwire.sockets (socket_id, edge_id, user_id) select 'l' || n, tests.u(901), tests.u(n)
	from generate_series(1, 600) n;
select rt.edge_close(tests.u(901));
select is((select count(*) from bellwire.sockets where socket_id ~ '^l'), 100::bigint, 'rt.edge_close does a portion');
select rt.maintain(tests.u(901));
select is_empty('select from bellwire.sockets',
	'the rest belongs to everybody, and no sign of life brings the edge back');
select is_empty('select from bellwire.edges', 'it is gone');
update bellwire.edges_gone set gone_at = clock_timestamp() - interval '2 hours' where name = 'live';
select rt_private.edges_sweep('{}');
select results_eq('select name from bellwire.edges_gone', array['dead'], 'which is forgotten after an hour');

-- sockets whose edge has no row: it was swept while it opened them, and then died
insert into bellwire.edges (edge_id, name, pid, backend_start) values (tests.u(901), 'live', 0, now());
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('o1', tests.u(906), tests.u(1)),
	('o2', tests.u(907), tests.u(2)), ('kept', tests.u(901), tests.u(2));
update bellwire.presence set online = true, offline_due = null where user_id in (tests.u(1), tests.u(2));
select is(rt_private.edges_unknown(), array[tests.u(906), tests.u(907)], 'two edges that nobody knows');
select rt.sweep(tests.u(901));
select results_eq('select socket_id from bellwire.sockets', array['kept'], 'their sockets go');
select isnt((select offline_due from bellwire.presence where user_id = tests.u(1)), null,
	'their users have their grace');
select is((select offline_due from bellwire.presence where user_id = tests.u(2)), null,
	'but for who has a socket elsewhere');

select * from finish();
rollback;
