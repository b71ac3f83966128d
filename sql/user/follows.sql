-- platform.follows: rows decide rooms and move live sockets.

select bellwire.ensure_trigger('platform.follows', 'follows_rooms_insert',
	$$after insert on platform.follows referencing new table as new_rows for each statement
	execute function rt_private.rooms_moved('followers', 'followee_id', 'follower_id')$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_update',
	$$after update on platform.follows referencing old table as old_rows new table as new_rows for each statement
	execute function rt_private.rooms_moved('followers', 'followee_id', 'follower_id')$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_delete',
	$$after delete on platform.follows referencing old table as old_rows for each statement
	execute function rt_private.rooms_moved('followers', 'followee_id', 'follower_id')$$);
select bellwire.ensure_trigger('platform.follows', 'follows_truncated',
	$$after truncate on platform.follows for each statement execute function rt_private.rooms_truncated()$$,
	'always');
