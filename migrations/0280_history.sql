-- migrate:up

-- Other histories of the same database (docs/decisions/0013-histories.md).
create table bellwire.marks (
	n      bigint generated always as identity primary key,
	random text not null
);
comment on table bellwire.marks is
	'What edges have left in this history, at each connect and every minute: a database that does not '
	'know one is another history.';

-- What is there was written in this run of Postgres: it need not begin an epoch of its own.
alter table bellwire.epoch add column started timestamptz;
update bellwire.epoch set started = pg_catalog.pg_postmaster_start_time();
comment on table bellwire.epoch is 'The present epoch; empty after a crash, of another start after a restart.';
comment on column bellwire.epoch.started is
	'When Postgres was started: a copy that was put back begins an epoch of its own, too.';
comment on table bellwire.epochs is
	'Epochs that belong to this history: the time between two starts or crashes, within which xids do not repeat.';

alter table bellwire.outbox_state add column database_oid oid;
comment on column bellwire.outbox_state.database_oid is
	'Of the database in that cluster: a dump may be restored beside what it was taken from.';

alter table bellwire.edges add column application_name text;
comment on column bellwire.edges.application_name is
	'Of the pump''s session, which is ended only where all that is known of it fits.';

-- migrate:down

-- They write the outbox, which asks for the column: they come again with the code.
drop trigger routes_changed on bellwire.routes;
drop trigger settings_changed on bellwire.settings;
comment on table bellwire.epochs is
	'Every epoch there was: the time between two crashes, within which xids do not repeat.';
comment on table bellwire.epoch is 'The present epoch; empty after a crash.';
alter table bellwire.edges drop column application_name;
alter table bellwire.outbox_state drop column database_oid;
alter table bellwire.epoch drop column started;
drop table bellwire.marks;
