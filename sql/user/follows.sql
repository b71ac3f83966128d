-- platform.follows: rows decide rooms and move live sockets.

create or replace function rt_private.follows_rooms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op <> 'INSERT' then
		for r in execute case tg_op
			when 'DELETE' then 'select o.follower_id, o.followee_id from old_rows o order by 1, 2'
			else 'select o.follower_id, o.followee_id from old_rows o except select n.follower_id, n.followee_id from new_rows n order by 1, 2' end
		loop
			perform rt_private.user_leave(r.follower_id, 'followers:' || r.followee_id);
		end loop;
	end if;
	if tg_op <> 'DELETE' then
		for r in execute case tg_op
			when 'INSERT' then 'select n.follower_id, n.followee_id from new_rows n order by 1, 2'
			else 'select n.follower_id, n.followee_id from new_rows n except select o.follower_id, o.followee_id from old_rows o order by 1, 2' end
		loop
			perform rt_private.user_join(r.follower_id, 'followers:' || r.followee_id);
		end loop;
	end if;
	return null;
end
$$;
comment on function rt_private.follows_rooms() is 'A follower''s sockets are in followers:<followee> while the row exists.';

select bellwire.ensure_trigger('platform.follows', 'follows_rooms_insert',
	$$after insert on platform.follows referencing new table as new_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_update',
	$$after update on platform.follows referencing old table as old_rows new table as new_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_delete',
	$$after delete on platform.follows referencing old table as old_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_truncated',
	$$after truncate on platform.follows for each statement execute function rt_private.rooms_truncated()$$);
