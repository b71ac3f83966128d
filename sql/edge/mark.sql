-- Marks: what shows that a cursor or an offset belongs to this history of the database (docs/decisions/0013-histories.md).

create or replace function rt_private.mark_known(p_mark text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v constant text[] := string_to_array(p_mark, '.');
begin
	-- One by one: an expression with both would have the slots of the outbox set up for a mark.
	if v[1] = 'mark' then
		return exists (select from bellwire.marks m where m.n = v[2]::bigint and m.random = v[3]);
	elsif v[1] = 'row' then
		return exists (
			select from bellwire.outbox o
			where o.xid = v[3]::xid8 and o.id = v[2]::bigint
				and (extract(epoch from o.at) * 1000000)::bigint = v[4]::bigint);
	end if;
	return false;
end
$$;
comment on function rt_private.mark_known(text) is
	'Is this in the history of this database? "mark.<n>.<random>": one of bellwire.marks; "row.<id>.<xid>.<at in '
	'microseconds>": a row of the outbox, as long as it is kept.';

create or replace function rt.mark() returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_mark text;
	v_n bigint;
begin
	-- A crash must not undo what was named to an edge. No standby is waited for: it becomes another timeline.
	perform set_config('synchronous_commit', 'local', true);
	insert into bellwire.marks as m (random) values (left(replace(gen_random_uuid()::text, '-', ''), 16))
	returning 'mark.' || m.n || '.' || m.random, m.n into v_mark, v_n;
	delete from bellwire.marks m where m.n <= v_n - 10000;
	return v_mark;
end
$$;
comment on function rt.mark() is
	'Leaves a mark in the history of this database, for cursors and offsets to name. The last ten thousand are kept.';
