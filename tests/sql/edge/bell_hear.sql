-- rt.bell_hear: the channels of the bell. concurrent/bell.mjs tests what is heard there.
begin;
select plan(3);

select is(rt.bell_hear(true), (select channel from bellwire.bell), 'that of the table');
select matches(rt.bell_hear(true), '^bellwire_[0-9a-z]{32}$', 'a name that nobody guesses, and that needs no quotes');
select is(rt.bell_hear(false), (select channel from bellwire.bell), 'and when it is heard no more');

select * from finish();
rollback;
