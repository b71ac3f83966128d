-- migrate:up

-- What `bellwire verify` has made (docs/verify.md): nobody else hears of these people, and whatever a run that died has
-- left is removed by the next one.
create table bellwire.verify_runs (
	run         uuid primary key,
	alive_until timestamptz not null
);
comment on table bellwire.verify_runs is 'Runs of bellwire verify, each renewed by its program while it lives.';

-- No foreign key to users: a row stays until the user's end has been told, which is behind the deletion.
create table bellwire.verify_people (
	user_id uuid primary key,
	run     uuid not null references bellwire.verify_runs
);
create index on bellwire.verify_people (run);
comment on table bellwire.verify_people is
	'Users that bellwire verify has made. Their presence is told to their chats alone, and no consumer of pushes '
	'gets what is theirs.';

create table bellwire.verify_chats (
	chat_id uuid primary key,
	run     uuid not null references bellwire.verify_runs
);
create index on bellwire.verify_chats (run);
comment on table bellwire.verify_chats is 'Chats that bellwire verify has made.';

-- migrate:down

drop table bellwire.verify_chats;
drop table bellwire.verify_people;
drop table bellwire.verify_runs;
