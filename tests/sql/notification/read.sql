-- notification:read.
begin;
select plan(7);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris');

select platform.notify(tests.u(1), 'friend_request', 't', 'b') as id \gset
select set_config('bellwire.socket_id', 'sock1', true);
select tests.mark();
select rt.notification_read(tests.u(1), jsonb_build_object('notification_id', :'id'::text)) as ack \gset
select is(:'ack'::jsonb,
	(select jsonb_build_object('notification_id', id, 'is_read', true, 'read_at', rt_private.iso(read_at))
	from platform.notifications where id = :'id'), 'ack');
select results_eq($$select event, rooms, except_rooms, data from tests.sent()$$,
	format($$values ('notification:read', array['user:' || tests.u(1)], array['sock1'], %L::jsonb)$$, :'ack'),
		'told to the user''s other sockets');
select tests.mark();
select is(rt.notification_read(tests.u(1), jsonb_build_object('notification_id', :'id'::text)), :'ack'::jsonb,
	'the first read counts');
select is((select count(*) from tests.sent()), 0::bigint, 'repeats announce nothing');
select throws_ok(format($$select rt.notification_read(tests.u(2), '{"notification_id": "%s"}')$$, :'id'), 'RT403',
	'No such notification', 'somebody else''s');
select throws_ok($$select rt.notification_read(tests.u(2),
	'{"notification_id": "00000000-0000-4000-8000-000000000099"}')$$, 'RT403', 'No such notification', 'missing');
select throws_ok($$select rt.notification_read(tests.u(2), '{}')$$, 'RT400', 'notification_id must be a uuid',
	'required');

select * from finish();
rollback;
