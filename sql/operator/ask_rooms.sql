-- Which rooms there are.

create or replace function rt.ask_rooms(p_prefix text default '', p_limit int default 100) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if p_prefix is null or octet_length(p_prefix) > 1024 or p_prefix ~ '[[:cntrl:]]' then
		raise exception 'prefix: up to 1024 bytes, without control characters' using errcode = 'RT400';
	end if;
	return rt_private.ask('rooms', jsonb_build_object('prefix', p_prefix, 'limit', rt_private.ask_limit(p_limit)));
end
$$;
comment on function rt.ask_rooms(text, int) is
	'Asks every edge for its rooms whose names begin so, the largest p_limit of each, with the number of their '
	'sockets there. Rooms named after a user or a socket are not joined, and are not among them. Commit, then '
	'rt.answers. RT400, RT429.';
