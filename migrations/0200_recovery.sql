-- migrate:up

-- Connection state recovery (docs/recovery.md).

insert into bellwire.settings (name, value, pattern, description) values
	('recovery_window', '240', '[0-9]{1,4}', 'Seconds for which an offset of a client that asks for recovery is taken; 0: never.');

create table bellwire.recovery_key (
	one boolean primary key default true check (one),
	key bytea not null check (octet_length(key) = 32)
);
-- two uuids of 122 random bits each
insert into bellwire.recovery_key (key)
values (pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())));
comment on table bellwire.recovery_key is 'The key that authenticates offsets, the same for all edges.';

create table bellwire.recoveries (
	pid       bytea primary key,
	user_id   uuid not null,
	socket_id text not null unique,
	former    text[] not null default '{}',
	ended_at  timestamptz
);
create index on bellwire.recoveries (ended_at) where ended_at is not null;
comment on table bellwire.recoveries is 'Sockets that asked for recovery and may be recovered: a row goes when its socket ends for good.';
comment on column bellwire.recoveries.pid is 'SHA-256 of the private id that the client was given.';
comment on column bellwire.recoveries.socket_id is 'The one socket that the id belongs to now.';
comment on column bellwire.recoveries.former is 'The sockets it belonged to before, oldest first.';
comment on column bellwire.recoveries.ended_at is 'When it was first noticed that the socket is not there.';

-- migrate:down

drop table bellwire.recoveries;
drop table bellwire.recovery_key;
delete from bellwire.settings where name = 'recovery_window';
