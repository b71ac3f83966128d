-- A client event that was deferred.

create or replace function rt.dispatch_one(p_item text)
returns table (ord int, outcome text, body text, code text, message text, sqlstate text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_sync constant text := current_setting('synchronous_commit');
	v_done text;
	v_run  record;
begin
	v_done := rt_private.dispatch_begin();
	v_run := rt_private.item_run(p_item, 'wait');
	ord := 1; outcome := v_run.outcome; body := v_run.body; code := v_run.code; message := v_run.message;
	sqlstate := v_run.state; detail := v_run.detail;
	return next;
	ord := 0; outcome := rt_private.dispatch_end(v_sync, v_run.lasting); body := rt_private.dispatch_moved();
	code := null; message := null; sqlstate := null; detail := null;
	return next;
end
$$;
comment on function rt.dispatch_one(text) is
	'rt.dispatch for one item that was deferred: waits for its lock up to 250 ms, then UNAVAILABLE.';
