-- Helpers to read and check payloads. A function with a RETURN body has its names bound when it is created, so it needs
-- no search_path, and the planner inlines it. The others run inside definer functions and use their search_path.

create or replace function rt_private.has_uuid_form(p_text text) returns boolean
language sql immutable
return p_text like '________-____-____-____-____________';
comment on function rt_private.has_uuid_form(text) is
	'Is this text as long as a uuid, with hyphens where it has them? What a cast to uuid then takes, is_uuid takes '
	'as well. Null: null.';

-- In three steps, because a regular expression with counts has its automaton built anew at each match, and costs twice
-- as much.
create or replace function rt_private.is_uuid(p_text text) returns boolean
language sql immutable
return rt_private.has_uuid_form(p_text) and p_text !~ '[^0-9A-Fa-f-]' and p_text not like '%-%-%-%-%-%';
comment on function rt_private.is_uuid(text) is
	'Is this text a uuid in the form with four hyphens, in either case? uuid_in alone takes other forms too. '
	'Null: null.';

create or replace function rt_private.payload_refuse(p_key text, p_what text) returns text
language plpgsql stable
as $$
begin
	raise exception using errcode = 'RT400', message = p_key || ' must be ' || p_what;
end
$$;
comment on function rt_private.payload_refuse(text, text) is
	'Refuses a payload whose key is not what it must be. RT400.';

-- Stable, not immutable, because a refusal that is immutable would be evaluated by the planner.
create or replace function rt_private.text_uuid(p_text text, p_key text) returns uuid
language sql stable
return case when rt_private.has_uuid_form(p_text) then p_text else rt_private.payload_refuse(p_key, 'a uuid') end::uuid;
comment on function rt_private.text_uuid(text, text) is
	'The required uuid that a payload has at this key. RT400, and 22P02 where only its characters are wrong.';

create or replace function rt_private.payload_uuid(p_payload jsonb, p_key text) returns uuid
language sql stable
return rt_private.text_uuid(p_payload ->> p_key, p_key);
comment on function rt_private.payload_uuid(jsonb, text) is 'A required uuid of a payload. RT400.';

create or replace function rt_private.is_blank(p_text text) returns boolean
language sql immutable
return
	-- white space of Unicode, and the characters that show nothing at all
	btrim(p_text, E'\t\n\u000B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A'
		|| E'\u200B\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF') = '';
comment on function rt_private.is_blank(text) is 'Has the text nothing that can be seen? Null: null.';

create or replace function rt_private.is_url(p_text text) returns boolean
language sql immutable
return p_text ~* E'^https?://[^][:space:][:cntrl:]/?#@:"<>\\\\^`{|}][^[:space:][:cntrl:]/?#"<>\\\\^`{|}]*([/?#][^[:space:][:cntrl:]]*)?$';
comment on function rt_private.is_url(text) is 'An http(s) URL with a host. Null: null.';

create or replace function rt_private.json_is(p_value jsonb, p_kind text) returns boolean
language plpgsql immutable
as $$
begin
	if p_value is null or p_value = 'null' then
		return true;
	elsif p_kind in ('text', 'url') then
		return jsonb_typeof(p_value) = 'string' and (p_kind = 'text' or rt_private.is_url(p_value #>> '{}'));
	elsif p_kind = 'boolean' then
		return jsonb_typeof(p_value) = 'boolean';
	elsif jsonb_typeof(p_value) <> 'number' then
		return false;
	end if;
	return case p_kind
		when 'not negative' then p_value::numeric >= 0
		when 'positive' then p_value::numeric > 0
		when 'positive integer' then p_value::numeric > 0 and p_value::numeric = trunc(p_value::numeric)
	end;
end
$$;
comment on function rt_private.json_is(jsonb, text) is
	'A value is absent, null, or of a kind: text, url, boolean, not negative, positive, positive integer.';

create or replace function rt_private.data_is_deep(p_data jsonb) returns boolean
language sql immutable
return jsonb_path_exists(p_data, 'strict $.**{62} ? (@.type() == "object" || @.type() == "array")');
comment on function rt_private.data_is_deep(jsonb) is 'Nested deeper than 62. Its text has more than 124 characters then.';

create or replace function rt_private.data_is_huge(p_data jsonb) returns boolean
language sql immutable
return jsonb_path_exists(p_data,
	'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))');
comment on function rt_private.data_is_huge(jsonb) is
	'Has a number beyond double range. Its text has more than 309 characters then.';

-- Services pass on data of their own clients, so the rules of data that a client sends hold for it too (X4, X5).
create or replace function rt_private.relay_problem(p_data jsonb, p_text text) returns text
language plpgsql immutable
as $$
begin
	-- p_text is as jsonb writes it, so a quote inside a string has a backslash before it
	if p_text ~ E'(^|[^\\\\])"_placeholder":' then
		return 'must not have a key _placeholder';
	elsif length(p_text) > 124 and rt_private.data_is_deep(p_data) then
		return 'must not be nested deeper than 62';
	elsif length(p_text) > 309 and rt_private.data_is_huge(p_data) then
		return 'must not have a number beyond double range';
	end if;
	return null;
end
$$;
comment on function rt_private.relay_problem(jsonb, text) is
	'Why an object (and its text) would break the decoders of some clients: a key _placeholder (the C++ client '
	'ends), nesting, numbers; null: it would not.';

create or replace function rt_private.data_is_plain(p_data jsonb, p_text text) returns boolean
language sql immutable
return p_text not like '%"\_placeholder"%'
	and (octet_length(p_text) <= 124 or not rt_private.data_is_deep(p_data))
	and (octet_length(p_text) <= 309 or not rt_private.data_is_huge(p_data));
comment on function rt_private.data_is_plain(jsonb, text) is
	'Is this an object, with its text, in which rt_private.relay_problem would find nothing? Otherwise, or null: ask '
	'that one.';
