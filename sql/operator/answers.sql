-- Reading answers.

create or replace function rt.answers(p_ask uuid, p_wait interval default '2 seconds')
returns table (edge_id uuid, name text, answered boolean, more boolean, body jsonb, at timestamptz, problem text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_until constant timestamptz := clock_timestamp() + least(p_wait, interval '10 seconds');
	v_asked bellwire.asks;
	v_alive uuid[];
begin
	select a.* into v_asked from bellwire.asks a where a.ask = p_ask;
	if not found then
		raise exception 'there is no question %', p_ask
			using errcode = 'RT404',
				hint = 'Questions are forgotten after half a minute, and in a crash of Postgres.';
	end if;
	if v_asked.xid = pg_current_xact_id_if_assigned() then
		raise exception 'this transaction asks itself: edges hear of it after the commit'
			using errcode = 'RT400';
	end if;
	if current_setting('transaction_isolation') <> 'read committed' then
		raise exception 'answers are seen in READ COMMITTED alone' using errcode = 'RT400';
	end if;
	-- One that is dead until its lease ends, or has lost its pump, is not waited for. Locks are looked at once:
	-- that costs more than all the rest.
	v_alive := array(
		select e.edge_id from bellwire.edges e
		where e.opened_at <= v_asked.at and e.seen_at <> '-infinity' and rt_private.edge_alive(e.edge_id));
	while clock_timestamp() < v_until and exists (
		select from unnest(v_alive) a (edge_id)
		where not exists (select from bellwire.answers n where n.ask = p_ask and n.edge_id = a.edge_id))
	loop
		perform pg_sleep(0.01);
	end loop;
	return query
	select coalesce(e.edge_id, n.edge_id), e.name, n.ask is not null, coalesce(n.more, false), n.body, n.at,
		case when n.ask is null then
			'did not answer' || case when e.edge_id = any(v_alive) then '' else ': its session is gone' end
				|| ', last seen ' || rt_private.iso(e.seen_at)
		end
	from (select k.* from bellwire.edges k where k.opened_at <= v_asked.at and k.seen_at <> '-infinity') e
	full join (select k.* from bellwire.answers k where k.ask = p_ask) n on n.edge_id = e.edge_id
	order by e.name, 1;
end
$$;
comment on function rt.answers(uuid, interval) is
	'What the edges answered to a question: one row for each that was there when it was asked. Waits until all '
	'that live have answered, p_wait (10 s) at most; problem says it of one that did not. RT404: it is forgotten.';
