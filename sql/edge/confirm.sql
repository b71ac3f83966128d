-- Confirmed deliveries.

-- The query is planned once: planning for each batch would cost a third of it.
create or replace function rt.confirm(p_confirms jsonb[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set plan_cache_mode = force_generic_plan
as $$
declare
	v_messages uuid[];
	v_users    uuid[];
begin
	select array_agg((c -> 'confirm' ->> 'message_id')::uuid), array_agg((c ->> 'user_id')::uuid) into v_messages, v_users
	from unnest(p_confirms) c
	where c -> 'confirm' ? 'message_id';
	if v_messages is not null then
		perform rt_private.deliver(v_messages, v_users);
	end if;
end
$$;
comment on function rt.confirm(jsonb[]) is
	'Events that a recipient''s client has taken: [{"confirm": the event''s confirm value, untouched, "user_id": '
	'whose socket}]. Those of messages become receipts.';
