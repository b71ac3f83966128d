-- migrate:up

-- A message as clients see it, in the order in which jsonb keeps keys: by length, then by bytes. What comes
-- sorted need not be sorted. rt_private.message_seen, the same in another order, stays for earlier versions.
create type rt_private.message_keys as (
	id            uuid,
	seq           bigint,
	type          text,
	status        text,
	chat_id       uuid,
	content       text,
	metadata      jsonb,
	sender_id     uuid,
	created_at    text,
	sender_name   text,
	sender_avatar text
);

-- migrate:down

drop type rt_private.message_keys;
