-- migrate:up

-- What an edge has delivered, it alone remembers. Of an event from the time of an edge that is gone, nobody can say
-- that it reached nobody there.
create table bellwire.edges_gone (
	edge_id   uuid not null,
	name      text not null,
	opened_at timestamptz not null,
	gone_at   timestamptz not null default pg_catalog.clock_timestamp(),
	primary key (edge_id, gone_at)
);
comment on table bellwire.edges_gone is
	'Edges that have ended, with what they remembered of their deliveries. A row lives for an hour, longer than '
	'rows of the outbox.';

-- migrate:down

drop table bellwire.edges_gone;
