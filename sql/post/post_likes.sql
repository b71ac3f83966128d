-- platform.post_likes: counted, announced, and put before the author as notifications.

create or replace function rt_private.likes_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	-- The counter's row lock is held until the end: counts are announced in the order of commits.
	insert into platform.post_counts as c (post_id, likes_count)
	select n.post_id, count(*) from new_rows n group by n.post_id order by n.post_id
	on conflict (post_id) do update set likes_count = c.likes_count + excluded.likes_count;
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	for r in
		select n.post_id, n.user_id, u.name, p.author_id, c.likes_count - count(*) over (partition by n.post_id)
			+ row_number() over (partition by n.post_id order by n.n) as likes_count
		from (select i.*, row_number() over () as n from new_rows i) n -- numbered as the statement wrote them
		join platform.posts p on p.id = n.post_id
		join platform.post_counts c on c.post_id = n.post_id
		join platform.users u on u.id = n.user_id
		order by n.n
	loop
		perform rt_private.publish(array['followers:' || r.author_id, 'user:' || r.author_id], 'post:liked',
			jsonb_build_object('post_id', r.post_id, 'user_id', r.user_id, 'user_name', r.name, 'likes_count', r.likes_count));
	end loop;
	insert into platform.notifications (user_id, type, title, body, data)
	select p.author_id, 'post_liked', 'Лайк на посте', u.name, jsonb_build_object('post_id', n.post_id, 'user_id', n.user_id, 'user_name', u.name)
	from (select i.*, row_number() over () as n from new_rows i) n
	join platform.posts p on p.id = n.post_id and p.author_id <> n.user_id
	join platform.users u on u.id = n.user_id
	order by n.n;
	return null;
end
$$;
comment on function rt_private.likes_insert() is
	'post:liked {post_id, user_id, user_name, likes_count} to followers:<author> and user:<author>; a '
	'notification post_liked, data {post_id, user_id, user_name}, but for one''s own post.';

create or replace function rt_private.likes_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	-- locked in the order in which an insert locks them
	perform from platform.post_counts c where c.post_id in (select o.post_id from old_rows o) order by c.post_id for no key update;
	update platform.post_counts c set likes_count = c.likes_count - o.n
	from (select post_id, count(*) as n from old_rows group by post_id) o
	where c.post_id = o.post_id;
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	-- if the post is gone too, nothing is announced
	for r in
		select o.post_id, o.user_id, p.author_id, c.likes_count + count(*) over (partition by o.post_id)
			- row_number() over (partition by o.post_id order by o.n) as likes_count
		from (select d.*, row_number() over () as n from old_rows d) o -- numbered as the statement took them
		join platform.posts p on p.id = o.post_id
		join platform.post_counts c on c.post_id = o.post_id
		order by o.post_id, likes_count desc
	loop
		perform rt_private.publish(array['followers:' || r.author_id, 'user:' || r.author_id], 'post:unliked',
			jsonb_build_object('post_id', r.post_id, 'user_id', r.user_id, 'likes_count', r.likes_count));
	end loop;
	return null;
end
$$;
comment on function rt_private.likes_delete() is
	'post:unliked {post_id, user_id, likes_count} to followers:<author> and user:<author>.';

select bellwire.ensure_trigger('platform.post_likes', 'likes_author',
	$$before insert on platform.post_likes for each row execute function rt_private.post_author_lock()$$);
select bellwire.ensure_trigger('platform.post_likes', 'likes_insert',
	$$after insert on platform.post_likes referencing new table as new_rows for each statement execute function rt_private.likes_insert()$$);
select bellwire.ensure_trigger('platform.post_likes', 'likes_delete',
	$$after delete on platform.post_likes referencing old table as old_rows for each statement execute function rt_private.likes_delete()$$);
select bellwire.ensure_trigger('platform.post_likes', 'likes_fixed',
	$$before update of post_id, user_id on platform.post_likes for each row
	when ((old.post_id, old.user_id) <> (new.post_id, new.user_id)) execute function rt_private.keys_fixed()$$);
select bellwire.ensure_trigger('platform.post_likes', 'likes_truncated',
	$$after truncate on platform.post_likes for each statement execute function rt_private.counts_truncated('likes')$$,
	'always');
