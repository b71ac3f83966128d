-- Likes and comments: counted, announced, and put before the author as notifications.

create or replace function rt_private.keys_fixed() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	raise exception using errcode = 'RT400', message = 'A like or comment keeps its post and author';
end
$$;
comment on function rt_private.keys_fixed() is 'Counters rest on the keys: delete and insert instead. RT400.';

create or replace function rt_private.posts_counts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into platform.post_counts (post_id) select n.id from new_rows n on conflict (post_id) do nothing;
	return null;
end
$$;
comment on function rt_private.posts_counts() is 'A post has its counters from the start.';

-- One order of locks: author, post, likes and comments, counter. Whoever deletes a user or a post comes down the same way.
create or replace function rt_private.post_author_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- as the notification's foreign key does in the end; it keeps nobody but who deletes the author
	perform from platform.posts p join platform.users u on u.id = p.author_id where p.id = new.post_id for key share of u;
	return new;
end
$$;
comment on function rt_private.post_author_lock() is 'Takes the author''s key before the post''s: a deletion of the author has them in this order.';

create or replace function rt_private.posts_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- The cascade may begin at the counter, and who takes a like or comment back has that row first.
	perform from platform.post_likes l where l.post_id = old.id for update;
	perform from platform.post_comments c where c.post_id = old.id for update;
	return old;
end
$$;
comment on function rt_private.posts_lock() is 'Takes likes and comments before the counter: a post that is deleted does not stand crosswise to those who take theirs back.';

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
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	for r in
		select n.post_id, n.user_id, u.name, p.author_id, c.likes_count - count(*) over (partition by n.post_id)
			+ row_number() over (partition by n.post_id order by n.created_at, n.user_id) as likes_count
		from new_rows n
		join platform.posts p on p.id = n.post_id
		join platform.post_counts c on c.post_id = n.post_id
		join platform.users u on u.id = n.user_id
		order by n.post_id, likes_count
	loop
		perform rt_private.publish(array['followers:' || r.author_id, 'user:' || r.author_id], 'post:liked',
			jsonb_build_object('post_id', r.post_id, 'user_id', r.user_id, 'user_name', r.name, 'likes_count', r.likes_count));
	end loop;
	insert into platform.notifications (user_id, type, title, body, data)
	select p.author_id, 'post_liked', 'Лайк на посте', u.name, jsonb_build_object('post_id', n.post_id, 'user_id', n.user_id, 'user_name', u.name)
	from new_rows n
	join platform.posts p on p.id = n.post_id and p.author_id <> n.user_id
	join platform.users u on u.id = n.user_id
	order by p.author_id, n.post_id, n.created_at, n.user_id;
	return null;
end
$$;
comment on function rt_private.likes_insert() is
	'post:liked {post_id, user_id, user_name, likes_count} to followers:<author> and user:<author>; a notification post_liked, data {post_id, user_id, user_name}, but for one''s own post.';

create or replace function rt_private.likes_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	-- sorted locks, as an insert takes them
	perform from platform.post_counts c where c.post_id in (select o.post_id from old_rows o) order by c.post_id for no key update;
	update platform.post_counts c set likes_count = c.likes_count - o.n
	from (select post_id, count(*) as n from old_rows group by post_id) o
	where c.post_id = o.post_id;
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	-- with the post gone too, nobody is told
	for r in
		select o.post_id, o.user_id, p.author_id, c.likes_count + count(*) over (partition by o.post_id)
			- row_number() over (partition by o.post_id order by o.created_at, o.user_id) as likes_count
		from old_rows o
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
comment on function rt_private.likes_delete() is 'post:unliked {post_id, user_id, likes_count} to followers:<author> and user:<author>.';

create or replace function rt_private.comments_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	insert into platform.post_counts as c (post_id, comments_count)
	select n.post_id, count(*) from new_rows n group by n.post_id order by n.post_id
	on conflict (post_id) do update set comments_count = c.comments_count + excluded.comments_count;
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	for r in
		select n.*, p.author_id as post_author_id, u.name, u.avatar_url, c.comments_count - count(*) over (partition by n.post_id)
			+ row_number() over (partition by n.post_id order by n.created_at, n.id) as comments_count
		from new_rows n
		join platform.posts p on p.id = n.post_id
		join platform.post_counts c on c.post_id = n.post_id
		join platform.users u on u.id = n.author_id
		order by n.post_id, comments_count
	loop
		perform rt_private.publish(array['user:' || r.post_author_id], 'post:commented', jsonb_build_object(
			'post_id', r.post_id,
			'comment', jsonb_build_object('id', r.id, 'author_id', r.author_id, 'author_name', r.name, 'author_avatar', r.avatar_url,
				'content', r.content, 'created_at', rt_private.iso(r.created_at)),
			'comments_count', r.comments_count));
	end loop;
	insert into platform.notifications (user_id, type, title, body, data)
	select p.author_id, 'post_commented', 'Комментарий к посту', u.name || ': ' || left(n.content, 200),
		jsonb_build_object('post_id', n.post_id, 'comment_id', n.id, 'user_id', n.author_id, 'user_name', u.name)
	from new_rows n
	join platform.posts p on p.id = n.post_id and p.author_id <> n.author_id
	join platform.users u on u.id = n.author_id
	order by p.author_id, n.post_id, n.created_at, n.id;
	return null;
end
$$;
comment on function rt_private.comments_insert() is
	'post:commented {post_id, comment:{id, author_id, author_name, author_avatar, content, created_at}, comments_count} to user:<author of the post>; a notification post_commented, data {post_id, comment_id, user_id, user_name}, but for one''s own post.';

create or replace function rt_private.comments_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform from platform.post_counts c where c.post_id in (select o.post_id from old_rows o) order by c.post_id for no key update;
	update platform.post_counts c set comments_count = c.comments_count - o.n
	from (select post_id, count(*) as n from old_rows group by post_id) o
	where c.post_id = o.post_id;
	return null;
end
$$;
comment on function rt_private.comments_delete() is 'Comments that go are counted and not announced.';

create or replace function rt_private.counts_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_argv[0] = 'likes' then
		update platform.post_counts c set likes_count = 0 where c.likes_count <> 0;
	else
		update platform.post_counts c set comments_count = 0 where c.comments_count <> 0;
	end if;
	return null;
end
$$;
comment on function rt_private.counts_truncated() is 'After a TRUNCATE of likes or comments.';

select bellwire.ensure_trigger('platform.posts', 'posts_counts',
	$$after insert on platform.posts referencing new table as new_rows for each statement execute function rt_private.posts_counts()$$);

select bellwire.ensure_trigger('platform.posts', 'posts_lock',
	$$before delete on platform.posts for each row execute function rt_private.posts_lock()$$);

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
	$$after truncate on platform.post_likes for each statement execute function rt_private.counts_truncated('likes')$$);

select bellwire.ensure_trigger('platform.post_comments', 'comments_author',
	$$before insert on platform.post_comments for each row execute function rt_private.post_author_lock()$$);
select bellwire.ensure_trigger('platform.post_comments', 'comments_insert',
	$$after insert on platform.post_comments referencing new table as new_rows for each statement execute function rt_private.comments_insert()$$);
select bellwire.ensure_trigger('platform.post_comments', 'comments_delete',
	$$after delete on platform.post_comments referencing old table as old_rows for each statement execute function rt_private.comments_delete()$$);
select bellwire.ensure_trigger('platform.post_comments', 'comments_fixed',
	$$before update of post_id, author_id on platform.post_comments for each row
	when ((old.post_id, old.author_id) <> (new.post_id, new.author_id)) execute function rt_private.keys_fixed()$$);
select bellwire.ensure_trigger('platform.post_comments', 'comments_truncated',
	$$after truncate on platform.post_comments for each statement execute function rt_private.counts_truncated('comments')$$);
