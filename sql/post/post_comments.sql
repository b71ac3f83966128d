-- platform.post_comments: counted, announced, and put before the author as notifications.

create or replace function rt_private.comments_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	insert into platform.post_counts as c (post_id, comments_count)
	select n.post_id, count(*) from new_rows n group by n.post_id order by n.post_id
	on conflict (post_id) do update set comments_count = c.comments_count + excluded.comments_count;
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	for r in
		select n.*, p.author_id as post_author_id, u.name, u.avatar_url, c.comments_count - count(*) over (partition by n.post_id)
			+ row_number() over (partition by n.post_id order by n.n) as comments_count
		from (select i.*, row_number() over () as n from new_rows i) n -- numbered as the statement wrote them
		join platform.posts p on p.id = n.post_id
		join platform.post_counts c on c.post_id = n.post_id
		join platform.users u on u.id = n.author_id
		order by n.n
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
	from (select i.*, row_number() over () as n from new_rows i) n
	join platform.posts p on p.id = n.post_id and p.author_id <> n.author_id
	join platform.users u on u.id = n.author_id
	order by n.n;
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
	$$after truncate on platform.post_comments for each statement execute function rt_private.counts_truncated('comments')$$,
	'always');
