-- Rows that a subscription brings (docs/integrating.md, "Subscribing platform itself"). The worker of a subscription
-- fires no triggers of statements, and of the others only those that are meant for it. So each of its rows is written
-- here, as every writer's.

create or replace function rt_private.is_subscription() returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$ select exists (select from pg_stat_get_subscription(null) s where s.pid = pg_backend_pid()) $$;
comment on function rt_private.is_subscription() is
	'Is this session a worker of a subscription? A restore has session_replication_role = replica, too, and is none.';

-- Arguments: the columns of the key, and what an update sets, of the present row t by the new row n.
create or replace function rt_private.replicated() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_same constant text := format('(t.%s) = (select %s from (select ($1).*) k)',
		replace(tg_argv[0], ', ', ', t.'), tg_argv[0]);
	v_there boolean := true;
begin
	if not rt_private.is_subscription() then
		return case tg_op when 'DELETE' then old else new end;
	elsif not has_parameter_privilege('session_replication_role', 'set') then
		raise exception 'bellwire_owner may not write replicated rows as every writer does' using
			errcode = 'insufficient_privilege',
			hint = 'grant set on parameter session_replication_role to bellwire_owner';
	end if;
	perform set_config('session_replication_role', 'origin', true);
	if tg_op = 'INSERT' then
		execute format('insert into %s select ($1).* on conflict (%s) do nothing returning false',
			tg_relid::regclass, tg_argv[0]) into v_there using new;
		if v_there is null then -- it is there: it gets what is new
			execute format('update %s t set %s from (select ($1).*) n where %s',
				tg_relid::regclass, tg_argv[1], c_same) using new;
		end if;
	elsif tg_op = 'UPDATE' then
		execute format('update %s t set %s from (select ($2).*) n where %s',
			tg_relid::regclass, tg_argv[1], c_same) using old, new;
	else
		execute format('delete from %s t where %s', tg_relid::regclass, c_same) using old;
	end if;
	perform set_config('session_replication_role', 'replica', true);
	return null; -- it is written
end
$$;
comment on function rt_private.replicated() is
	'Writes a row of a subscription as every writer''s: checked, numbered, announced. A row that is refused stops '
	'the subscription. What this database writes itself (places, times of delivery and reading, last_seen_at) stays.';

select bellwire.ensure_trigger('platform.' || t.name, 'replicated',
	format($$before insert or update or delete on platform.%s for each row
		execute function rt_private.replicated(%L, %L)$$, t.name, t.key, t.changes), 'replica')
from (values
	('users', 'id',
		'name = n.name, avatar_url = n.avatar_url, is_master = n.is_master, disabled_at = n.disabled_at'),
	('follows', 'follower_id, followee_id', 'follower_id = n.follower_id, followee_id = n.followee_id'),
	('chats', 'id', 'created_at = n.created_at'),
	('chat_participants', 'chat_id, user_id',
		'chat_id = n.chat_id, user_id = n.user_id, joined_at = n.joined_at'),
	('messages', 'id', 'type = n.type, content = n.content, metadata = n.metadata'),
	('message_receipts', 'message_id, user_id',
		'delivered_at = coalesce(t.delivered_at, n.delivered_at), read_at = coalesce(t.read_at, n.read_at)'),
	('notifications', 'id',
		'title = n.title, body = n.body, data = n.data, read_at = coalesce(t.read_at, n.read_at)'),
	('posts', 'id', 'content = n.content, media_url = n.media_url'),
	('post_likes', 'post_id, user_id', 'created_at = n.created_at'),
	('post_comments', 'id', 'content = n.content')) t (name, key, changes);
