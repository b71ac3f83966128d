-- migrate:up

-- What operators ask the edges, and what the edges answer (docs/operating.md). Rows live for seconds.
create unlogged table bellwire.asks (
	ask   uuid primary key default pg_catalog.gen_random_uuid(),
	xid   xid8 not null default pg_catalog.pg_current_xact_id(),
	at    timestamptz not null default pg_catalog.clock_timestamp(),
	what  text not null,
	about jsonb not null
);
create index on bellwire.asks (at);
comment on table bellwire.asks is 'Questions of operators to all edges. A row lives for half a minute.';
comment on column bellwire.asks.xid is 'Of the transaction that asks: before its end no edge can hear of it.';

create unlogged table bellwire.answers (
	ask     uuid not null references bellwire.asks on delete cascade,
	edge_id uuid not null,
	at      timestamptz not null default pg_catalog.clock_timestamp(),
	more    boolean not null,
	body    jsonb not null,
	primary key (ask, edge_id)
);
comment on table bellwire.answers is 'What edges answered; a row goes with its question.';
comment on column bellwire.answers.more is 'There is more than the answer has room for.';

alter table bellwire.asks set (autovacuum_vacuum_scale_factor = 0.05);
alter table bellwire.answers set (autovacuum_vacuum_scale_factor = 0.05);

-- migrate:down

drop table bellwire.answers;
drop table bellwire.asks;
