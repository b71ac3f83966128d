-- platform.posts: counters from the start, and one order of locks.

create or replace function rt_private.posts_counts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into platform.post_counts (post_id) select n.id from new_rows n on conflict (post_id) do nothing;
	return null;
end
$$;
comment on function rt_private.posts_counts() is 'A post has its counters from the start.';

-- The order of locks is author, post, likes and comments, counter. Deleting a user or a post takes them in the same
-- order.
create or replace function rt_private.post_author_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- The notification's foreign key takes this lock later anyway. It keeps out only a deletion of the author.
	perform from platform.posts p join platform.users u on u.id = p.author_id where p.id = new.post_id for key share of u;
	return new;
end
$$;
comment on function rt_private.post_author_lock() is
	'Takes the author''s key before the post''s: a deletion of the author has them in this order.';

create or replace function rt_private.posts_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	-- The cascade may begin at the counter. Taking a like or comment back locks its own row first, so this does
	-- too.
	perform from platform.post_likes l where l.post_id = old.id for update;
	perform from platform.post_comments c where c.post_id = old.id for update;
	return old;
end
$$;
comment on function rt_private.posts_lock() is
	'Locks likes and comments before the counter, so that deleting a post does not deadlock with users who take '
	'theirs back.';

select bellwire.ensure_trigger('platform.posts', 'posts_counts',
	$$after insert on platform.posts referencing new table as new_rows for each statement execute function rt_private.posts_counts()$$);
select bellwire.ensure_trigger('platform.posts', 'posts_lock',
	$$before delete on platform.posts for each row execute function rt_private.posts_lock()$$);
