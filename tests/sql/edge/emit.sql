-- rt.emit: a service's own events. emit_is_plain, data_is_plain, data_is_deep, data_is_huge, which are inlined.
begin;
select plan(36);

create function pg_temp.refused(p_call text, p_why text, p_code text default 'RT400') returns text language sql as $$
	select throws_ok('select rt.emit(' || p_call || ')', p_code, null, p_why) $$;
select tests.mark();
set local role bellwire_service;
select rt.emit(array['user:1', 'x y'], 'shop:opened', '{"a": 1.10}', array['s1']);
select rt.emit(null, 'all', '{}', ephemeral => true);
reset role;
select results_eq($$select rooms, except_rooms, event, data, confirm, control, ephemeral from tests.sent()$$,
	$$values (array['user:1', 'x y'], array['s1'], 'shop:opened', '{"a": 1.10}'::jsonb, null::jsonb, null::text,
		false), (null, '{}', 'all', '{}', null, null, true)$$,
	'to rooms, and to everybody, kept or not');
select tests.mark();
select pg_temp.refused($$'{}', 'e', '{}'$$, 'no room');
select pg_temp.refused($$array['r', null], 'e', '{}'$$, 'a room without a name');
select pg_temp.refused($$array['r', ''], 'e', '{}'$$, 'a room whose name is empty');
select pg_temp.refused($$array[e'a\nb'], 'e', '{}'$$, 'a room name with a line break: it would be two rooms');
select pg_temp.refused($$array['r'], 'e', '{}', array[e'a\nb']$$, 'the same in except_rooms');
select pg_temp.refused($$array['r'], 'e', '{}', null$$, 'except_rooms null');
select pg_temp.refused($$array['r'], 'e', '{}', array[null]$$, 'except_rooms with null');
select pg_temp.refused(format($$array['r'], %L, '{}'$$, e), 'event ' || e)
from unnest(array['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'error',
	'connected', 'sync:required', '']) e;
select pg_temp.refused($$array['r'], null, '{}'$$, 'no event');
select pg_temp.refused($$array['r'], e'a\tb', '{}'$$, 'an event with a control character');
select pg_temp.refused(format($$array['r'], 'e', %L$$, d), 'data ' || d)
	from unnest(array['[]', '"x"', '1', 'null', 'true']) d;
select pg_temp.refused($$array['r'], 'e', null$$, 'no data');
select pg_temp.refused(format($$array['r'], 'e', %L$$, d), 'data that breaks a client: ' || left(d, 40))
from unnest(array['{"_placeholder": true, "num": "x"}', '{"n": 1e309}', repeat('{"a":', 63) || '1'
	|| repeat('}', 63)]) d;
select lives_ok($$select rt.emit(array['r'], 'e', jsonb_build_object('k', repeat('x', 262144 - 9)))$$, '256 KiB');
select pg_temp.refused($$array['r'], 'e', jsonb_build_object('k', repeat('x', 262144 - 8))$$, 'a byte more', 'RT413');
select is((select count(*) from tests.sent()), 1::bigint, 'what was refused told nobody');
select lives_ok($$select rt.emit(array['r'], 'e', '{}', ephemeral => null)$$, 'ephemeral null is false');

-- The short way and the long way: a session that has named bellwire.silent goes the long one. Of each event both say
-- the same, and leave the same row.
create temporary table chance on commit drop as
select n, f.call,
	(array['{r}', '{r,"x y"}', '{"/",r}', '{}', null, '{""}', '{r,NULL}', e'{"a\nb"}'])[r[1]]::text[] as rooms,
	(array['e', 'a/b', '', null, 'error', e'a\tb', '/'])[r[2]] as event,
	(array['{}', '{"a": {"b": [1, "x"]}}', '[]', '"{}"', null, '{"_placeholder": 1}',
		'{"a": "\"_placeholder\": 1"}', '{"n": 1e308, "m": 1}', '{"n": 1e309}',
		jsonb_build_object('t', repeat('x', 9000))::text, jsonb_build_object('t', repeat('x', 262150))::text,
		repeat('{"a":', 62) || '1' || repeat('}', 62),
		repeat('{"a":', 63) || '1' || repeat('}', 63)])[r[3]]::jsonb as data,
	(array['{}', '{s}', null, '{NULL}', '{""}', e'{"\t"}'])[r[4]]::text[] as except_rooms
from generate_series(1, 100) n
cross join lateral (
	select array_agg(case when random() < 0.7 then 1 else 1 + floor(random() * m) end::int order by i) as r
	from unnest(array[8, 7, 13, 6]) with ordinality x (m, i) where n > 0
) c
cross join (values ('emit'), ('publish')) f (call);
create function pg_temp.outcomes() returns text[] language plpgsql as $$
declare
	r record;
	v_all text[];
begin
	for r in select * from chance order by n, call loop
		begin
			if r.call = 'emit' then
				perform rt.emit(r.rooms, r.event, r.data, r.except_rooms);
			else
				perform rt_private.publish(r.rooms, r.event, r.data, r.except_rooms);
			end if;
			v_all := v_all || 'good'::text;
		exception when sqlstate 'RT400' or sqlstate 'RT413' then
			v_all := v_all || (sqlstate || ' ' || sqlerrm);
		end;
	end loop;
	return v_all;
end
$$;
create function pg_temp.left_behind() returns text language sql as $$
	select jsonb_agg(to_jsonb(s) - 'id')::text from tests.sent() s $$;
select tests.mark();
create temporary table short on commit drop as select pg_temp.outcomes() as said;
alter table short add rows text;
update short set rows = pg_temp.left_behind();
select tests.mark();
set local bellwire.silent = off;
select is((select said from short), pg_temp.outcomes(), 'the short way says what the long way says');
select is((select md5(rows) from short), md5(pg_temp.left_behind()), 'and leaves the same rows');
select cmp_ok((select jsonb_array_length(rows::jsonb) from short), '>', 40, 'some were sent');

select * from finish();
rollback;
