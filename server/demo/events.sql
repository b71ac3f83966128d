-- Client events of the demo page. Any service adds its own in the same way, without a restart and without C: a function
-- in rt, and a row in bellwire.routes. The demo alone applies this file. A deploy of sql/ leaves the events alone, and a
-- second run changes nothing.

create or replace function rt_private.demo_comment(p_comment platform.post_comments) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', p_comment.id, 'author_id', u.id, 'author_name', u.name, 'content', p_comment.content,
           'created_at', rt_private.iso(p_comment.created_at))
    from platform.users u where u.id = p_comment.author_id;
$$;

-- demo:post:get  ->  the newest post, as its page shows it to the user
create or replace function rt.demo_post_get(p_user_id uuid, p_payload jsonb) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select jsonb_build_object(
             'id', p.id, 'author_id', p.author_id, 'author_name', a.name, 'content', p.content, 'media_url', p.media_url,
             'created_at', rt_private.iso(p.created_at),
             'likes_count', coalesce(n.likes_count, 0), 'comments_count', coalesce(n.comments_count, 0),
             'liked', exists (select from platform.post_likes l where l.post_id = p.id and l.user_id = p_user_id),
             'comments', coalesce((
               select jsonb_agg(rt_private.demo_comment(c) order by c.created_at desc)
                 from (select * from platform.post_comments k where k.post_id = p.id order by k.created_at desc limit 50) c), '[]'))
      from platform.posts p
      join platform.users a on a.id = p.author_id
      left join platform.post_counts n on n.post_id = p.id
     order by p.created_at desc limit 1), '{}');
$$;

-- demo:post:like {"post_id", "like": true|false}  ->  {"status": "ok"}; the count comes as post:liked or post:unliked
create or replace function rt.demo_post_like(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_post constant uuid := rt_private.payload_uuid(p_payload, 'post_id');
begin
  if p_payload -> 'like' = 'true' then
    insert into platform.post_likes (post_id, user_id) values (v_post, p_user_id) on conflict do nothing;
  else
    delete from platform.post_likes l where l.post_id = v_post and l.user_id = p_user_id;
  end if;
  return '{"status": "ok"}';
end;
$$;

-- demo:post:comment {"post_id", "content"}  ->  {"post_id", "comment", "comments_count"}, as in post:commented
create or replace function rt.demo_post_comment(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_post constant uuid := rt_private.payload_uuid(p_payload, 'post_id');
  v_row  platform.post_comments;
begin
  if rt_private.is_blank(coalesce(p_payload ->> 'content', '')) then
    raise exception using errcode = 'RT400', message = 'content must not be blank';
  end if;
  insert into platform.post_comments (post_id, author_id, content) values (v_post, p_user_id, p_payload ->> 'content')
  returning * into v_row;
  return (select jsonb_build_object('post_id', v_post, 'comment', rt_private.demo_comment(v_row), 'comments_count', n.comments_count)
            from platform.post_counts n where n.post_id = v_post);
end;
$$;

-- post:commented goes to the author alone. The page shows comments live to followers too, by an event of the demo.
create or replace function rt_private.demo_commented() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform rt.emit(array['followers:' || p.author_id], 'demo:post:commented', jsonb_build_object(
            'post_id', p.id, 'comment', rt_private.demo_comment(c), 'comments_count', n.comments_count))
     from new_rows r
     join platform.post_comments c on c.id = r.id
     join platform.posts p on p.id = c.post_id
     join platform.post_counts n on n.post_id = p.id
    order by r.created_at, r.id;
  return null;
end;
$$;

-- chat:message:read goes to the sender of a message. The page has people with two devices, so the reader's devices are
-- told as well, by an event of the demo: demo:chat:read {"chat_id", "message_ids"}, each message once.
create or replace function rt_private.demo_read() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform rt.emit(array['user:' || r.user_id], 'demo:chat:read', jsonb_build_object(
            'chat_id', m.chat_id, 'message_ids', jsonb_agg(m.id)))
     from new_rows r
     join platform.messages m on m.id = r.message_id
    where r.read_at is not null and m.sender_id <> r.user_id
    group by r.user_id, m.chat_id;
  return null;
end;
$$;

create or replace function rt_private.demo_read_late() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform rt.emit(array['user:' || r.user_id], 'demo:chat:read', jsonb_build_object(
            'chat_id', m.chat_id, 'message_ids', jsonb_agg(m.id)))
     from new_rows r
     join old_rows o using (message_id, user_id)
     join platform.messages m on m.id = r.message_id
    where r.read_at is not null and o.read_at is null and m.sender_id <> r.user_id
    group by r.user_id, m.chat_id;
  return null;
end;
$$;

select bellwire.ensure_trigger('platform.message_receipts', 'demo_read_insert',
  $$after insert on platform.message_receipts referencing new table as new_rows for each statement
    execute function rt_private.demo_read()$$);
select bellwire.ensure_trigger('platform.message_receipts', 'demo_read_update',
  $$after update on platform.message_receipts referencing old table as old_rows new table as new_rows
    for each statement execute function rt_private.demo_read_late()$$);

-- Triggers run in the order of their names: this one after comments_insert, which counts.
select bellwire.ensure_trigger('platform.post_comments', 'demo_commented',
  $$after insert on platform.post_comments referencing new table as new_rows for each statement execute function rt_private.demo_commented()$$);

select bellwire.ensure_route('demo:post:get', 'rt.demo_post_get', p_repeatable => 'always');
select bellwire.ensure_route('demo:post:like', 'rt.demo_post_like', p_repeatable => 'always');
select bellwire.ensure_route('demo:post:comment', 'rt.demo_post_comment');
