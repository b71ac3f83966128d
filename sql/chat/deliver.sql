-- Receipts of messages that arrived.

create or replace function rt_private.deliver(p_message_ids uuid[], p_user_ids uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_max constant int := rt_private.setting('receipts_max_participants')::int;
begin
	for attempt in 1..5 loop
		begin
			-- Sorted by the place of the message, which nobody changes, then by user: two of these never wait
			-- for each other crosswise, and receipts are announced in the order of the messages.
			with m as materialized (
				select distinct o.id, o.chat_id, o.seq, o.created_at, o.sender_id, q.user_id
				from unnest(p_message_ids, p_user_ids) as q(message_id, user_id)
				cross join lateral (
					select a.* from platform.messages a where a.id = q.message_id and a.sender_id <> q.user_id offset 0
				) o
			), sizes as materialized (
				-- once for each chat, since the cost of counting grows with the participants
				select c.chat_id,
					(select true from platform.chat_participants a where a.chat_id = c.chat_id limit 1 offset v_max)
						is not null as large
				from (select distinct m.chat_id from m) c
			)
			insert into platform.message_receipts as r (message_id, user_id, delivered_at)
			select f.message_id, f.user_id, clock_timestamp()
			from (
				select c.*, row_number() over (partition by c.message_id order by c.user_id) as n
				from (
					select m.id as message_id, m.user_id, h.large, m.created_at, m.chat_id, m.seq
					from m
					join sizes h on h.chat_id = m.chat_id
					where (select true from platform.chat_participants p where p.chat_id = m.chat_id and p.user_id = m.user_id)
						-- as rows, which only the key has: another index has all receipts of the user
						and (select d.delivered_at from platform.message_receipts d
							where (d.message_id, d.user_id) >= (m.id, m.user_id)
								and (d.message_id, d.user_id) <= (m.id, m.user_id)) is null
				) c
			) f
			where not f.large or f.n = 1
				and (select true from platform.message_receipts d
					where d.message_id = f.message_id and d.delivered_at is not null limit 1) is null
			order by f.created_at, f.chat_id, f.seq, f.user_id
			on conflict (message_id, user_id) do update set delivered_at = excluded.delivered_at where r.delivered_at is null;
			return;
		exception when foreign_key_violation or sqlstate 'RT403' then
			-- A message, a user or a participant was deleted during the statement: try again with the rest.
			if attempt = 5 then
				raise;
			end if;
		end;
	end loop;
end
$$;
comment on function rt_private.deliver(uuid[], uuid[]) is
	'Message i has arrived at user i. Once per message and recipient; senders, strangers and what is gone are '
	'passed over. In chats above the setting receipts_max_participants only the first recipient counts.';
