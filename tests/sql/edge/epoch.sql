-- The epoch after a crash, which leaves bellwire.epoch empty. Readers begin a new epoch too: no writer has to come
-- first (docs/decisions/0002-epochs.md).
begin;
select plan(10);

create temp table before as select rt_private.epoch_n() as n, rt_private.epoch_text() as text;
select is(rt_private.epoch_text(), (select text from before), 'the same as long as nothing crashes');
delete from bellwire.epoch;
select matches(rt_private.epoch_text(), '^\d+\.[0-9A-F]{8}\.\d+/\d+\.[0-9a-f]{32}$', 'a reader begins an epoch');
select isnt(rt_private.epoch_text(), (select text from before), 'another one');
select is((select count(*) from bellwire.epochs where n >= (select n from before)), 2::bigint, 'both are known');
delete from bellwire.epoch;
select matches((select except_rooms from rt.fetch(null, null)), '^\d+\.[0-9A-F]{8}\.\d+/',
	'the first fetch has a position');

-- a restart begins one as well: a copy that was put back has the row of the time when it was made
create temp table run as select rt_private.epoch_n() as n;
update bellwire.epoch set started = started - interval '1 day', sockets_seen = true;
select is((select n from bellwire.epoch), (select n from run), 'Postgres was started again, nobody has written');
select rt_private.publish(array['r'], 'e', '{}');
select is((select o.epoch from bellwire.outbox o order by o.id desc limit 1), (select n from bellwire.epoch),
	'the first row is of the new epoch');
select ok((select n from bellwire.epoch) > (select n from run), 'which is a later one');
select ok(not sockets_seen, 'in which nobody has looked for sockets yet') from bellwire.epoch;
select is(rt_private.place(), (select s.system_identifier from pg_control_system() s) || '.'
	|| substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.'
	|| (select d.oid from pg_database d where d.datname = current_database()), 'the place has the database');

select * from finish();
rollback;
