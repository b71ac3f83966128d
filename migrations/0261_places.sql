-- migrate:up

-- No foreign key: a message that is deleted would wait for whoever deletes its chat, who waits for the message.
create table bellwire.places (
	chat_id uuid primary key,
	seq     bigint not null
);
comment on table bellwire.places is
	'The last place that a chat has given, where its message is gone; chats of which the last message is there have no row, or an old one.';

-- migrate:down

drop table bellwire.places;
