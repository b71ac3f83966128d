-- GET /api/v2/notifications.
begin;
select plan(14);

insert into platform.users (id, name, avatar_url) values (tests.u(1), 'Anna', 'https://x.y/a'),
	(tests.u(2), 'Boris', null), (tests.u(3), 'Stranger', null);
create function pg_temp.ids(p jsonb) returns text[]
	language sql as $$ select array(select right(i ->> 'id', 2)
	from jsonb_array_elements(p -> 'items') with ordinality t(i, n) order by n) $$;
insert into platform.notifications (id, user_id, type, title, body, created_at, read_at)
select tests.u(60 + n), tests.u(1 + n / 5), 'mention', 't', 'b' || n,
	'2026-01-10T12:00:00Z'::timestamptz + n / 2 * interval '1 s', case when n % 3 = 0
	then '2026-01-11T00:00:00Z'::timestamptz end
from generate_series(0, 5) n;
select rt.get_notifications(tests.u(1), '{}') as r \gset
select is(pg_temp.ids(:'r'), array['64', '63', '62', '61', '60'], 'one''s own, newest first');
select is(:'r'::jsonb #> '{items,1}',
	jsonb_build_object('id', tests.u(63), 'type', 'mention', 'title', 't', 'body', 'b3', 'data', '{}'::jsonb,
	'created_at', '2026-01-10T12:00:01.000Z', 'is_read', true, 'read_at', '2026-01-11T00:00:00.000Z'),
	'keys of notification:new, and read_at');
select is(:'r'::jsonb #> '{items,0,read_at}', 'null', 'unread');
select is(pg_temp.ids(rt.get_notifications(tests.u(1), '{"is_read": "false"}')), array['64', '62', '61'],
	'unread ones');
select is(pg_temp.ids(rt.get_notifications(tests.u(1), '{"is_read": "true"}')), array['63', '60'], 'read ones');
select is(pg_temp.ids(rt.get_notifications(tests.u(1), jsonb_build_object('limit', '2', 'before', tests.u(63)))),
	array['62', '61'], 'a page');
select rt.get_notifications(tests.u(1), jsonb_build_object('limit', '2', 'before', tests.u(63)))
	->> 'next_before' as place \gset
select is(pg_temp.ids(rt.get_notifications(tests.u(1), jsonb_build_object('before', :'place'::text))), array['60'],
	'and the next');
insert into platform.notifications (id, user_id, type, title, body, created_at)
select tests.u(90 - n), tests.u(3), 'mention', 't', 'b', '2026-01-10T12:00:00Z' from generate_series(1, 5) n;
select is(pg_temp.ids(rt.get_notifications(tests.u(3), '{}')), array['85', '86', '87', '88', '89'],
	'of one time: the last one written first');
select throws_ok($$select rt.get_notifications(tests.u(1), '{"is_read": "yes"}')$$, 'RT400', null,
	'is_read is a boolean');
select throws_ok($$select rt.get_notifications(tests.u(1), jsonb_build_object('before', tests.u(65)))$$, 'RT400', null,
	'before somebody else''s');
select throws_ok(format($$select rt.get_notifications(tests.u(1), '{"before": "%s"}')$$, b), 'RT400',
	'before must be a next_before or an id', 'before ' || b) from unnest('{x,12,1.2}'::text[]) b;
delete from platform.notifications where id = tests.u(61);
select is(pg_temp.ids(rt.get_notifications(tests.u(1), jsonb_build_object('before', :'place'::text))), array['60'],
	'the cursor''s notification deleted');

select * from finish();
rollback;
