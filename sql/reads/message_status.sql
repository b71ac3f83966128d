-- The status of a message.

create or replace function rt_private.message_status(p_message_id uuid, p_sender_id uuid, p_user_id uuid) returns text
language sql stable
-- The body is in quotes, because bound names would keep a migration from dropping the table. The callers have a pinned
-- search_path.
as $$
	select case when bool_or(r.read_at is not null) then 'read' when bool_or(r.delivered_at is not null) then 'delivered' else 'sent' end
	from platform.message_receipts r
	where r.message_id = p_message_id and (p_sender_id = p_user_id or r.user_id = p_user_id)
$$;
comment on function rt_private.message_status(uuid, uuid, uuid) is
	'sent, delivered or read: one''s own message by anyone, others'' messages by oneself.';
