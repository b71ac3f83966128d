-- rt.explain: the steps that rows know. What edges remember is here what a test has put into their answers.
begin;
select plan(47);

select tests.users(1, 4);
select tests.chat(11, 1, 2);
select tests.edge(901);
insert into platform.messages (id, chat_id, sender_id, type, content) values (tests.u(21), tests.u(11), tests.u(1),
	'text', 'x');

-- the last step
create function pg_temp.says(p_event text, p_user int, p_ask uuid default null) returns text language sql as $$
	select step || ' ' || verdict || ': ' || evidence
	from rt.explain(p_event, tests.u(p_user), p_ask, '0') with ordinality e (step, verdict, at, evidence, n)
		order by n desc limit 1 $$;
-- an edge answered so: sockets of the user, their times in seconds from now
create function pg_temp.asked(p_sockets jsonb,
	p_body jsonb default '{"remembers": true, "remembers_from": "2000-01-01"}')
	returns uuid language plpgsql as $$
declare
	v_ask uuid := rt.ask_recall(tests.u(21)::text, tests.u(2));
begin
	update bellwire.asks set xid = '1' where ask = v_ask;
	insert into bellwire.answers (ask, edge_id, more, body) values (v_ask, tests.u(901), false,
		p_body || jsonb_build_object('sockets',
		(select coalesce(jsonb_agg(s || jsonb_build_object('since', now() + (s ->> 'since')::interval)
			|| case when s ? 'ended_at' then jsonb_build_object('ended_at',
				now() + (s ->> 'ended_at')::interval) else '{}' end), '[]')
		from jsonb_array_elements(p_sockets) s)));
	return v_ask;
end $$;
create function pg_temp.is(p_sockets jsonb, p_what text, p_name text) returns text language sql as
	$$ select matches(pg_temp.says(tests.u(21)::text, 2, pg_temp.asked(p_sockets)), p_what, p_name) $$;

select is(pg_temp.says(tests.u(21)::text, 2), 'socket unknown: the edges were not asked (rt.ask_recall)',
	'nobody asked an edge');
select matches(pg_temp.says(tests.u(21)::text, 3), '^rooms no: participants:.*: no row puts the user there',
	'a stranger');
select is(pg_temp.says(tests.u(21)::text, 99), 'user no: there is no such user', 'nobody');
select matches(pg_temp.says(tests.u(99)::text, 2), '^written no: no message', 'no message');

-- not announced: the trigger was off, as it is now, or was then; or it was an import
create function pg_temp.written(p_n int) returns text language sql as $$
	insert into platform.messages (id, chat_id, sender_id, seq, created_at, type, content)
	values (tests.u(p_n), tests.u(11), tests.u(1), p_n, clock_timestamp(), 'text', 'x') returning id::text $$;
set local session_replication_role = replica;
create temp table off as select pg_temp.written(31) as id;
set local session_replication_role = origin;
select matches(pg_temp.says(id, 2), '^announced no: no row in the outbox, though the trigger messages_publish is there',
	'a replica') from off;
update platform.messages set metadata = '{"seen": 1}' where id = tests.u(31);
select matches(pg_temp.says(id, 2), '^announced no: no row in the outbox', 'whoever has changed the row since')
	from off;
set local bellwire.silent = on;
select ok(pg_temp.written(32) is not null, 'an import');
set local bellwire.silent = off;
select matches(pg_temp.says(tests.u(32)::text, 2), '^announced no: its transaction imported in silence', 'is named');
alter table platform.messages disable trigger messages_publish;
select matches(pg_temp.says(id, 2), '^announced no: the trigger messages_publish on platform.messages is disabled$',
	'a trigger that is disabled') from off;
drop trigger messages_publish on platform.messages;
select matches(pg_temp.says(id, 2), '^announced no: the trigger .* is not there: run bellwire migrate --force',
	'a trigger that is gone') from off;

select pg_temp.is('[]', '^socket no: the user had none$', 'no socket');
select pg_temp.is('[{"socket_id": "a", "since": "1 min", "state": "open"}]',
	'^socket no: a on edge edge 901 opened later', 'one that came later');
select pg_temp.is('[{"socket_id": "a", "since": "-2 min", "ended_at": "-1 min", "reason": "ping"}]',
	'^socket no: the last one, a on edge edge 901, had ended: ping', 'one that had gone');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "waiting"}]',
	'^socket no: a on edge edge 901 is not open yet: waiting',
	'one that waits for the database');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open"}]',
	'^rooms no: a on edge edge 901 was in none of participants:',
	'one whose edge did not have it in the room');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "held"}]',
	'^queued no: it was recovering, which failed: it was told sync:required instead', 'a recovery that failed');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "recovering", "outcome": "held"}]',
	'^queued no: it is recovering: it is sent this behind what it has missed', 'one that is recovering');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "held", "caught_up": true}]',
	'^queued no: it was recovering, and this is not among what it had missed', 'not what it had missed');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "ended_at": "1 min", "reason": "ping", "outcome": "held"}]',
	'^queued no: it was recovering when it ended: ping', 'one that ended before it had recovered');
select pg_temp.is('[{"socket_id": "a", "since": "1 min", "state": "open", "outcome": "caught_up", "caught_up": true,
	"queued_bytes": 0, "confirmed_at": "2026-01-01"},
	{"socket_id": "b", "since": "-1 min", "ended_at": "1 s", "reason": "peer", "outcome": "queued"}]',
	'^confirmed yes', 'what was sent before its connection began, to one that came back');
select matches((select evidence from rt.explain(tests.u(21)::text, tests.u(2), pg_temp.asked(
	'[{"socket_id": "a", "since": "1 min", "state": "open", "outcome": "caught_up", "transport": "polling"}]'), '0')
	where step = 'socket'), '^a on edge edge 901, polling, back with an offset$', 'that it came back is said');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "sync_instead"}]',
	'^queued no: events were missed', 'a gap');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "dropped"}]',
	'^queued no: its connection', 'a connection that took nothing');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "ended_at": "1 min", "reason": "slow", "outcome": "queued"}]',
	'^written no: the socket was cut as slow: its client did not read', 'cut as slow');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "queued", "queued_bytes": 700,
	"transport": "polling"}]',
	'^written no: 700 bytes wait for the client to take them by a GET', 'a client that polls no more');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "queued", "queued_bytes": 700,
	"behind": 2, "transport": "websocket"}]',
	'^written no: 700 bytes wait for the client to take them, of this event or of the 2 behind it',
	'which bytes wait is not known');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "queued", "queued_bytes": 1,
	"transport": "polling"}]', '^confirmed no: its client library has not answered yet', 'a ping is no event');
select is(verdict || ' ' || evidence,
	'unknown 700 bytes wait for the client to take them by a GET, of this event or of the 1 behind it',
	'what asks for no answer may be there')
	from rt_private.explain_written(700, 1, 'notification:new', 'polling', false);
select is(verdict, 'no', 'the last one is not') from rt_private.explain_written(700, 0, 'x', 'polling', false);
select results_eq($$ select verdict from unnest(array[0, 1, 0, 1]::bigint[], array['slow', 'slow', 'peer', 'peer'],
	array[false, false, false, true]) x (behind, reason, confirms),
	rt_private.explain_ended(reason, behind, confirms) $$,
	$$ values ('no'), ('unknown'), ('unknown'), ('no') $$, 'what is known behind the end of a socket');
-- it was there when the row was written, and is said to have been in none of its rooms: it may have ended before
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "ended_at": "1 s", "reason": "client_left"}]',
	'^socket no: a on edge edge 901 ended before that edge read the row: client_left',
	'a row that was committed late');
select pg_temp.is('[{"socket_id": "a", "since": "-1 min", "state": "open", "outcome": "dropped"},
	{"socket_id": "b", "since": "-1 min", "state": "open", "outcome": "queued", "queued_bytes": 0,
		"confirmed_at": "2026-01-01"}]',
	'^confirmed yes: its client library has answered behind it$', 'of several the one that got farthest');
select matches(pg_temp.says(tests.u(21)::text, 2,
	pg_temp.asked('[{"socket_id": "a", "since": "-1 min", "state": "open"}]', '{"remembers": false}')),
	'^queued unknown: edge edge 901 remembers nothing', 'an edge that remembers nothing');
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('x', tests.u(901), tests.u(2));
create temp table unanswered as select pg_temp.asked('[]') as ask;
delete from bellwire.answers;
select matches(pg_temp.says(tests.u(21)::text, 2, ask),
	'^read unknown: edge edge 901, which has 1 of the user''s sockets, did not answer',
	'an edge that did not answer, and may have sent it') from unanswered;
update bellwire.edges set seen_at = now() - interval '10 seconds' where edge_id = tests.u(901);
select matches(pg_temp.says(tests.u(21)::text, 2, ask),
	'^read no: edge edge 901, which has 1 of the user''s sockets, did not answer',
	'one that was not seen any more when the row was written') from unanswered;
update bellwire.edges set seen_at = now() where edge_id = tests.u(901);
delete from bellwire.sockets;
select is(pg_temp.says(tests.u(21)::text, 2, ask), 'socket no: the user had none',
	'nor is it asked about a user who was never there') from unanswered;
insert into bellwire.presence (user_id, ended_at) values (tests.u(2), now() + interval '1 second');
select matches(pg_temp.says(tests.u(21)::text, 2, ask),
	'^read unknown: edge edge 901, on which the user may have been, did not answer',
	'a socket of the user has ended since')
	from unanswered;
select matches(pg_temp.says(tests.u(21)::text, 2,
	pg_temp.asked('[]', '{"remembers": true, "remembers_from": "2999-01-01"}')),
	'^read unknown: edge edge 901, on which the user may have been, remembers nothing of then',
	'a ring that is too small');
insert into bellwire.edges_gone (edge_id, name, opened_at, gone_at) values
	(tests.u(902), 'gone', now() - interval '1 hour', now() + interval '1 minute'),
	(tests.u(903), 'before', now() - interval '1 hour', now() - interval '1 minute'),
	(tests.u(901), 'again', now() - interval '1 hour', now() + interval '1 minute');
select matches(pg_temp.says(tests.u(21)::text, 2, pg_temp.asked('[]')),
	'^read unknown: edge gone, on which the user may have been, has ended, at ', 'an edge that is gone');
delete from bellwire.edges_gone where edge_id = tests.u(902);
select matches(pg_temp.says(tests.u(21)::text, 2, pg_temp.asked('[]')), '^socket no: the user had none',
	'one that was gone before, or has answered, is not meant');

insert into platform.message_receipts (message_id, user_id, delivered_at) values (tests.u(21), tests.u(2), now());
select is(pg_temp.says(tests.u(21)::text, 2, pg_temp.asked('[]')), 'confirmed yes: there is a receipt',
	'a receipt is a delivery, whatever edges remember');

-- where the user was when the row was written
delete from platform.chat_participants where user_id = tests.u(2);
select results_eq($$select x.inside, split_part(x.evidence, ',', 1) from bellwire.outbox o,
	rt_private.explain_room(tests.u(2), 'participants:' || tests.u(11), o.id) x
	where o.data ->> 'id' = tests.u(21)::text$$,
	$$values (true, 'left later')$$, 'one who has left since was there');
insert into bellwire.sockets (socket_id, edge_id, user_id) values ('mine', tests.u(901), tests.u(2)),
	('theirs', tests.u(901), tests.u(3));
select is(array(select x.inside from unnest(array['mine', 'theirs', 'nobody''s']) r,
	rt_private.explain_room(tests.u(2), r, 1) x), array[null, false, null],
	'of sockets that are there rows know whose they are');
select matches(evidence, '^theirs: a socket of somebody else$', 'and say so')
	from rt_private.explain_rows(tests.u(2), 1, array['theirs'], '{}');

-- what edges remember goes before what rows say
create temp table met as select pg_temp.asked('[{"socket_id": "a", "since": "-1 min", "state": "open",
	"outcome": "queued", "queued_bytes": 0, "confirmed_at": "2026-01-01"}]') as ask;
delete from platform.message_receipts;
update bellwire.outbox set id = (select min(id) from bellwire.outbox) - 1
	where control = 'user_leave' and data ->> 'room' = 'participants:' || tests.u(11);
delete from bellwire.outbox where control in ('user_join', 'rooms_stale');
select matches(pg_temp.says(tests.u(21)::text, 2), '^rooms no: .*: left before', 'by rows the user had left');
select results_eq($$ select step || ' ' || verdict
	from rt.explain(tests.u(21)::text, tests.u(2), (select ask from met), '0') $$,
	$$ values ('written yes'), ('announced yes'), ('rooms yes'), ('socket yes'), ('read yes'), ('queued yes'),
	('written yes'), ('confirmed yes') $$, 'and has heard it');

-- rows that carry what is relayed
select rt_private.control('relayed', '{}');
select matches(pg_temp.says(max(id)::text, 2), '^announced unknown: row \d+ has events that an edge has passed on',
	'a relayed event') from bellwire.outbox where control = 'relayed';

select * from finish();
rollback;
