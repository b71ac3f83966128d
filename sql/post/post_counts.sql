-- platform.post_counts: the common part of likes and comments.

create or replace function rt_private.keys_fixed() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	raise exception using errcode = 'RT400', message = 'A like or comment keeps its post and author';
end
$$;
comment on function rt_private.keys_fixed() is
	'Keys of likes and comments cannot be changed, because counters rest on them: delete and insert. RT400.';

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
