-- rt.settings.
begin;
select no_plan();

select results_eq('select name, value from rt.settings()', 'select name, value from bellwire.settings order by name', 'all of them, by name');
select isnt_empty('select * from rt.settings()', 'there are some');

select * from finish();
rollback;
