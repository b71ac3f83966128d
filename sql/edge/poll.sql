-- The pump's poll where little is new (docs/decisions/0033-poll.md).
--
-- Postgres puts this into the statement of the edge, which is planned once in a session: one snapshot for the header
-- and the rows, taken when all slots are locked. So a TRUNCATE is either waited for and seen in `dropped`, or it waits.
-- No function of ours is called, and no row is made text that is not sent.
--
-- The edge looks at the rest: that the cursor covers `dropped`, that no transaction id lies above the snapshot, and
-- that the rows end before the 64th and before one whose data reaches 32768 bytes. More of it is for rt.fetch_page. A
-- length in characters is four times as many bytes at most, so an answer has no more than 8 MB of data.

create or replace function rt.poll(p_from pg_snapshot, p_low xid8)
returns table (id bigint, xid xid8, at_us bigint, rooms text, except_rooms text, event text, control text, data text,
	confirm jsonb, ephemeral boolean, snapshot pg_snapshot, now_us bigint, written bigint, dropped pg_snapshot,
	next_xid bigint)
language sql stable
begin atomic
	select o.id, o.xid, (date_part('epoch', o.at) * 1000000)::bigint, array_to_string(o.rooms, e'\n'),
		array_to_string(o.except_rooms, e'\n'), o.event, o.control, o.data::text::varchar(32768)::text,
		o.confirm, o.ephemeral, pg_current_snapshot(),
		(date_part('epoch', clock_timestamp()) * 1000000)::bigint, h.written, h.dropped,
		pg_snapshot_xmax(pg_current_snapshot())::text::bigint
			+ age(pg_snapshot_xmax(pg_current_snapshot())::xid)
	from rt.outbox_head h
	left join (
		select *
		from rt.outbox_kept k
		where k.xid >= p_low and not pg_visible_in_snapshot(k.xid, p_from)
		order by k.id
		limit 64
	) o on true;
end;
comment on function rt.poll(pg_snapshot, xid8) is
	'The first 64 rows of the outbox that are not visible in p_from and visible now, in id order; a row without '
	'an id where there is none. p_low: xmin of p_from. Each has the header besides: the snapshot, the clock, how often '
	'the twin has been written, read after the snapshot, what was dropped, and the next transaction id.';
