-- rt.ask_rooms.
begin;
select plan(6);

select tests.mark();
select ok(rt.ask_rooms() is not null, 'all rooms');
select is((select data - 'ask' from tests.sent()), '{"what": "rooms", "prefix": "", "limit": 100}',
	'the largest hundred');
select tests.mark();
select ok(rt.ask_rooms('chat:', 5) is not null, 'those whose names begin so');
select is((select data - 'ask' from tests.sent()), '{"what": "rooms", "prefix": "chat:", "limit": 5}', 'and only some');
select throws_ok('select rt.ask_rooms(e''a\tb'')', 'RT400', null, 'a prefix of one line');
select throws_ok('select rt.ask_rooms('''', 0)', 'RT400', null, 'a limit of 0 is none');

select * from finish();
rollback;
