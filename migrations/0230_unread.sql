-- migrate:up

-- What rt.get_chats need not look at again (docs/decisions/0008-unread.md).
create table bellwire.read_marks (
	user_id uuid not null references platform.users (id) on delete cascade,
	chat_id uuid not null,
	runs    int8multirange not null,
	since   timestamptz not null,
	upto    uuid not null references platform.messages (id) on delete cascade,
	n       bigint not null,
	rest    bigint not null,
	primary key (user_id, chat_id)
);
create index on bellwire.read_marks (upto);
comment on table bellwire.read_marks is
	'Where the user has read everything: of the messages of the chat whose seq lies in runs, those of others that were written since then are read. A row may be missing or know too little; it never says too much while its n is that of the sequence.';
comment on column bellwire.read_marks.runs is 'Places in the chat.';
comment on column bellwire.read_marks.since is 'joined_at of then: who joined earlier now has more to read, and the row does not count.';
comment on column bellwire.read_marks.upto is 'The last message of runs. While it is there no message is given a place in them.';
comment on column bellwire.read_marks.n is 'read_marks_n when the row was written: another value now, and the row does not count.';
comment on column bellwire.read_marks.rest is 'How many messages that are not unread lie outside runs, in runs too short to be kept.';

create sequence bellwire.read_marks_n;
select pg_catalog.nextval('bellwire.read_marks_n');
comment on sequence bellwire.read_marks_n is 'The next value makes all read_marks worthless: after imports, which give messages their places themselves.';

-- Counting goes over the index alone.
alter table platform.messages drop constraint messages_chat_id_seq_key;
alter table platform.messages add constraint messages_chat_id_seq_key unique (chat_id, seq) include (id, sender_id, created_at);

-- migrate:down

alter table platform.messages drop constraint messages_chat_id_seq_key;
alter table platform.messages add constraint messages_chat_id_seq_key unique (chat_id, seq);
drop table bellwire.read_marks;
drop sequence bellwire.read_marks_n;
