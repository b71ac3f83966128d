-- migrate:up

-- The channel of bells that carry their row (docs/decisions/0052-carried.md). Every role may listen to a channel and
-- notify it whose name it knows, so the name is a secret of this database, for its writers' functions and its edges.
create table bellwire.bell (
	one     boolean primary key default true check (one),
	channel text not null default 'bellwire_' || pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', '')
		check (channel ~ '^bellwire_[0-9a-z]{32}$')
);
comment on table bellwire.bell is 'One row: what an edge is rung by.';
comment on column bellwire.bell.channel is
	'The channel of notifications that carry a row of the outbox. Whoever knows it can read and forge messages.';
insert into bellwire.bell default values;

-- migrate:down

drop table bellwire.bell;
