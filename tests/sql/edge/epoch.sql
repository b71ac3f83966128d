-- The epoch after a crash, which leaves bellwire.epoch empty. Readers begin a new epoch too: no writer has to come
-- first (docs/decisions/0002-epochs.md).
begin;
select plan(5);

create temp table before as select rt_private.epoch_n() as n, rt_private.epoch_text() as text;
select is(rt_private.epoch_text(), (select text from before), 'the same as long as nothing crashes');
delete from bellwire.epoch;
select matches(rt_private.epoch_text(), '^\d+\.[0-9A-F]{8}/\d+\.[0-9a-f]{32}$', 'a reader begins an epoch');
select isnt(rt_private.epoch_text(), (select text from before), 'another one');
select is((select count(*) from bellwire.epochs where n >= (select n from before)), 2::bigint, 'both are known');
delete from bellwire.epoch;
select matches((select except_rooms from rt.fetch(null, null)), '^\d+\.[0-9A-F]{8}/', 'the first fetch has a position');

select * from finish();
rollback;
