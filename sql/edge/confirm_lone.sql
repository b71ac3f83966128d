-- A confirmed delivery of a message that comes alone.

-- One plain INSERT, which the triggers of the table check and announce. Whatever does not end in a new receipt, or in one
-- that is there already, is left to rt.confirm, so its rules stand there alone (docs/decisions/0039-one-receipt.md).
create or replace function rt.confirm_lone(p_message_id uuid, p_user_id uuid, p_first boolean, p_unrung boolean)
returns xid8
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	if p_unrung then
		perform rt_private.unrung();
	end if;
	insert into platform.message_receipts (message_id, user_id, delivered_at)
	select m.id, p_user_id, clock_timestamp() from platform.messages m
	where m.id = p_message_id and m.sender_id <> p_user_id
		and (not p_first or (select true from platform.message_receipts d
			where d.message_id = p_message_id and d.delivered_at is not null limit 1) is null)
	on conflict (message_id, user_id) do nothing;
	if found then
		return pg_current_xact_id();
	end if;
	return case when not p_first and (
		(select r.delivered_at is not null from platform.message_receipts r
			where r.message_id = p_message_id and r.user_id = p_user_id)
		or (select m.sender_id = p_user_id from platform.messages m where m.id = p_message_id)) then '0'::xid8 end;
exception when foreign_key_violation or sqlstate 'RT403' then
	-- The message or the user was deleted during the statement, or the user takes part no more.
	return null;
end
$$;
comment on function rt.confirm_lone(uuid, uuid, boolean, boolean) is
	'The message has arrived at the user. first: only the first recipient of it counts. unrung: nobody is rung, as in '
	'rt.dispatch. The transaction that wrote the receipt; 0: there was nothing to write; null: nothing was '
	'written, and rt.confirm knows what is to be done.';
