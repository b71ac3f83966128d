-- The rules of a message, and the form in which clients see it.

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
		if p_content !~ '^[-+]?[0-9]{1,3}([.][0-9]{1,40})?([eE][-+]?[0-9]{1,2})?,[-+]?[0-9]{1,3}([.][0-9]{1,40})?([eE][-+]?[0-9]{1,2})?$' then
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
		if not rt_private.is_uuid(p_content) then
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
	'What is wrong with a message of this type (docs/data.md, "Messages"); null: nothing. Keys that the type does '
	'not know are left alone.';

-- It has no search_path of its own, since its callers, two trigger functions, have one; it returns a value because an
-- assignment costs half of a perform. plpgsql sets up every expression anew in each transaction, so a plain text passes
-- few expressions.
create or replace function rt_private.message_check(p_type text, p_content text, p_metadata jsonb, p_client_id text)
returns boolean
language plpgsql stable
as $$
declare
	v_problem text;
begin
	if p_type is null or p_content is null then
		raise exception using errcode = 'RT400', message = 'type and content are required';
	elsif octet_length(p_content) > rt_private.setting('content_max')::int then
		raise exception using errcode = 'RT413', message = 'content is too large';
	end if;
	if p_client_id is not null then
		if char_length(p_client_id) not between 1 and 64 then
			raise exception using errcode = 'RT400', message = 'client_id must be a string of 1 to 64 characters';
		end if;
	end if;
	if p_metadata <> '{}' then
		if octet_length(p_metadata::text) > rt_private.setting('metadata_max')::int then
			raise exception using errcode = 'RT413', message = 'metadata is too large';
		end if;
		v_problem := 'metadata ' || case when jsonb_typeof(p_metadata) <> 'object' then 'must be an object'
			else rt_private.relay_problem(p_metadata, p_metadata::text) end;
	end if;
	v_problem := coalesce(v_problem, rt_private.message_problem(p_type, p_content, p_metadata));
	if v_problem is not null then
		raise exception using errcode = 'RT400', message = v_problem;
	end if;
	return true;
end
$$;
comment on function rt_private.message_check(text, text, jsonb, text) is
	'Rules of content, metadata and client_id, for every writer. RT400, RT413.';

-- Inlined where it is called, so that nearly all messages cost no call.
create or replace function rt_private.message_is_plain(p_type text, p_content text, p_metadata jsonb, p_client_id text)
returns boolean
language sql stable
return p_type = 'text' and p_metadata = '{}' and p_client_id is null
	and octet_length(p_content) <= rt_private.setting('content_max')::int and not rt_private.is_blank(p_content);
comment on function rt_private.message_is_plain(text, text, jsonb, text) is
	'Is this a text and nothing else, which rt_private.message_check would let pass? Otherwise, or null: ask that.';

-- Its names are bound where it is inlined, for a migration that is taken back drops the type.
create or replace function rt_private.message_payload(p_id uuid, p_chat_id uuid, p_seq bigint, p_sender_id uuid, p_sender_name text,
	p_sender_avatar text, p_type text, p_content text, p_metadata jsonb, p_created_at timestamptz, p_status text) returns jsonb
language sql stable
as $$
	-- A user's row from before its bounds (rt_private.users_bounds) may hold a picture.
	select to_jsonb(row(p_id, p_seq, p_type, p_status, p_chat_id, p_content, p_metadata, p_sender_id,
		rt_private.iso(p_created_at),
		case when octet_length(p_sender_name) > 1024 then left(p_sender_name, 200) else p_sender_name end,
		case when octet_length(p_sender_avatar) <= 8192 then p_sender_avatar end)::rt_private.message_keys)
$$;
comment on function rt_private.message_payload(uuid, uuid, bigint, uuid, text, text, text, text, jsonb, timestamptz, text) is
	'{id, chat_id, sender_id, sender_name, sender_avatar, type, content, metadata, created_at, status, seq}: a '
	'message as clients see it.';

-- Inlined, with those that call it: their bodies are text, which records no dependency, as what a later version leaves
-- away is dropped in no order.
create or replace function rt_private.is_marked(p_setting text) returns boolean
language sql volatile
return current_setting(p_setting, true) = pg_current_xact_id()::text
	and pg_trigger_depth() = 1 and pg_has_role(session_user, 'bellwire_edge', 'member');
comment on function rt_private.is_marked(text) is
	'In a trigger: are these rows of the statement that has named this transaction in that setting? It counts only '
	'from an edge, and not for the rows of other triggers.';

create or replace function rt_private.message_room(p_chat_id uuid) returns text
language sql stable
return case rt_private.setting('message_audience') when 'joined' then 'chat:' else 'participants:' end || p_chat_id;
comment on function rt_private.message_room(uuid) is
	'The room whose sockets hear of a message in that chat (setting message_audience).';

-- jsonb_object costs half of jsonb_build_object, where all values are texts. With a maximum of 1 every chat counts as large, also
-- one that has the sender alone, where nobody's confirmation counts: then the planner leaves the question out.
create or replace function rt_private.message_confirm(p_id uuid, p_sender_id uuid, p_large boolean) returns jsonb
language sql stable
return case when rt_private.setting('receipts_max_participants') = '1' or p_large then jsonb_build_object('message_id', p_id, 'wanted', 1, 'but', p_sender_id)
	else jsonb_object(array['message_id', p_id::text, 'wanted', 'all']) end;
comment on function rt_private.message_confirm(uuid, uuid, boolean) is
	'What comes back to rt.confirm when a message has arrived: how many confirmations are wanted, and whose '
	'counts for nothing. large: the chat has more participants than the setting receipts_max_participants.';

-- A query, so that the planner inlines it where it stands in FROM. Its names are bound then, under the search_path of its
-- callers, for a migration that is taken back drops platform.users.
create or replace function rt_private.message_event(p_id uuid, p_chat_id uuid, p_seq bigint, p_sender_id uuid, p_type text,
	p_content text, p_metadata jsonb, p_created_at timestamptz) returns table (rooms text[], data jsonb, confirm jsonb)
language sql stable
as $$
	select array[rt_private.message_room(p_chat_id)],
		rt_private.message_payload(p_id, p_chat_id, p_seq, p_sender_id, u.name, u.avatar_url, p_type, p_content, p_metadata,
			p_created_at, 'sent'),
		rt_private.message_confirm(p_id, p_sender_id, exists (
			select from platform.chat_participants c where c.chat_id = p_chat_id
			offset rt_private.setting('receipts_max_participants')::int))
	from platform.users u where u.id = p_sender_id
$$;
comment on function rt_private.message_event(uuid, uuid, bigint, uuid, text, text, jsonb, timestamptz) is
	'chat:message:new of a message: the rooms, the data, and what comes back to rt.confirm.';

-- Inlined where it stands in FROM, as message_event is.
create or replace function rt_private.message_row(p_at timestamptz, p_id uuid, p_chat_id uuid, p_seq bigint,
	p_sender_id uuid, p_type text, p_content text, p_metadata jsonb, p_created_at timestamptz)
returns table (epoch int, at timestamptz, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb)
language sql stable
as $$
	select e.n, p_at, m.rooms, '{}'::text[], 'chat:message:new', m.data, m.confirm
	from rt_private.message_event(p_id, p_chat_id, p_seq, p_sender_id, p_type, p_content, p_metadata,
		p_created_at) m, bellwire.epoch e
	where rt_private.epoch_holds(e.started, e.watched, p_at)
$$;
comment on function rt_private.message_row(timestamptz, uuid, uuid, bigint, uuid, text, text, jsonb, timestamptz) is
	'What a message writes into the outbox at that time; no row where rt_private.outbox_insert must look first.';
