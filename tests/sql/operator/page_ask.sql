-- rt.page_ask: the questions of an edge's page.
begin;
select plan(15);

select tests.mark();
create temp table asked (ask uuid);
grant select, insert on asked to bellwire_edge;
set local role bellwire_edge;
insert into asked select rt.page_ask('edges', '{}');
reset role;
select results_eq('select what, about from bellwire.asks where ask = (select ask from asked)',
	$$values ('edges', '{"page": true}'::jsonb)$$, 'an edge asks, and the question says that it is a page''s');
select results_eq('select control, data from tests.sent()',
	$$select 'asked', jsonb_build_object('ask', ask, 'what', 'edges', 'page', true) from asked$$,
	'all edges hear of it');

select tests.mark();
select ok(rt.page_ask('user', jsonb_build_object('user_id', tests.u(1), 'more', 'x')) is not null, 'a user');
select is((select data - 'ask' from tests.sent()),
	jsonb_build_object('what', 'user', 'page', true, 'user_id', tests.u(1)), 'with nothing else of what was said');
select throws_ok($$select rt.page_ask('user', '{"user_id": "x"}')$$, '22P02', null, 'who is none');

select tests.mark();
select ok(rt.page_ask('recall', jsonb_build_object('user_id', tests.u(1), 'event', '987654321')) is not null, 'why');
select is((select data - 'ask' from tests.sent()), jsonb_build_object('what', 'recall', 'page', true,
	'user_id', tests.u(1), 'event', '987654321', 'event_id', 0), 'an event that there is not');
select throws_ok($$select rt.page_ask('recall', '{"event": "x"}')$$, 'RT400', null, 'no event');

-- the busiest rooms
select rt.emit(array['chat:b', 'chat:a'], 'x:said', '{}'), rt.emit(array['chat:a'], 'x:said', '{}'),
	rt.emit(null, 'x:said', '{}'), rt.emit(array[repeat('n', 129)], 'x:said', '{}'),
	rt.emit(array['chat:old'], 'x:old', '{}');
update bellwire.outbox set at = at - interval '61 seconds' where event <> 'x:said';
select tests.mark();
select ok(rt.page_ask('busy', '{}') is not null, 'the busiest rooms');
select is((select data - 'ask' from tests.sent()), jsonb_build_object('what', 'busy', 'page', true,
	'names', e'chat:a\nchat:b', 'busy', '{"chat:a": 2, "chat:b": 1}'::jsonb),
	'those of the last minute, but with names that a question has no room for');

-- nothing that acts, and half of the questions that there may be
select throws_ok($$select rt.page_ask('kick', '{}')$$, 'RT400', null, 'a page ends no sockets');
select throws_ok($$select rt.page_ask('sockets', '{}')$$, 'RT400', null, 'and sees no addresses');
select lives_ok($$select rt.page_ask('edges', '{}') from generate_series(1, 46)$$, 'fifty questions');
select throws_ok($$select rt.page_ask('edges', '{}')$$, 'RT429', 'over 50 questions within five seconds',
	'and no more of pages');
select lives_ok('select rt.ask_edges()', 'but of operators');

select * from finish();
rollback;
