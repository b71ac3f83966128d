-- migrate:up

alter table bellwire.presence add column last_seen_owed timestamptz;
create index on bellwire.presence (user_id) where last_seen_owed is not null;
comment on column bellwire.presence.last_seen_owed is 'Still to be written to users.last_seen_at, whose row was locked by somebody.';

delete from bellwire.presence p where not p.online and not exists (select from platform.users u where u.id = p.user_id);

-- Rows that come, change and go all the time: a fifth of them dead is too much, and plans follow how many there are.
alter table bellwire.presence set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
alter table bellwire.sockets set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
alter table bellwire.recoveries set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- migrate:down

alter table bellwire.recoveries reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
alter table bellwire.sockets reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
alter table bellwire.presence reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
alter table bellwire.presence drop column last_seen_owed;
