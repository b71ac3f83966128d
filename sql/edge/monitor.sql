-- Figures for the metrics.

create or replace function rt.monitor()
returns table (foreign_locks int, outbox_age double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- the locks of the bell, which only pumps hold (a writer tries it for less than a microsecond), and of live
	-- edges
	foreign_locks := (
		select count(*) from pg_locks l
		where l.locktype = 'advisory' and l.granted
			and l.database = (select d.oid from pg_database d where d.datname = current_database())
			and case l.objsubid
				when 1 then (l.classid::bigint << 32 | l.objid::bigint) = rt_private.bell_key()
				when 2 then l.classid = rt_private.alive_class()::oid and l.objid::bigint < 2147483648 -- below zero: no edge's
			end
			and not exists (select from bellwire.edges e where e.pid = l.pid));
	-- read by the index on xid: ids and times follow the order of transactions closely enough
	outbox_age := coalesce((
		select extract(epoch from clock_timestamp() - min(x.at))
		from ((select o.at from bellwire.outbox o order by o.xid limit 1)
			union all (select o.at from bellwire.outbox_ephemeral o order by o.xid limit 1)) x), 0);
	return next;
end
$$;
comment on function rt.monitor() is
	'Figures for the metrics: the number of our advisory locks that other sessions than pumps of edges hold, and '
	'the age of the oldest row in the outbox, in seconds.';
