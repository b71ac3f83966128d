-- migrate:up

create schema platform;
create schema rt;
create schema rt_private;
comment on schema platform is 'Rows of the service: users, chats, messages, notifications, posts.';
comment on schema bellwire is 'Rows of the edge: outbox, sockets, edges, routes, settings.';
comment on schema rt is 'Functions that the edge and other services may call.';
comment on schema rt_private is 'The inside of schema rt.';

-- nobody gets what was not granted
revoke all on schema platform, bellwire, rt, rt_private from public;
alter default privileges revoke execute on functions from public;

------------------------------------------------------------------------------------------------------ settings
create table bellwire.settings (
	name        text primary key,
	value       text not null,
	description text not null,
	pattern     text not null
);
comment on table bellwire.settings is 'Settings of the product: one value for all edges and writers, live.';
comment on column bellwire.settings.pattern is 'A regular expression that value must match as a whole.';
alter table bellwire.settings add constraint settings_value_check check (value ~ ('^(' || pattern || ')$'));

insert into bellwire.settings (name, value, pattern, description) values
	('presence_audience', 'everyone', 'everyone|contacts', 'Who hears user:online and user:offline.'),
	('presence_grace', '3', '[0-9]{1,4}', 'Seconds within which a lost connection may come back unannounced.'),
	('presence_grace_restart', '30', '[0-9]{1,4}', 'The same after the end of an edge or an outage of Postgres.'),
	('message_audience', 'participants', 'participants|joined', 'Who hears chat:message:new: all sockets of all participants, or those that joined.'),
	('content_max', '16384', '[1-9][0-9]{0,6}', 'Bytes of the content of a message.'),
	('metadata_max', '16384', '[1-9][0-9]{0,6}', 'Bytes of the metadata of a message, as text.'),
	('receipts_max_participants', '1000', '[1-9][0-9]{0,6}', 'In chats with more participants only the first recipient''s delivery is recorded.'),
	('outbox_retention', '300', '[1-9][0-9]{1,4}', 'Seconds an outbox row is kept at least.');

-------------------------------------------------------------------------------------------------------- routes
create table bellwire.routes (
	event      text primary key check (event ~ '^[^[:cntrl:]]{1,64}$'),
	function   text not null,
	max_bytes  int not null default 16384 check (max_bytes between 2 and 1048576),
	rate_class text not null default 'other' check (rate_class ~ '^[a-z][a-z0-9_]{0,31}$'),
	rate_per_s numeric not null default 10 check (rate_per_s > 0 and rate_per_s <= 100000),
	rate_burst int not null default 50 check (rate_burst between 1 and 1000000),
	lock_key   text,
	repeatable text not null default 'never' check (repeatable in ('never', 'always', 'by key')),
	ephemeral  boolean not null default false
);
comment on table bellwire.routes is 'Client events: which function answers them, within which limits. Live within a second.';
comment on column bellwire.routes.function is 'schema.name of a function (p_user_id uuid, p_payload jsonb) returns jsonb; the result is the ack.';
comment on column bellwire.routes.max_bytes is 'Bytes of the payload as JSON text; above: MESSAGE_TOO_LARGE.';
comment on column bellwire.routes.rate_class is 'Events of one class share a token bucket per user and edge.';
comment on column bellwire.routes.lock_key is 'Payload key whose row is locked before the batch starts, one of bellwire.lock_keys; null: none.';
comment on column bellwire.routes.repeatable is 'May the event be sent again after an uncertain outcome? "by key": when it carries client_id.';
comment on column bellwire.routes.ephemeral is 'Writes nothing that must survive a crash: its batch does not wait for the WAL.';

create table bellwire.lock_keys (
	lock_key text primary key,
	relation text not null,
	key      text not null
);
comment on table bellwire.lock_keys is 'Payload keys that name a row to lock: relation and its uuid key column.';
alter table bellwire.routes add foreign key (lock_key) references bellwire.lock_keys;

-------------------------------------------------------------------------------------------------------- outbox
-- xid comes first and is the only index: the cursor is a snapshot (design section 2).
create sequence bellwire.outbox_id;

create table bellwire.outbox (
	xid          xid8 not null default pg_catalog.pg_current_xact_id(),
	id           bigint not null default pg_catalog.nextval('bellwire.outbox_id'),
	slot         smallint not null,
	epoch        int not null,
	at           timestamptz not null default pg_catalog.clock_timestamp(),
	rooms        text[],
	except_rooms text[] not null,
	event        text,
	data         jsonb not null,
	confirm      jsonb,
	control      text
) partition by list (slot);
comment on table bellwire.outbox is 'Events to be sent, written by rt_private.publish only. Three slots of ten minutes, truncated in turn.';
comment on column bellwire.outbox.rooms is 'Null: every socket.';
comment on column bellwire.outbox.epoch is 'bellwire.epochs.n at the time of writing.';
comment on column bellwire.outbox.control is 'Verb of a control row; null in an event.';

create table bellwire.outbox_ephemeral (like bellwire.outbox including defaults including comments) partition by list (slot);
comment on table bellwire.outbox_ephemeral is 'Twin of bellwire.outbox for events that need not survive a crash: UNLOGGED, no WAL.';

do $$
begin
	for i in 0..2 loop
		execute format('create table bellwire.outbox_%s partition of bellwire.outbox for values in (%s) with (autovacuum_enabled = false)', i, i);
		execute format('create unlogged table bellwire.outbox_ephemeral_%s partition of bellwire.outbox_ephemeral for values in (%s) with (autovacuum_enabled = false)', i, i);
		execute format('create index on bellwire.outbox_%s (xid)', i);
		execute format('create index on bellwire.outbox_ephemeral_%s (xid)', i);
	end loop;
end
$$;

create table bellwire.outbox_state (
	one     boolean primary key default true check (one),
	dropped pg_snapshot,
	tried_at timestamptz not null default '-infinity'
);
insert into bellwire.outbox_state default values;
comment on table bellwire.outbox_state is 'dropped: everything this snapshot sees may be gone from the outbox.';

create table bellwire.ticks (
	at       timestamptz primary key default pg_catalog.clock_timestamp(),
	snapshot pg_snapshot not null default pg_catalog.pg_current_snapshot()
);
comment on table bellwire.ticks is 'Which snapshot belonged to which time, for the rotation of the outbox.';

-- A crash empties the UNLOGGED row, and with that begins a new epoch (design 8.4).
create sequence bellwire.epoch_n as int;
create table bellwire.epochs (
	n      int primary key,
	random text not null,
	at     timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.epochs is 'Every epoch there was: the time between two crashes, within which xids do not repeat.';
create unlogged table bellwire.epoch (
	one    boolean primary key default true check (one),
	n      int not null,
	random text not null
);
comment on table bellwire.epoch is 'The present epoch; empty after a crash.';

---------------------------------------------------------------------------------------------- edges and sockets
create table bellwire.edges (
	edge_id       uuid primary key,
	n             int generated always as identity unique,
	name          text not null,
	pid           int not null,
	backend_start timestamptz not null,
	opened_at     timestamptz not null default pg_catalog.clock_timestamp(),
	seen_at       timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.edges is 'Edges that run. seen_at is their lease: an edge that has not been seen for 30 s is swept by any other.';
comment on column bellwire.edges.n is 'Second key of the advisory lock that the pump''s session holds while the edge lives.';

create unlogged table bellwire.sockets (
	socket_id text primary key,
	edge_id   uuid not null,
	user_id   uuid not null,
	opened_at timestamptz not null default pg_catalog.clock_timestamp()
);
create index on bellwire.sockets (user_id);
create index on bellwire.sockets (edge_id);
comment on table bellwire.sockets is 'Live sockets. Empty after a crash of Postgres: edges register theirs again.';

create table bellwire.presence (
	user_id          uuid primary key,
	online           boolean not null default false,
	offline_due      timestamptz,
	unclean_at       timestamptz,
	ended_at         timestamptz,
	ended_by_expiry  boolean not null default false,
	expired_token_at timestamptz
);
create index on bellwire.presence (offline_due) where offline_due is not null;
create index on bellwire.presence (user_id) where online and offline_due is null;
comment on table bellwire.presence is 'Who has been announced online, and how their sockets ended last (contract 2.6).';
comment on column bellwire.presence.offline_due is 'Announced offline then, unless a socket of the user is there.';

---------------------------------------------------------------------------------------------------------- code
create table bellwire.code (
	kind text not null check (kind in ('function', 'trigger')),
	name text not null,
	deploy xid8 not null default pg_catalog.pg_current_xact_id(),
	primary key (kind, name)
);
comment on table bellwire.code is 'What the last deploy of sql/ created; what the next one no longer creates is dropped.';
create table bellwire.deploys (
	one      boolean primary key default true check (one),
	checksum text not null,
	at       timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table bellwire.deploys is 'Checksum of the code that is in force.';

-- Functions of our schemas, as their signatures.
create function bellwire.code_functions() returns table (name text, is_new boolean)
language sql stable set search_path = pg_catalog, pg_temp
as $$
	select p.oid::regprocedure::text, p.xmin = pg_current_xact_id_if_assigned()::xid
	from pg_proc p
	where p.pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace, 'platform'::regnamespace)
$$;

create function bellwire.code_begin() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	perform pg_current_xact_id();
	-- what is there and not ours: must not be replaced
	perform set_config('bellwire.others', coalesce((
		select array_agg(f.name)::text from bellwire.code_functions() f
		where not exists (select from bellwire.code c where c.kind = 'function' and c.name = f.name)), '{}'), true);
end
$$;
comment on function bellwire.code_begin() is 'Starts a deploy of sql/ in this transaction.';

create function bellwire.code_end(p_checksum text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
	v_name text;
begin
	select f.name into v_name from bellwire.code_functions() f
	where f.is_new and f.name = any(current_setting('bellwire.others')::text[]) limit 1;
	if v_name is not null then
		raise exception 'function % exists and was not created by bellwire: rename it', v_name using errcode = '42723';
	end if;
	insert into bellwire.code (kind, name)
	select 'function', f.name from bellwire.code_functions() f where f.is_new
	on conflict (kind, name) do update set deploy = excluded.deploy;
	for v_name in select c.name from bellwire.code c where c.kind = 'trigger' and c.deploy <> pg_current_xact_id() loop
		execute format('drop trigger if exists %s', v_name);
	end loop;
	for v_name in select c.name from bellwire.code c where c.kind = 'function' and c.deploy <> pg_current_xact_id() loop
		execute format('drop function if exists %s', v_name);
	end loop;
	delete from bellwire.code where deploy <> pg_current_xact_id();
	insert into bellwire.deploys (checksum) values (p_checksum)
	on conflict (one) do update set checksum = excluded.checksum, at = clock_timestamp();
end
$$;
comment on function bellwire.code_end(text) is
	'Ends a deploy: drops (without cascade) what the last deploy created and this one did not; fails by name where a function of somebody else was replaced.';

create function bellwire.ensure_trigger(p_table text, p_name text, p_definition text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
	v_sum constant text := 'bellwire ' || md5(p_definition);
	v_now text;
begin
	select obj_description(t.oid, 'pg_trigger') into v_now
	from pg_trigger t where t.tgrelid = p_table::regclass and t.tgname = p_name;
	-- replacing takes a lock that waits for every writer: only when it changed
	if v_now is distinct from v_sum then
		execute format('drop trigger if exists %I on %s', p_name, p_table);
		execute format('create trigger %I %s', p_name, p_definition);
		execute format('comment on trigger %I on %s is %L', p_name, p_table, v_sum);
	end if;
	insert into bellwire.code (kind, name) values ('trigger', format('%I on %s', p_name, p_table))
	on conflict (kind, name) do update set deploy = excluded.deploy;
end
$$;
comment on function bellwire.ensure_trigger(text, text, text) is
	'Creates a trigger, or replaces it when its definition (what follows "create trigger name") changed.';

create function bellwire.ensure_lock_key(p_lock_key text, p_relation text, p_key text) returns void
language sql set search_path = pg_catalog, pg_temp
as $$
	insert into bellwire.lock_keys (lock_key, relation, key) values (p_lock_key, p_relation, p_key)
	on conflict (lock_key) do update set relation = excluded.relation, key = excluded.key
$$;
comment on function bellwire.ensure_lock_key(text, text, text) is 'Declares a payload key that routes may name as lock_key.';

create function bellwire.ensure_route(p_event text, p_function text, p_max_bytes int default 16384, p_rate_class text default 'other',
	p_rate_per_s numeric default 10, p_rate_burst int default 50, p_lock_key text default null,
	p_repeatable text default 'never', p_ephemeral boolean default false) returns void
language sql set search_path = pg_catalog, pg_temp
as $$
	insert into bellwire.routes (event, function, max_bytes, rate_class, rate_per_s, rate_burst, lock_key, repeatable, ephemeral)
	values (p_event, p_function, p_max_bytes, p_rate_class, p_rate_per_s, p_rate_burst, p_lock_key, p_repeatable, p_ephemeral)
	on conflict (event) do update
		set function = excluded.function, lock_key = excluded.lock_key, repeatable = excluded.repeatable, ephemeral = excluded.ephemeral
		where (routes.function, routes.lock_key, routes.repeatable, routes.ephemeral)
			is distinct from (excluded.function, excluded.lock_key, excluded.repeatable, excluded.ephemeral)
$$;
comment on function bellwire.ensure_route(text, text, int, text, numeric, int, text, text, boolean) is
	'Creates a route where it is missing; limits that an operator changed stay as they are.';

-- migrate:down

drop schema platform cascade;
drop schema rt cascade;
drop schema rt_private cascade;
drop schema bellwire cascade;
