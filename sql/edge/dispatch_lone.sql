-- A client event that comes alone, which is what comes while an edge is not busy.

-- Nothing of what a batch needs: neither arrays nor rows, and one block, which undoes all where it fails. The edge
-- calls it in a transaction of its own, so what it has set ends with it (docs/decisions/0034-lone.md).
create or replace function rt.dispatch_lone(p_item text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms'
as $$
declare
	v_item    jsonb;
	v_payload jsonb;
	v_sync    text;
	v_run     record;
	v_done    text;
	v_state   text;
	v_text    text;
	v_context text;
	v_detail  text;
	v_hint    text;
begin
	v_item := p_item::jsonb;
	v_payload := v_item -> 'payload';
	if jsonb_typeof(v_payload) is distinct from 'object' then
		raise exception 'Invalid data' using errcode = 'RT400';
	end if;
	v_sync := current_setting('synchronous_commit');
	v_done := concat(rt_private.dispatch_begin(), set_config('bellwire.socket_id', v_item ->> 'socket_id', true));
	v_run := rt_private.route_run(v_item ->> 'event', (v_item ->> 'user_id')::uuid, v_payload, 'nowait');
	set constraints all immediate;
	set constraints all deferred;
	v_done := rt_private.dispatch_lasts(v_sync, v_run.lasting);
	return concat(rt_private.dispatch_said(), e'\x1f', rt_private.dispatch_moved(), e'\x1fok\x1f',
		coalesce(v_run.ack, 'null'));
exception when others then
	get stacked diagnostics v_state = returned_sqlstate, v_text = message_text, v_context = pg_exception_context,
		v_detail = pg_exception_detail, v_hint = pg_exception_hint;
	return (
		select array_to_string(array['quiet', '', f.outcome, f.body, f.code,
			translate(f.message, e'\x1f', ' '), f.state, f.detail], e'\x1f', '')
		from rt_private.item_failed(v_item is not null, 'nowait', v_state, v_text, v_context, v_detail,
			v_hint) f
	);
end
$$;
comment on function rt.dispatch_lone(text) is
	'rt.dispatch for one item, as a text: the outcome and the body of its last row, then outcome, body, code, '
	'message, sqlstate and detail of the item, with U+001F between them; what is behind the last that is there '
	'may be missing.';
