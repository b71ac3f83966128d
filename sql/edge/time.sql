-- The form of times.

create or replace function rt_private.iso(p_at timestamptz) returns text
language sql stable
return to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
comment on function rt_private.iso(timestamptz) is
	'The form in which times leave the database: UTC, milliseconds, 2026-01-10T12:00:00.000Z.';

create or replace function rt_private.micros(p_at timestamptz) returns bigint
language sql stable
return (date_part('epoch', p_at) * 1000000)::bigint;
comment on function rt_private.micros(timestamptz) is 'Microseconds since 1970.';
