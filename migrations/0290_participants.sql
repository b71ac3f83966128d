-- migrate:up

-- Somebody's place in a chat is found by chat and user. Both indexes lead to the one row, so that it does not matter
-- which of them a plan took while the table was empty.
create index chat_participants_user_id_chat_id_idx on platform.chat_participants (user_id, chat_id);
drop index platform.chat_participants_user_id_idx;

-- migrate:down

create index chat_participants_user_id_idx on platform.chat_participants (user_id);
drop index platform.chat_participants_user_id_chat_id_idx;
