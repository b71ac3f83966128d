-- The poll that brings a row or two (docs/decisions/0040-few.md). As rt.poll it is planned into the statement of the
-- edge, with one snapshot. Most of a poll is what Postgres sets up for each column in each node of the plan. So a row
-- is one value, which the edge reads in its binary form, and puts in order itself.
--
-- `written` counts besides whoever says that something was dropped. So an edge that knows the count knows that nothing
-- was.

create or replace function rt_private.outbox_dropped() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform nextval('bellwire.outbox_ephemeral_written');
	return null;
end
$$;
comment on function rt_private.outbox_dropped() is
	'This transaction has emptied a slot of the outbox, or is about to, and has its id: as one that has written '
	'the twin it is covered by no count that a poll has noted.';

select bellwire.ensure_trigger('bellwire.outbox_state', 'outbox_dropped',
	'after update of dropped on bellwire.outbox_state for each statement '
	'execute function rt_private.outbox_dropped()',
	'always');

create or replace function rt.poll_few(p_from pg_snapshot, p_low xid8)
returns table (event bellwire.outbox, snapshot pg_snapshot, at timestamptz, written bigint)
language sql stable
begin atomic
	select o.event, pg_current_snapshot(), clock_timestamp(), h.written
	from rt.outbox_head h
	left join (
		select k.event
		from rt.outbox_rows k
		where k.xid >= p_low and not pg_visible_in_snapshot(k.xid, p_from)
		limit 33
	) o on true;
end;
comment on function rt.poll_few(pg_snapshot, xid8) is
	'The rows of the outbox that are not visible in p_from and visible now, in no order; a row without an event '
	'where there is none. 33: there may be more, for rt.poll to bring. p_low: xmin of p_from. Each has the header '
	'besides: the snapshot, the clock, and how often the twin has been written or a slot emptied, read after the '
	'snapshot.';
