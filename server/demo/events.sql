-- Client events of the demo page, added the way any service adds its own: a function in rt and a row in bellwire.routes,
-- no restart, no C. Applied by the demo only, after its data; a deploy of sql/ leaves them alone.

-- A post as its page shows it to one user.
create or replace function rt_private.demo_post(p_post_id uuid, p_user_id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
           'id', p.id, 'author_id', p.author_id, 'author_name', a.name, 'content', p.content,
           'likes_count', coalesce(n.likes_count, 0), 'comments_count', coalesce(n.comments_count, 0),
           'liked', exists (select from platform.post_likes l where l.post_id = p.id and l.user_id = p_user_id),
           'comments', coalesce((
             select jsonb_agg(jsonb_build_object('id', c.id, 'author_name', u.name, 'content', c.content) order by c.created_at desc)
               from (select * from platform.post_comments k where k.post_id = p.id order by k.created_at desc limit 20) c
               join platform.users u on u.id = c.author_id), '[]'))
    from platform.posts p
    join platform.users a on a.id = p.author_id
    left join platform.post_counts n on n.post_id = p.id
   where p.id = p_post_id;
$$;

-- demo:post:get  ->  the newest post
create or replace function rt.demo_post_get(p_user_id uuid, p_payload jsonb) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select rt_private.demo_post(p.id, p_user_id) from platform.posts p order by p.created_at desc limit 1), '{}');
$$;

-- demo:post:like {"post_id", "like": true|false}  ->  the post
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
  return rt_private.demo_post(v_post, p_user_id);
end;
$$;

-- demo:post:comment {"post_id", "content"}  ->  the post
create or replace function rt.demo_post_comment(p_user_id uuid, p_payload jsonb) returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_post constant uuid := rt_private.payload_uuid(p_payload, 'post_id');
begin
  if rt_private.is_blank(coalesce(p_payload ->> 'content', '')) then
    raise exception using errcode = 'RT400', message = 'content must not be blank';
  end if;
  insert into platform.post_comments (post_id, author_id, content) values (v_post, p_user_id, p_payload ->> 'content');
  return rt_private.demo_post(v_post, p_user_id);
end;
$$;

select bellwire.ensure_route('demo:post:get', 'rt.demo_post_get', p_repeatable => 'always');
select bellwire.ensure_route('demo:post:like', 'rt.demo_post_like', p_repeatable => 'always');
select bellwire.ensure_route('demo:post:comment', 'rt.demo_post_comment');
