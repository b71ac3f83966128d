-- platform.messages: what a message must be, its place in the chat, and its announcement. The rules are the table's:
-- they hold for every writer.

create or replace function rt_private.message_problem(p_type text, p_content text, p_metadata jsonb) returns text
language plpgsql immutable
as $$
declare
	m constant jsonb := p_metadata;
begin
	case p_type
	when 'text' then
		return case when rt_private.is_blank(p_content) then 'content must not be blank' end;
	when 'photo' then
		return case
			when not rt_private.is_url(p_content) then 'content must be an http(s) URL'
			when not rt_private.json_is(m -> 'width', 'positive integer') then 'metadata.width must be a positive integer'
			when not rt_private.json_is(m -> 'height', 'positive integer') then 'metadata.height must be a positive integer'
			when not rt_private.json_is(m -> 'thumbnail', 'url') then 'metadata.thumbnail must be an http(s) URL'
		end;
	when 'video', 'voice' then
		return case
			when not rt_private.is_url(p_content) then 'content must be an http(s) URL'
			when not rt_private.json_is(m -> 'duration', 'not negative') then 'metadata.duration must be a number, 0 or more'
			when p_type = 'video' and not rt_private.json_is(m -> 'thumbnail', 'url') then 'metadata.thumbnail must be an http(s) URL'
		end;
	when 'location' then
		if p_content !~ '^[-+]?[0-9]{1,3}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?,[-+]?[0-9]{1,3}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?$' then
			return 'content must be lat,lng';
		elsif jsonb_typeof(m -> 'lat') is distinct from 'number' or jsonb_typeof(m -> 'lng') is distinct from 'number' then
			return 'metadata.lat and metadata.lng must be numbers';
		end if;
		return case
			when (m -> 'lat')::numeric not between -90 and 90 then 'metadata.lat must be between -90 and 90'
			when (m -> 'lng')::numeric not between -180 and 180 then 'metadata.lng must be between -180 and 180'
			when (m -> 'lat')::numeric <> split_part(p_content, ',', 1)::numeric
				or (m -> 'lng')::numeric <> split_part(p_content, ',', 2)::numeric
				then 'metadata.lat and metadata.lng must equal content'
			when not rt_private.json_is(m -> 'address', 'text') then 'metadata.address must be a string'
		end;
	when 'profile_share', 'post_share' then
		if p_content !~ '^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$' then
			return 'content must be a uuid';
		elsif p_type = 'post_share' then
			return case
				when not rt_private.json_is(m -> 'author_name', 'text') then 'metadata.author_name must be a string'
				when not rt_private.json_is(m -> 'media_url', 'url') then 'metadata.media_url must be an http(s) URL'
			end;
		end if;
		return case
			when not rt_private.json_is(m -> 'name', 'text') then 'metadata.name must be a string'
			when not rt_private.json_is(m -> 'avatar', 'text') then 'metadata.avatar must be a string'
			when not rt_private.json_is(m -> 'is_master', 'boolean') then 'metadata.is_master must be a boolean'
		end;
	when 'booking_proposal' then
		return case
			when rt_private.is_blank(p_content) then 'content must not be blank'
			when coalesce(jsonb_typeof(m -> 'service_id') <> 'string' or rt_private.is_blank(m ->> 'service_id'), true)
				then 'metadata.service_id must be a string'
			when coalesce(jsonb_typeof(m -> 'service_name') <> 'string' or rt_private.is_blank(m ->> 'service_name'), true)
				then 'metadata.service_name must be a string'
			when coalesce(m -> 'price', 'null') = 'null' or not rt_private.json_is(m -> 'price', 'not negative')
				then 'metadata.price must be a number, 0 or more'
			when coalesce(m -> 'duration', 'null') = 'null' or not rt_private.json_is(m -> 'duration', 'positive')
				then 'metadata.duration must be a number above 0'
		end;
	else
		return 'type is unknown';
	end case;
end
$$;
comment on function rt_private.message_problem(text, text, jsonb) is
	'What is wrong with a message of this type (contract 3); null: nothing. Keys that the type does not know are left alone.';

-- Runs as its callers, two trigger functions with a pinned search_path, and returns what nobody needs: see 20_publish.sql.
create or replace function rt_private.message_check(p_type text, p_content text, p_metadata jsonb, p_client_id text, p_content_max int) returns boolean
language plpgsql stable
as $$
declare
	v_problem text;
begin
	if p_type is null or p_content is null then
		raise exception using errcode = 'RT400', message = 'type and content are required';
	elsif octet_length(p_content) > p_content_max then
		raise exception using errcode = 'RT413', message = 'content is too large';
	elsif p_metadata <> '{}' and octet_length(p_metadata::text) > rt_private.setting('metadata_max')::int then
		raise exception using errcode = 'RT413', message = 'metadata is too large';
	elsif jsonb_typeof(p_metadata) <> 'object' then
		raise exception using errcode = 'RT400', message = 'metadata must be an object';
	elsif char_length(p_client_id) not between 1 and 64 then
		raise exception using errcode = 'RT400', message = 'client_id must be a string of 1 to 64 characters';
	end if;
	if p_metadata <> '{}' then
		v_problem := rt_private.relay_problem(p_metadata, p_metadata::text);
		if v_problem is not null then
			raise exception using errcode = 'RT400', message = 'metadata ' || v_problem;
		end if;
	end if;
	v_problem := rt_private.message_problem(p_type, p_content, p_metadata);
	if v_problem is not null then
		raise exception using errcode = 'RT400', message = v_problem;
	end if;
	return true;
end
$$;
comment on function rt_private.message_check(text, text, jsonb, text, int) is 'Rules of content (of so many bytes at most), metadata and client_id, for every writer. RT400, RT413.';

create or replace function rt_private.messages_check() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_checked boolean;
begin
	new.metadata := coalesce(new.metadata, '{}');
	v_checked := rt_private.message_check(new.type, new.content, new.metadata, new.client_id, rt_private.setting('content_max')::int);
	return new;
end
$$;
comment on function rt_private.messages_check() is 'message_check for what is changed later. RT400, RT413.';

-- One function for all that comes before a row, and one query for all that it asks: each more costs a tenth of the message.
create or replace function rt_private.messages_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_silent constant boolean := current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent();
	v_member boolean;
	v_seq    bigint;
	v_at     timestamptz;
	v_max    int;
	v_checked boolean;
begin
	-- The lock comes before everything that follows from it: then order by seq, by time, of commits and of delivery
	-- agree (design 2). A lock, not an update: that would leave a row version behind every message.
	if v_silent then
		perform rt_private.read_marks_void();
	else
		perform from platform.chats c where c.id = new.chat_id for no key update;
	end if;
	select exists (select from platform.chat_participants p where p.chat_id = new.chat_id and p.user_id = new.sender_id),
		l.seq, l.created_at, s.value
	into strict v_member, v_seq, v_at, v_max
	from bellwire.settings s
	left join lateral (
		select m.seq, m.created_at from platform.messages m where m.chat_id = new.chat_id order by m.seq desc limit 1
	) l on true
	where s.name = 'content_max';
	new.metadata := coalesce(new.metadata, '{}');
	v_checked := rt_private.message_check(new.type, new.content, new.metadata, new.client_id, v_max);
	if not v_member then
		perform rt_private.chat_refuse(new.chat_id);
	end if;
	-- an import may bring places and times along
	if not v_silent or new.seq is null then
		new.seq := coalesce(v_seq, 0) + 1;
	end if;
	if not v_silent or new.created_at is null then
		new.created_at := greatest(clock_timestamp(), v_at);
	end if;
	return new;
end
$$;
comment on function rt_private.messages_insert() is
	'Locks the chat, checks the message, refuses a sender who does not take part, sets seq and created_at. RT400, RT413, RT403, RT404. A statement that writes into several chats locks them in the order of its rows.';

create or replace function rt_private.messages_fixed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.read_marks_void();
		return new;
	end if;
	raise exception using errcode = 'RT400', message = 'A message keeps its chat, sender, place and time';
end
$$;
comment on function rt_private.messages_fixed() is 'What order rests on is not changed afterwards. RT400.';

create or replace function rt_private.message_payload(p_id uuid, p_chat_id uuid, p_seq bigint, p_sender_id uuid, p_sender_name text,
	p_sender_avatar text, p_type text, p_content text, p_metadata jsonb, p_created_at timestamptz, p_status text) returns jsonb
language sql stable
return jsonb_build_object('id', p_id, 'chat_id', p_chat_id, 'sender_id', p_sender_id, 'sender_name', p_sender_name,
		'sender_avatar', p_sender_avatar, 'type', p_type, 'content', p_content, 'metadata', p_metadata,
		'created_at', rt_private.iso(p_created_at), 'status', p_status, 'seq', p_seq);
comment on function rt_private.message_payload(uuid, uuid, bigint, uuid, text, text, text, text, jsonb, timestamptz, text) is
	'{id, chat_id, sender_id, sender_name, sender_avatar, type, content, metadata, created_at, status, seq}: a message as clients see it.';

create or replace function rt_private.message_audience() returns text
language sql stable
return case (select s.value from bellwire.settings s where s.name = 'message_audience') when 'joined' then 'chat:' else 'participants:' end;
comment on function rt_private.message_audience() is 'What a room is called whose sockets hear of a message, but for the chat (setting message_audience).';

-- By row: one message a statement is the rule, and the machinery of a transition table costs as much as all the rest.
-- Rows of one statement fire in the order they were numbered in.
create or replace function rt_private.messages_publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_payload jsonb;
	v_room    text;
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	-- rt_private.chat_message_send_many announces all of its messages in one statement; nobody but an edge may say so
	if current_setting('bellwire.together', true) = pg_current_xact_id()::text and pg_has_role(session_user, 'bellwire_edge', 'member') then
		if pg_trigger_depth() = 1 then
			return null;
		end if;
		-- somebody's trigger answers a message with one: that is not among those, and its place is between them
		perform set_config('bellwire.together', '', true);
	end if;
	select rt_private.message_payload(new.id, new.chat_id, new.seq, new.sender_id, u.name, u.avatar_url, new.type, new.content,
		new.metadata, new.created_at, 'sent'),
		rt_private.message_audience() || new.chat_id
	into v_payload, v_room
	from platform.users u where u.id = new.sender_id;
	perform rt_private.publish(array[v_room], 'chat:message:new', v_payload, p_confirm => jsonb_build_object('message_id', new.id));
	return null;
end
$$;
comment on function rt_private.messages_publish() is
	'chat:message:new to participants:<chat>, or chat:<chat> (setting message_audience). What is confirmed of it comes back to rt.confirm.';

select bellwire.ensure_trigger('platform.messages', 'messages_check',
	$$before update of type, content, metadata, client_id on platform.messages for each row execute function rt_private.messages_check()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_insert',
	$$before insert on platform.messages for each row execute function rt_private.messages_insert()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_fixed',
	$$before update of chat_id, sender_id, seq, created_at on platform.messages for each row
	when ((old.chat_id, old.sender_id, old.seq, old.created_at) is distinct from (new.chat_id, new.sender_id, new.seq, new.created_at))
	execute function rt_private.messages_fixed()$$);
select bellwire.ensure_trigger('platform.messages', 'messages_publish',
	$$after insert on platform.messages for each row execute function rt_private.messages_publish()$$);
