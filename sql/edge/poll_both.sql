-- rt.poll, where somebody writes the twin. A body of its own, since a view that is chosen by a parameter would be
-- planned with both.

create or replace function rt.poll_both(p_from pg_snapshot, p_low xid8)
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
		from rt.outbox_both k
		where k.xid >= p_low and not pg_visible_in_snapshot(k.xid, p_from)
		order by k.id
		limit 64
	) o on true;
end;
comment on function rt.poll_both(pg_snapshot, xid8) is 'rt.poll with the rows of the twin.';
