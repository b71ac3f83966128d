-- The poll of an edge with nobody on it (docs/decisions/0048-ids.md). An event is for clients, so of events it has the
-- ids alone, by which the edge tells a history from another one; control rows are for the edge itself. As rt.poll it is
-- planned into the statement of the edge, with one snapshot.
--
-- The header is a row, because an edge has many rows here, and what stands beside each is sent with each. The twin of
-- the outbox is left out: nothing in it is for an edge (rt.relayed writes what other edges tell their clients).
--
-- A control row that is cut is for rt.poll to bring, 2001 rows are for rt.fetch: an answer has 8 MB. How often the twin
-- was written tells the pace of the edge that somebody writes what it does not read.

create or replace function rt.poll_ids(p_from pg_snapshot, p_low xid8)
returns table (id bigint, xid xid8, at timestamptz, control text, data text)
language sql stable
begin atomic
	select h.written, null::xid8, clock_timestamp(), h.dropped::text, pg_current_snapshot()::text
	from rt.outbox_head h
	union all
	select k.id, k.xid, k.at, k.control, case when k.control is not null then left(k.data::text, 1024) end
	from rt.outbox_kept k
	where k.xid >= p_low and not pg_visible_in_snapshot(k.xid, p_from)
	limit 2002;
end;
comment on function rt.poll_ids(pg_snapshot, xid8) is
	'The rows of the outbox that are not visible in p_from and visible now, in no order: of events the id, the '
	'transaction and the time, of control rows besides the verb and the first 1024 characters of the data. Before '
	'them a header without a transaction: in id how often the twin has been written, the clock, in control what '
	'was dropped, and in data the snapshot. 2001 rows: there may be more, for rt.fetch to bring. p_low: xmin of '
	'p_from.';
