-- Confirmed deliveries.

-- Nearly all confirmations are of messages of which each one counts, or the first one. These come as arrays of keys:
-- taking a JSON value apart costs a sixth of a receipt. An edge of an earlier program sends others as values.
--
-- The queries are planned once: planning for each batch would cost a third of it.
create or replace function rt.confirm(p_confirms jsonb[], p_messages uuid[] default '{}', p_users uuid[] default '{}',
	p_first_messages uuid[] default '{}', p_first_users uuid[] default '{}')
returns table (ord int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
set plan_cache_mode = force_generic_plan
as $$
declare
	v_n        int[];
	v_messages uuid[];
	v_users    uuid[];
	v_wanted   text[];
	v_done     int;
begin
	if cardinality(p_messages) > 0 and rt_private.receipts_write(p_messages, p_users, false) is null then
		v_done := rt_private.deliver_each(p_messages, p_users);
	end if;
	if cardinality(p_first_messages) > 0 and rt_private.receipts_write(p_first_messages, p_first_users, true)
		is distinct from cardinality(p_first_messages) then
		return query
		select cardinality(p_confirms) + f.n
		from rt_private.deliver_first(p_first_messages, p_first_users) f (n);
	end if;
	if cardinality(p_confirms) = 0 then
		return;
	end if;
	select array_agg(c.n), array_agg((c.j -> 'confirm' ->> 'message_id')::uuid),
		array_agg((c.j ->> 'user_id')::uuid), array_agg(c.j -> 'confirm' ->> 'wanted')
	into v_n, v_messages, v_users, v_wanted
	from unnest(p_confirms) with ordinality c (j, n)
	where c.j -> 'confirm' ? 'message_id';
	if coalesce(cardinality(v_n), 0) < cardinality(p_confirms) then
		insert into bellwire.notifications_taken (notification_id)
		select distinct (c -> 'confirm' ->> 'notification_id')::uuid from unnest(p_confirms) c
		where c -> 'confirm' ? 'notification_id'
		on conflict do nothing;
	end if;
	if v_n is null then
		return;
	end if;
	-- where the publisher has not said how many count, the size of the chat does
	perform rt_private.deliver(array_agg(q.message_id), array_agg(q.user_id))
	from unnest(v_messages, v_users, v_wanted) q (message_id, user_id, wanted)
	where q.wanted is null
	having count(*) > 0;
	perform rt_private.deliver_each(array_agg(q.message_id), array_agg(q.user_id))
	from unnest(v_messages, v_users, v_wanted) q (message_id, user_id, wanted)
	where q.wanted = 'all'
	having count(*) > 0;
	return query
	select w.n[f.n]
	from (
		select array_agg(q.n) as n, array_agg(q.message_id) as messages, array_agg(q.user_id) as users
		from unnest(v_n, v_messages, v_users, v_wanted) q (n, message_id, user_id, wanted)
		where q.wanted <> 'all'
		having count(*) > 0
	) w
	cross join lateral rt_private.deliver_first(w.messages, w.users) f (n);
end
$$;
comment on function rt.confirm(jsonb[], uuid[], uuid[], uuid[], uuid[]) is
	'Events that a recipient''s client has taken: [{"confirm": the event''s confirm value, untouched, "user_id": '
	'whose socket}]; message i at user i where that value says that each confirmation counts, and no more; '
	'first: where it says that one counts. Those of messages become receipts, those of notifications are '
	'noted for rt.undelivered. Where only the first one counts, and none of these does: '
	'returns their numbers, from 1, those of the values before the others.';
