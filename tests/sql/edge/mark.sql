-- rt.mark: a mark shows that a database has the history that a cursor is of. Other histories, for real, are in
-- concurrent/history.mjs.
begin;
select plan(19);

create temp table marks as select rt.mark() as mark;
select matches((select mark from marks), '^mark\.\d+\.[0-9a-f]{16}$', 'a mark');
select ok(rt_private.mark_known((select mark from marks)), 'is known');
select is(current_setting('synchronous_commit'), 'local',
	'and is on the disk before it is named; no standby is waited for');
select isnt(rt.mark(), (select mark from marks), 'each is another one');
select ok(not rt_private.mark_known((select mark || '0' from marks)), 'not with another word');
select ok(not rt_private.mark_known(x), x || ' is no mark')
from (values (''), ('mark'), ('mark.1'), ('other.1.2')) t (x);
select ok(not rt_private.mark_known(null), 'none is none');
insert into bellwire.marks (n, random) overriding system value
select n - 10000, 'old' from (select split_part(mark, '.', 2)::bigint as n from marks) x;
select rt.mark();
select is((select count(*) from bellwire.marks where random = 'old'), 0::bigint, 'ten thousand are kept');

-- rows
select rt_private.publish(array['r'], 'e', '{}');
create temp table seen as
select o.id, o.xid, (extract(epoch from o.at) * 1000000)::bigint as at
from bellwire.outbox o order by o.id desc limit 1;
select ok(rt_private.mark_known('row.' || id || '.' || xid || '.' || at), 'a row that is there') from seen;
select ok(not rt_private.mark_known('row.' || id + 1 || '.' || xid || '.' || at), 'another id') from seen;
select ok(not rt_private.mark_known('row.' || id || '.' || xid || '.' || at + 1),
	'another time: the new history has the id') from seen;

-- a pump comes back
create function pg_temp.epochs() returns bigint language sql as $$ select count(*) from bellwire.epochs where n = -1 $$;
insert into bellwire.epochs (n, random) values (-1, 'before');
select rt_private.history_ends(null, null);
select rt_private.history_ends(rt_private.place() || '/-1.before', array[(select mark from marks)]);
select is(pg_temp.epochs(), 1::bigint, 'one that was never there, and one whose mark is known, end nothing');
select rt_private.history_ends(rt_private.epoch_text(), array['mark.1.x']);
select is(pg_temp.epochs(), 1::bigint, 'within one epoch rows may be gone');
select rt_private.history_ends('1.00000001.1/-1.before', array['mark.1.x']);
select is(pg_temp.epochs(), 1::bigint, 'of another place the place tells');
select rt_private.history_ends(rt_private.place() || '/-1.before', array[(select mark from marks), 'mark.1.x']);
select is(pg_temp.epochs(), 0::bigint, 'one that saw what is not here: epochs before this one are not known any more');
select is((select count(*) from bellwire.epochs e join bellwire.epoch using (n)), 1::bigint, 'the present one is');

select * from finish();
rollback;
