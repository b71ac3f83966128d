-- migrate:up

-- Without `online` in an index an opening and an end change the row of presence alone (docs/decisions/0045-alone.md).
-- rt.maintain looked for vanished sockets with it every five seconds; once in each epoch is enough.
drop index bellwire.presence_user_id_idx;
alter table bellwire.epoch add column sockets_seen boolean not null default false;
comment on column bellwire.epoch.sockets_seen is
	'Whoever is online has been seen to have a socket or a grace, in this epoch: a crash empties bellwire.sockets.';

-- migrate:down

alter table bellwire.epoch drop column sockets_seen;
create index presence_user_id_idx on bellwire.presence (user_id) where online and offline_due is null;
