-- rt.place: where a call has arrived.
begin;
select plan(2);

create temp table marks as select rt.mark() as mark;
select results_eq('select place, known from rt.place((select mark from marks))',
	'values (rt_private.place(), true)', 'the place, and a mark that was left here');
select is((select known from rt.place('mark.1.x')), false, 'a mark that was never made');

select * from finish();
rollback;
