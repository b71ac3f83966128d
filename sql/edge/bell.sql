-- The bell: a writer's question whether an edge sleeps, and the NOTIFY that wakes it.

create or replace function rt_private.bell_key() returns bigint
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 7090192401480381029 $$;
comment on function rt_private.bell_key() is '"bellwire" in ASCII. Sleeping edges hold this advisory lock shared.';

-- Functions with a RETURN body are inlined where they are called. That matters here: plpgsql sets up every expression
-- anew in each transaction, and every writer passes these.
create or replace function rt_private.edge_sleeps() returns boolean
language sql volatile
-- one expression, so that no error can leave the lock behind (docs/event-path.md, "Why NOTIFY carries nothing")
return (case when pg_try_advisory_lock(7090192401480381029) then pg_advisory_unlock(7090192401480381029) else false end) is not true;
comment on function rt_private.edge_sleeps() is 'An edge waits for the bell, or asks this at the same moment.';

create or replace function rt_private.must_ring() returns boolean
language sql volatile
return case
	-- Inside rt.dispatch no writer rings: the edge polls by itself, and rings for the others after the commit if
	-- the outcome says so. set_config is never null.
	when current_setting('bellwire.dispatch', true) = pg_current_xact_id()::text
		then set_config('bellwire.published', current_setting('bellwire.dispatch'), true) is null
	else rt_private.edge_sleeps() end;
comment on function rt_private.must_ring() is
	'Must this transaction ring? Asked after it has written the outbox. A batch of events only notes that it '
	'wrote.';

-- What a dispatch has published is its transaction, and behind it the row, where there is one alone: any further write
-- leaves the transaction alone again. A block that fails takes its note back with its row. Whoever writes the outbox asks
-- this or must_ring after each row, and nothing else sets the note: the edge never reads what a dispatch with one row has
-- written besides.
create or replace function rt_private.must_ring_row(p_xmin xid, p_id bigint, p_epoch int, p_at timestamptz, p_room text,
	p_event text, p_data jsonb, p_confirm jsonb) returns boolean
language sql volatile
return case
	when current_setting('bellwire.dispatch', true) = pg_current_xact_id()::text
		then set_config('bellwire.published', case when current_setting('bellwire.published', true) <> ''
			then current_setting('bellwire.dispatch')
			else concat_ws(e'\x1e', current_setting('bellwire.dispatch'), p_xmin, p_id, p_epoch,
				rt_private.micros(p_at), p_room, p_event, p_data, p_confirm) end, true) is null
	else rt_private.edge_sleeps() end;
comment on function rt_private.must_ring_row(xid, bigint, int, timestamptz, text, text, jsonb, jsonb) is
	'rt_private.must_ring after a row of the outbox for one room. A dispatch that has written nothing else notes it.';

-- Null where no transaction of this session ever was a batch: so most writers pay for one look at a setting.
create or replace function rt_private.may_ring() returns boolean
language sql volatile
return current_setting('bellwire.dispatch', true) is not null or rt_private.edge_sleeps();
comment on function rt_private.may_ring() is
	'Is there something that rt_private.must_ring would do? Asked like that one, after the outbox was written.';

create or replace function rt_private.unrung() returns text
language sql volatile
return set_config('bellwire.dispatch', pg_current_xact_id()::text, true);
comment on function rt_private.unrung() is
	'From here on this transaction is as a batch of events: it rings nobody. Returns it, for the edge that is '
	'alone and reads by itself what was written.';

-- The row goes with the first bell of a transaction alone: of others the edge learns by a bell that carries nothing, so
-- a transaction of many rows fills no queue. Its snapshot says what the edge must have delivered before; one of a
-- transaction that keeps its first snapshot does not. A page of the cluster's queue of notifications holds 8000 bytes,
-- and where a listener is stuck that queue grows: what is longer than most messages is read.
create or replace function rt_private.ring_carrying(p_xmin xid, p_id bigint, p_epoch int, p_at timestamptz, p_room text,
	p_event text, p_data jsonb, p_confirm jsonb) returns void
language plpgsql volatile
as $$
declare
	v_xid     constant text := pg_current_xact_id();
	v_row     text;
	v_channel text;
begin
	if current_setting('bellwire.carried', true) is distinct from v_xid
		and current_setting('transaction_isolation') = 'read committed' then
		v_row := concat_ws(e'\x1e', pg_current_snapshot(), v_xid, p_xmin, p_id, p_epoch,
			rt_private.micros(p_at), p_room, p_event, p_data, p_confirm);
		if octet_length(v_row) < 2000 then
			select b.channel into v_channel from bellwire.bell b
			where set_config('bellwire.carried', v_xid, true) is not null;
		end if;
	end if;
	if v_channel is null then
		perform pg_notify('bellwire', '');
	else
		perform pg_notify(v_channel, v_row), pg_notify('bellwire', 'carried');
	end if;
end
$$;
comment on function rt_private.ring_carrying(xid, bigint, int, timestamptz, text, text, jsonb, jsonb) is
	'Rings for a row of the outbox for one room, and sends it with the bell: the snapshot of this moment, the '
	'transaction, the row''s xmin, id, epoch, microseconds, room, event, data and confirm value, by the '
	'character 30. Edges that know nothing of that hear the bell alone.';
