-- migrate:up

-- No foreign key: a message that is deleted would wait for whoever deletes its chat, who waits for the message.
create table bellwire.places (
	chat_id uuid primary key,
	seq     bigint not null
);
comment on table bellwire.places is
	'The last place that a chat has given, where its message is gone. Where the last message is there, the row is '
	'missing, or old.';

-- migrate:down

drop table bellwire.places;
