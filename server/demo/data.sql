-- The demo's people and their messages, as plain inserts: the triggers of the tables number messages, count likes and
-- notify authors. Keys are fixed, so a second run changes nothing.

insert into platform.users (id, name, avatar_url, is_master, created_at) values
  ('a0000000-0000-4000-8000-000000000001', 'Anna',  null, true,  now() - interval '400 days'),
  ('a0000000-0000-4000-8000-000000000002', 'Boris', null, false, now() - interval '300 days'),
  ('a0000000-0000-4000-8000-000000000003', 'Clara', null, true,  now() - interval '200 days'),
  ('a0000000-0000-4000-8000-000000000004', 'David', null, false, now() - interval '100 days'),
  ('a0000000-0000-4000-8000-000000000005', 'Elena', null, false, now() - interval '50 days')
on conflict (id) do nothing;

-- All follow Anna, so all hear of the likes of her post. Anna follows Boris.
insert into platform.follows (follower_id, followee_id) values
  ('a0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001'),
  ('a0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000001'),
  ('a0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000001'),
  ('a0000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000001'),
  ('a0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000002')
on conflict do nothing;

-- ...11 is Anna and Boris, ...12 a group, ...13 Anna and Elena.
insert into platform.chats (id, created_at) values
  ('c0000000-0000-4000-8000-000000000011', now() - interval '30 days'),
  ('c0000000-0000-4000-8000-000000000012', now() - interval '20 days'),
  ('c0000000-0000-4000-8000-000000000013', now() - interval '10 days')
on conflict (id) do nothing;

insert into platform.chat_participants (chat_id, user_id, joined_at)
select c.id, u.id, c.created_at
  from (values
    ('c0000000-0000-4000-8000-000000000011'::uuid, '{Anna,Boris}'::text[]),
    ('c0000000-0000-4000-8000-000000000012',       '{Anna,Boris,Clara,David}'),
    ('c0000000-0000-4000-8000-000000000013',       '{Anna,Elena}')) as v (chat_id, names)
  join platform.chats c on c.id = v.chat_id
  join platform.users u on u.name = any(v.names) and u.id::text like 'a0000000-0000-4000-8000-%'
on conflict do nothing;

-- One statement for each message, as a service writes them. metadata.art is the demo's own: a picture in the page's
-- folder.
insert into platform.messages (id, chat_id, sender_id, type, content) values
  ('d0000000-0000-4000-8000-000000000301', 'c0000000-0000-4000-8000-000000000013', 'a0000000-0000-4000-8000-000000000005', 'text',
   'Thank you for today!')
on conflict (id) do nothing;
insert into platform.messages (id, chat_id, sender_id, type, content) values
  ('d0000000-0000-4000-8000-000000000302', 'c0000000-0000-4000-8000-000000000013', 'a0000000-0000-4000-8000-000000000001', 'text',
   'Always a pleasure. See you in four weeks.')
on conflict (id) do nothing;

insert into platform.messages (id, chat_id, sender_id, type, content) values
  ('d0000000-0000-4000-8000-000000000201', 'c0000000-0000-4000-8000-000000000012', 'a0000000-0000-4000-8000-000000000003', 'text',
   'Who is coming to the opening on Saturday?'),
  ('d0000000-0000-4000-8000-000000000202', 'c0000000-0000-4000-8000-000000000012', 'a0000000-0000-4000-8000-000000000004', 'text',
   'Me, from six.'),
  ('d0000000-0000-4000-8000-000000000203', 'c0000000-0000-4000-8000-000000000012', 'a0000000-0000-4000-8000-000000000002', 'text',
   'Count me in')
on conflict (id) do nothing;

insert into platform.messages (id, chat_id, sender_id, type, content, metadata)
select ('d0000000-0000-4000-8000-0000000001' || lpad(v.n::text, 2, '0'))::uuid, 'c0000000-0000-4000-8000-000000000011',
       case v.who when 'A' then 'a0000000-0000-4000-8000-000000000001' else 'a0000000-0000-4000-8000-000000000002' end::uuid,
       v.type, v.content, v.metadata
  from (values
    (1, 'B', 'text', 'Hi Anna! Are you free on Saturday?', '{}'::jsonb),
    (2, 'A', 'text', 'Hi Boris, I am. Morning or afternoon?', '{}'),
    (3, 'B', 'text', 'Morning, if there is room.', '{}'),
    (4, 'B', 'profile_share', 'a0000000-0000-4000-8000-000000000003', '{"name": "Clara", "is_master": true}'),
    (5, 'B', 'text', 'Clara says you are the best in town', '{}'),
    (6, 'A', 'text', 'Clara is too kind.', '{}'),
    (7, 'A', 'photo', 'https://example.com/photos/studio.jpg',
        '{"width": 1200, "height": 800, "thumbnail": "https://example.com/photos/studio-small.jpg", "art": "studio.svg"}'),
    (8, 'A', 'text', 'The new place. Come and see it!', '{}'),
    (9, 'B', 'voice', 'https://example.com/voice/0412.ogg', '{"duration": 12}'),
    (10, 'A', 'location', '59.9386,30.3141', '{"lat": 59.9386, "lng": 30.3141, "address": "Nevsky prospekt 28, third floor"}'),
    (11, 'A', 'booking_proposal', 'Saturday at ten?',
        '{"service_id": "cut-and-style", "service_name": "Cut and style", "price": 45, "duration": 60, "currency": "EUR"}'),
    (12, 'B', 'text', 'Perfect, see you then', '{}'),
    (13, 'A', 'text', 'Bring the photo you showed me', '{}')
  ) as v (n, who, type, content, metadata)
 order by v.n
on conflict (id) do nothing;

-- They were said over the last three days. Only an import sets times itself (docs/events.md, "Imports without events").
-- What an earlier run wrote keeps its time.
do $$
begin
  perform set_config('bellwire.silent', 'on', true);
  update platform.messages m set created_at = now() - case
           when m.chat_id = 'c0000000-0000-4000-8000-000000000013' then interval '3 days' - m.seq * interval '4 minutes'
           when m.chat_id = 'c0000000-0000-4000-8000-000000000012' then interval '5 hours' - m.seq * interval '7 min'
           when m.seq < 7 then interval '26 hours' - m.seq * interval '3 minutes'
           else interval '70 minutes' - m.seq * interval '4 minutes'
         end
   where m.id::text like 'd0000000-0000-4000-8000-%' and m.created_at >= now();
  perform set_config('bellwire.silent', '', true);
end
$$;

-- Everybody has read everything but the last messages of two chats.
insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
select m.id, p.user_id, m.created_at, m.created_at
  from platform.messages m
  join platform.chat_participants p on p.chat_id = m.chat_id and p.user_id <> m.sender_id
 where m.id::text like 'd0000000-0000-4000-8000-%'
   and m.id not in ('d0000000-0000-4000-8000-000000000113', 'd0000000-0000-4000-8000-000000000203')
on conflict do nothing;

insert into platform.posts (id, author_id, content, media_url, created_at) values
  ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
   'Two years of dreaming, six weeks of paint: the new studio is open.', 'studio.svg', now() - interval '3 hours')
on conflict (id) do nothing;

insert into platform.post_likes (post_id, user_id, created_at)
select 'b0000000-0000-4000-8000-000000000001', u.id, now() - interval '2 hours'
  from platform.users u where u.name in ('Clara', 'David', 'Elena') and u.id::text like 'a0000000-0000-4000-8000-%'
on conflict do nothing;

insert into platform.post_comments (id, post_id, author_id, content, created_at) values
  ('e0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000003',
   'That wall turned out beautifully.', now() - interval '2 hours'),
  ('e0000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000004',
   'Saving my seat by the window.', now() - interval '1 hour')
on conflict (id) do nothing;

-- A notification is as old as what it tells.
update platform.notifications n set created_at = l.created_at
  from platform.post_likes l
 where n.type = 'post_liked' and n.data ->> 'post_id' = l.post_id::text and n.data ->> 'user_id' = l.user_id::text
   and n.created_at >= now();
update platform.notifications n set created_at = c.created_at
  from platform.post_comments c
 where n.type = 'post_commented' and n.data ->> 'comment_id' = c.id::text and n.created_at >= now();

-- Anna has read the notifications of likes and comments. These two she has not.
update platform.notifications set read_at = now()
 where user_id = 'a0000000-0000-4000-8000-000000000001' and read_at is null and type in ('post_liked', 'post_commented')
   and not exists (select from platform.notifications n where n.id = 'f0000000-0000-4000-8000-000000000001');

insert into platform.notifications (id, user_id, type, title, body, data, created_at) values
  ('f0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'booking_request',
   'Booking request', 'Elena asks for Friday at four.', '{"user_id": "a0000000-0000-4000-8000-000000000005"}',
   now() - interval '25 minutes'),
  ('f0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'friend_accepted',
   'New friend', 'Anna follows you now.', '{"user_id": "a0000000-0000-4000-8000-000000000001"}',
   now() - interval '26 hours')
on conflict (id) do nothing;
