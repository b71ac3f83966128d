-- Error codes of clients.

create or replace function rt_private.error_code(p_sqlstate text, p_message text,
	out code text, out message text) returns record
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
	code := case p_sqlstate
		when 'RT400' then 'INVALID_DATA' when 'RT401' then 'UNAUTHORIZED' when 'RT403' then 'FORBIDDEN'
		when 'RT404' then 'CHAT_NOT_FOUND' when 'RT413' then 'MESSAGE_TOO_LARGE' when 'RT429' then 'RATE_LIMIT'
		when 'RT503' then 'UNAVAILABLE' end;
	if code is not null then
		message := p_message;
	elsif left(p_sqlstate, 2) in ('22', '23') then
		code := 'INVALID_DATA';
		message := 'Invalid data';
	elsif left(p_sqlstate, 2) in ('08', '40', '53', '55', '57') or p_sqlstate = '25006' then -- 25006: the server only reads
		code := 'UNAVAILABLE';
		message := 'Try again';
	else
		code := 'INTERNAL';
		message := 'Internal error ' || left(replace(gen_random_uuid()::text, '-', ''), 12);
	end if;
end
$$;
comment on function rt_private.error_code(text, text) is
	'The error code of an SQLSTATE, and the text that the client may read: that of RT errors, else a fixed one '
	'(docs/errors.md, "Error codes").';
