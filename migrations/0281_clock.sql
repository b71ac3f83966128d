-- migrate:up

alter table bellwire.edges add column clock_ms bigint, add column clock_at timestamptz;
comment on column bellwire.edges.clock_ms is
	'The edge''s own clock at its last rt.maintain, in milliseconds from any beginning: nobody sets it.';
comment on column bellwire.edges.clock_at is 'The clock of Postgres at that moment.';

-- migrate:down

alter table bellwire.edges drop column clock_ms, drop column clock_at;
