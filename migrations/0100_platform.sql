-- migrate:up

-- The service's own rows: people, chats, messages, notifications, posts. Other services write here as they
-- please; triggers (sql/platform/) hold the rules and tell the sockets. Times are timestamptz, keys are uuid.

create table platform.users (
  id           uuid        not null default gen_random_uuid(),
  name         text        not null,
  avatar_url   text,
  is_master    boolean     not null default false,
  last_seen_at timestamptz,
  disabled_at  timestamptz,
  created_at   timestamptz not null default now(),
  constraint users_pkey primary key (id)
) with (fillfactor = 85);

comment on table platform.users is
  'People. A row that is deleted or disabled ends the user''s sockets. Deleting takes all of the user''s rows along, messages too; disabling keeps them.';
comment on column platform.users.last_seen_at is 'when the user last came or went; written by the presence of sockets';
comment on column platform.users.disabled_at is 'not null: the user may not connect';

create table platform.follows (
  follower_id uuid        not null,
  followee_id uuid        not null,
  created_at  timestamptz not null default now(),
  constraint follows_pkey primary key (follower_id, followee_id),
  constraint follows_follower_id_fkey foreign key (follower_id) references platform.users (id) on delete cascade,
  constraint follows_followee_id_fkey foreign key (followee_id) references platform.users (id) on delete cascade,
  constraint follows_not_self check (follower_id <> followee_id)
);

create index follows_followee_id_idx on platform.follows (followee_id);

comment on table platform.follows is
  'Who follows whom. The follower''s sockets are in room followers:<followee_id> while the row exists.';

create table platform.chats (
  id         uuid        not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  constraint chats_pkey primary key (id)
);

comment on table platform.chats is
  'Conversations. The row''s lock orders the messages of a chat and the changes of its participants.';

create table platform.chat_participants (
  chat_id   uuid        not null,
  user_id   uuid        not null,
  joined_at timestamptz not null default now(),
  constraint chat_participants_pkey primary key (chat_id, user_id),
  constraint chat_participants_chat_id_fkey foreign key (chat_id) references platform.chats (id) on delete cascade,
  constraint chat_participants_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade
);

create index chat_participants_user_id_idx on platform.chat_participants (user_id);

comment on table platform.chat_participants is
  'Who takes part. The user''s sockets are in room participants:<chat_id> while the row exists, and may join chat:<chat_id>.';

create table platform.messages (
  id         uuid        not null default gen_random_uuid(),
  chat_id    uuid        not null,
  seq        bigint      not null,
  sender_id  uuid        not null,
  type       text        not null,
  content    text        not null,
  metadata   jsonb       not null default '{}',
  client_id  text,
  created_at timestamptz not null,
  constraint messages_pkey primary key (id),
  constraint messages_chat_id_seq_key unique (chat_id, seq),
  constraint messages_sender_id_client_id_key unique (sender_id, client_id),
  constraint messages_chat_id_fkey foreign key (chat_id) references platform.chats (id) on delete cascade,
  constraint messages_sender_id_fkey foreign key (sender_id) references platform.users (id) on delete cascade,
  constraint messages_type_check check (type in ('text', 'photo', 'video', 'voice', 'location', 'profile_share',
                                                 'post_share', 'booking_proposal'))
);

comment on table platform.messages is
  'Messages. What the columns must be depends on type and is checked by trigger for every writer; here that costs less than a constraint, which is compiled anew for every insert.';
comment on column platform.messages.seq is
  'place in the chat, from 1; set by the database under the chat''s row lock; orders as created_at and as delivery do';
comment on column platform.messages.client_id is
  'the sender''s own name for this message, unique per sender: makes a send repeatable';
comment on column platform.messages.created_at is 'set by the database under the chat''s row lock, never before the chat''s last message';

create table platform.message_receipts (
  message_id   uuid        not null,
  user_id      uuid        not null,
  delivered_at timestamptz,
  read_at      timestamptz,
  constraint message_receipts_pkey primary key (message_id, user_id),
  constraint message_receipts_message_id_fkey foreign key (message_id) references platform.messages (id) on delete cascade,
  constraint message_receipts_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade
);

create index message_receipts_user_id_idx on platform.message_receipts (user_id);

comment on table platform.message_receipts is
  'What became of a message at one recipient. The first time counts; a read without a delivery is a delivery too.';

create table platform.notifications (
  id         uuid        not null default gen_random_uuid(),
  user_id    uuid        not null,
  type       text        not null,
  title      text        not null,
  body       text        not null,
  data       jsonb       not null default '{}',
  read_at    timestamptz,
  created_at timestamptz not null default now(),
  constraint notifications_pkey primary key (id),
  constraint notifications_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade,
  constraint notifications_type_check check (type in ('booking_request', 'booking_confirmed', 'booking_cancelled',
                                                      'friend_request', 'friend_accepted', 'post_liked',
                                                      'post_commented', 'post_reposted', 'mention',
                                                      'review_received', 'auto_booking_proposal')),
  constraint notifications_data_check check (jsonb_typeof(data) = 'object'),
  constraint notifications_size_check check (octet_length(title) + octet_length(body) + octet_length(data::text) <= 131072)
);

create index notifications_user_id_idx on platform.notifications (user_id, created_at desc, id desc);
create index notifications_unread_idx on platform.notifications (user_id, created_at desc, id desc) where read_at is null;

comment on table platform.notifications is
  'Notifications of one user; an insert rings at the user''s sockets. The types are a closed list.';

create table platform.posts (
  id         uuid        not null default gen_random_uuid(),
  author_id  uuid        not null,
  content    text,
  media_url  text,
  created_at timestamptz not null default now(),
  constraint posts_pkey primary key (id),
  constraint posts_author_id_fkey foreign key (author_id) references platform.users (id) on delete cascade
);

create index posts_author_id_idx on platform.posts (author_id, created_at desc);

comment on table platform.posts is 'Posts. No event of their own.';

create table platform.post_counts (
  post_id        uuid    not null,
  likes_count    integer not null default 0,
  comments_count integer not null default 0,
  constraint post_counts_pkey primary key (post_id),
  constraint post_counts_post_id_fkey foreign key (post_id) references platform.posts (id) on delete cascade,
  constraint post_counts_check check (likes_count >= 0 and comments_count >= 0)
) with (fillfactor = 50);   -- small hot rows: room for heap-only updates

comment on table platform.post_counts is
  'Counters of posts, kept by triggers, for reading only. A table of its own because its rows are hot.';

create table platform.post_likes (
  post_id    uuid        not null,
  user_id    uuid        not null,
  created_at timestamptz not null default now(),
  constraint post_likes_pkey primary key (post_id, user_id),
  constraint post_likes_post_id_fkey foreign key (post_id) references platform.posts (id) on delete cascade,
  constraint post_likes_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade
);

create index post_likes_user_id_idx on platform.post_likes (user_id);

comment on table platform.post_likes is 'Likes. Insert and delete are announced and counted.';

create table platform.post_comments (
  id         uuid        not null default gen_random_uuid(),
  post_id    uuid        not null,
  author_id  uuid        not null,
  content    text        not null,
  created_at timestamptz not null default now(),
  constraint post_comments_pkey primary key (id),
  constraint post_comments_post_id_fkey foreign key (post_id) references platform.posts (id) on delete cascade,
  constraint post_comments_author_id_fkey foreign key (author_id) references platform.users (id) on delete cascade,
  constraint post_comments_content_check check (btrim(content, E' \t\r\n') <> '' and octet_length(content) <= 65536)
);

create index post_comments_post_id_idx on platform.post_comments (post_id, created_at);
create index post_comments_author_id_idx on platform.post_comments (author_id);

comment on table platform.post_comments is 'Comments on posts. An insert is announced to the post''s author and counted.';

grant usage on schema platform to bellwire_service;
grant select, insert, update, delete
   on platform.users, platform.follows, platform.chats, platform.chat_participants, platform.messages,
      platform.message_receipts, platform.notifications, platform.posts, platform.post_likes, platform.post_comments
   to bellwire_service;
grant select on platform.post_counts to bellwire_service;

-- migrate:down

drop table platform.post_comments, platform.post_likes, platform.post_counts, platform.posts, platform.notifications,
           platform.message_receipts, platform.messages, platform.chat_participants, platform.chats, platform.follows,
           platform.users;
