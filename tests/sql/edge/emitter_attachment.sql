-- rt.emitter_attachment: large messages of @socket.io/postgres-emitter, from a table that is somebody else's.
begin;
select plan(25);

create role emitter_test_app;
grant create on schema public to emitter_test_app;

create function pg_temp.owner(p_sql text) returns void language plpgsql as $$
begin
	set local role emitter_test_app;
	execute p_sql;
	reset role;
end $$;
create function pg_temp.granted(p_sql text) returns void language plpgsql as $$
begin
	perform pg_temp.owner('drop table if exists public.socket_io_attachments cascade');
	perform pg_temp.owner(p_sql);
	perform pg_temp.owner('grant select on public.socket_io_attachments to bellwire_owner');
end $$;
-- the edge's call
create function pg_temp.read(p_id bigint) returns text language plpgsql as $$
declare
	v text;
begin
	set local role bellwire_edge;
	v := rt.emitter_attachment(p_id);
	reset role;
	return v;
end $$;

select is(pg_temp.read(1), null, 'no table');

select pg_temp.owner('create table public.socket_io_attachments (
	id bigserial unique, created_at timestamptz default now(), payload bytea)');
select throws_ok('select pg_temp.read(1)', '42501', null,
	'a table that was not granted is an error, not a missing message');
select pg_temp.owner('grant select on public.socket_io_attachments to bellwire_owner');
select is(pg_temp.read(1), null, 'no row');

insert into public.socket_io_attachments (payload) select string_agg(set_byte('\x00', 0, n), '' order by n)
	from generate_series(0, 255) n;
select is(decode(pg_temp.read(1), 'base64'), (select payload from public.socket_io_attachments where id = 1),
	'the bytes');
insert into public.socket_io_attachments (payload) values (''), (null), (convert_to(repeat('x', 1048576), 'UTF8')),
	(convert_to(repeat('x', 1048577), 'UTF8'));
select is(pg_temp.read(2), '', 'an empty one');
select is(pg_temp.read(3), '', 'null');
select is(octet_length(decode(pg_temp.read(4), 'base64')), 1048576, '1 MiB');
select is(pg_temp.read(5), '', 'a byte more');
select is(pg_temp.read(-1), null, 'any number');
select is((select count(*) from public.socket_io_attachments), 5::bigint, 'nothing is deleted by reading');

select pg_temp.granted('create table public.socket_io_attachments (id bigint primary key, payload bytea, tenant text)');
insert into public.socket_io_attachments values (7, 'x', 'a');
select is(pg_temp.read(7), 'eA==', 'further columns and a primary key do no harm');

-- Objects that would run code of the table's owner as bellwire_owner.
create function public.emitter_test_spy(p anyelement) returns anyelement language plpgsql immutable as $$
begin
	raise exception 'ran as %', current_user using errcode = 'P0001';
end $$;
create function pg_temp.refused(p_what text, p_sql text) returns text language plpgsql as $$
begin
	perform pg_temp.owner(p_sql);
	return throws_ok('select pg_temp.read(7)', '55000', null, p_what);
end $$;
create function pg_temp.again() returns void language sql as $$
	select pg_temp.granted('create table public.socket_io_attachments (id bigint primary key, payload bytea)') $$;

select pg_temp.again();
select pg_temp.refused('row security',
	'alter table public.socket_io_attachments enable row level security;
		create policy p on public.socket_io_attachments using (emitter_test_spy(true))');
select pg_temp.again();
select pg_temp.refused('an index with an expression',
	'create index on public.socket_io_attachments (emitter_test_spy(id))');
select pg_temp.again();
select pg_temp.refused('an index with a condition',
	'create index on public.socket_io_attachments (id) where emitter_test_spy(id) > 0');
select pg_temp.again();
select pg_temp.refused('statistics with an expression',
	'create statistics emitter_test_stat on (emitter_test_spy(id)) from public.socket_io_attachments');
select pg_temp.again();
select pg_temp.refused('a check', 'alter table public.socket_io_attachments add check (emitter_test_spy(id) > 0)');
select pg_temp.granted('create table public.socket_io_attachments (id numeric, payload bytea)');
select throws_ok('select pg_temp.read(7)', '55000', null, 'another type of id');
select pg_temp.granted('create table public.socket_io_attachments (id bigint, payload text)');
select throws_ok('select pg_temp.read(7)', '55000', null, 'another type of payload');
select pg_temp.granted('create table public.socket_io_attachments (id bigint)');
select throws_ok('select pg_temp.read(7)', '55000', null, 'no payload');
select pg_temp.granted('create table public.socket_io_attachments (id bigint, payload bytea) partition by range (id)');
select throws_ok('select pg_temp.read(7)', '55000', null, 'a partitioned table');
select pg_temp.owner('drop table public.socket_io_attachments');
select pg_temp.owner($$create view public.socket_io_attachments as select emitter_test_spy(7::bigint) as id,
	'x'::bytea as payload$$);
select pg_temp.owner('grant select on public.socket_io_attachments to bellwire_owner');
select throws_ok('select pg_temp.read(7)', '55000', null, 'a view');
select pg_temp.owner('drop view public.socket_io_attachments');
select is(pg_temp.read(7), null, 'the table is gone');

select is(p.proowner, 'bellwire_owner'::regrole::oid, 'its owner is bellwire_owner') from pg_proc p
	where p.oid = 'rt.emitter_attachment(bigint)'::regprocedure;
select ok(not has_function_privilege('public', 'rt.emitter_attachment(bigint)', 'execute'),
	'nobody but the edge calls it');
select ok(has_function_privilege('bellwire_edge', 'rt.emitter_attachment(bigint)', 'execute'), 'the edge does');

select * from finish();
rollback;
