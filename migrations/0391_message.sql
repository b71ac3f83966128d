-- migrate:up

-- A message as clients see it. jsonb is made of a row in two thirds of the time that jsonb_build_object takes, which
-- looks up the type of each key and of each value.
create type rt_private.message_seen as (
	id            uuid,
	chat_id       uuid,
	sender_id     uuid,
	sender_name   text,
	sender_avatar text,
	type          text,
	content       text,
	metadata      jsonb,
	created_at    text,
	status        text,
	seq           bigint
);

-- migrate:down

drop type rt_private.message_seen;
