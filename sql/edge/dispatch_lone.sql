-- A client event that comes alone, which is what comes while an edge is not busy.

-- Each function that an expression calls costs a thousand instructions in every transaction, so these ask only what a
-- call in a transaction of its own can find: no note of an earlier call.
create or replace function rt_private.lone_begin(p_socket_id text) returns text
language sql volatile
return case when rt_private.unrung() is not null
	and set_config('bellwire.socket_id', p_socket_id, true) is not null
	then current_setting('synchronous_commit') end;
comment on function rt_private.lone_begin(text) is
	'Notes that this transaction is a dispatch, and of which socket; how it will commit, its synchronous_commit.';

create or replace function rt_private.lone_end(p_ack jsonb) returns text
language sql volatile
return concat(rt_private.dispatch_said(), e'\x1f', current_setting('bellwire.moved', true), e'\x1fok\x1f',
	coalesce(p_ack, 'null'), e'\x1f\x1f\x1f\x1f', pg_current_snapshot(), e'\x1e',
	current_setting('bellwire.published', true));
comment on function rt_private.lone_end(jsonb) is
	'The answer of rt.dispatch_lone for an event that has its ack. Behind it, with U+001E between them, the last '
	'snapshot of the transaction and what it has published: nothing, its id, or its id and the one row '
	'(rt_private.must_ring_row).';

-- Nothing of what a batch needs: neither arrays nor rows, and one block, which undoes all where it fails. The edge
-- calls it in a transaction of its own, so what it has set ends with it. The functions of the routes stand in its text,
-- because one function that leads to another costs as much as a row (docs/decisions/0034-lone.md).
create or replace function rt_private.dispatch_lone_compile() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $compile$
begin
	execute 'create or replace function rt.dispatch_lone(p_event text, p_user_id uuid, p_socket_id text, '
		|| 'p_payload text) returns text language plpgsql volatile security definer '
		|| 'set search_path = pg_catalog, pg_temp set lock_timeout = ''250ms'' set enable_seqscan = off set jit = off '
		|| 'as ' || quote_literal(format($lone$
declare
	v_payload jsonb;
	v_sync    text; -- the synchronous_commit with which this transaction is to end
	v_key     text;
	v_ack     jsonb;
	v_done    text;
	v_state   text;
	v_text    text;
	v_context text;
	v_detail  text;
	v_hint    text;
begin
	v_payload := p_payload::jsonb;
	if jsonb_typeof(v_payload) is distinct from 'object' then
		raise exception 'Invalid data' using errcode = 'RT400';
	end if;
	v_sync := rt_private.lone_begin(p_socket_id);
	case p_event
%s	else
		raise exception 'Unknown event' using errcode = 'RT400';
	end case;
	set constraints all immediate;
	if current_setting('synchronous_commit') <> v_sync then
		v_done := set_config('synchronous_commit', v_sync, true);
	end if;
	return rt_private.lone_end(v_ack);
exception when others then
	get stacked diagnostics v_state = returned_sqlstate, v_text = message_text, v_context = pg_exception_context,
		v_detail = pg_exception_detail, v_hint = pg_exception_hint;
	return (
		select array_to_string(array['quiet', '', f.outcome, f.body, f.code,
			translate(f.message, e'\x1f', ' '), f.state, f.detail], e'\x1f', '')
		from rt_private.item_failed(v_payload is not null, 'nowait', v_state, v_text, v_context, v_detail,
			v_hint) f
	);
end
$lone$, rt_private.route_branches('', ' nowait', 'v_sync := ''off''')));
	comment on function rt.dispatch_lone(text, uuid, text, text) is
		'rt.dispatch for one item, whose payload is JSON text, as a text: the outcome and the body of its last '
		'row, then outcome, body, code, message, sqlstate and detail of the item, with U+001F between them; what '
		'is behind the last that is there may be missing. Written by rt_private.routes_compile.';
end
$compile$;
comment on function rt_private.dispatch_lone_compile() is 'Writes rt.dispatch_lone, with a branch for each route.';

create or replace function rt.dispatch_lone(p_item text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_item constant jsonb := rt_private.item_parse(p_item);
begin
	return rt.dispatch_lone(v_item ->> 'event', (v_item ->> 'user_id')::uuid, v_item ->> 'socket_id',
		(v_item -> 'payload')::text);
end
$$;
comment on function rt.dispatch_lone(text) is
	'The same for an item that is JSON text, as an edge of an earlier version sends it.';
