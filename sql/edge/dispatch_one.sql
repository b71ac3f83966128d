-- A client event that was deferred.

create or replace function rt.dispatch_one(p_item text)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_sync  constant text := current_setting('synchronous_commit');
	v_until constant timestamptz := clock_timestamp() + current_setting('lock_timeout')::interval;
	v_left  int;
	v_done  text;
	v_run   record;
begin
	v_done := rt_private.dispatch_begin();
	loop
		v_run := rt_private.item_run(p_item, 'wait');
		-- A function may want a second row, and not wait for it, since whoever has that one wants what this item has
		-- (rt.chat_join). What failed has let go of everything, and the other may go on meanwhile.
		v_left := extract(epoch from v_until - clock_timestamp()) * 1000;
		exit when v_run.state is distinct from '55P03' or v_left < 5;
		perform pg_sleep(0.005);
		perform set_config('lock_timeout', v_left || 'ms', true);
	end loop;
	ord := 1; outcome := v_run.outcome; body := v_run.body;
	if v_run.code is not null then -- an error
		code := v_run.code; message := v_run.message; sqlstate := v_run.state; detail := v_run.detail;
		return next;
		code := null; message := null; sqlstate := null; detail := null;
	else
		return next;
	end if;
	ord := 0; outcome := rt_private.dispatch_end(v_sync, v_run.lasting); body := rt_private.dispatch_moved();
	return next;
end
$$;
comment on function rt.dispatch_one(text) is
	'rt.dispatch for one item that was deferred: waits for its locks up to 250 ms, then UNAVAILABLE.';
