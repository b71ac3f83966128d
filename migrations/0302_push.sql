-- migrate:up

create table bellwire.push_consumers (
	consumer  text primary key check (consumer ~ '^[a-z][a-z0-9_-]{0,62}$'),
	since     timestamptz not null default pg_catalog.clock_timestamp(),
	called_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.push_consumers is
	'Who calls rt.undelivered, each under a name of its own. Without a row nothing is kept (docs/push.md).';

create table bellwire.pushes (
	consumer   text not null references bellwire.push_consumers on delete cascade,
	kind       text not null check (kind in ('message', 'notification')),
	id         uuid not null,
	written_at timestamptz not null,
	primary key (consumer, kind, id)
);
create index on bellwire.pushes (consumer, written_at);
comment on table bellwire.pushes is
	'Messages and notifications that a consumer has not been handed yet. A row goes when it is looked at: it is '
	'handed out, or somebody has taken it meanwhile.';

create table bellwire.push_cursor (
	one      boolean primary key default true check (one),
	snapshot text not null,
	epoch    text not null,
	at       timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.push_cursor is
	'Up to where bellwire.pushes was filled from the outbox, as a cursor of rt.fetch.';

create table bellwire.notifications_taken (
	notification_id uuid primary key,
	at              timestamptz not null default pg_catalog.clock_timestamp()
);
create index on bellwire.notifications_taken (at);
comment on table bellwire.notifications_taken is
	'Notifications that a client''s library has taken, for a day. Kept only while there are consumers of pushes.';

-- migrate:down

drop table bellwire.notifications_taken, bellwire.push_cursor, bellwire.pushes, bellwire.push_consumers;
