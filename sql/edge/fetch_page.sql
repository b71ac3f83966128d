-- The next pages of a fetch with more rows than one answer holds.

create or replace function rt.fetch_page(p_from text, p_upto text, p_after bigint, p_limit int, p_epoch text)
returns table (id bigint, xid text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text, ephemeral boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	-- as rt.fetch has it in this session
	v_epoch constant text := coalesce(nullif(current_setting('bellwire.epoch', true), ''), rt_private.epoch_text());
begin
	if p_epoch = v_epoch then
		return query select * from rt_private.fetch_rows(p_from::pg_snapshot, p_upto::pg_snapshot, p_after, p_limit);
	else
		return query select * from rt_private.fetch_rows_across(p_from::pg_snapshot,
			split_part(split_part(p_epoch, '/', 2), '.', 1)::int, p_upto::pg_snapshot, p_after, p_limit);
	end if;
	if rt_private.gap(p_from::pg_snapshot, p_epoch, v_epoch) is not null then
		raise exception 'a slot of the outbox was truncated during the fetch' using errcode = '40001';
	end if;
end
$$;
comment on function rt.fetch_page(text, text, bigint, int, text) is
	'The next rows of a fetch that was cut: not visible in p_from, visible in p_upto, id > p_after. p_epoch is '
	'the one the fetch was called with.';
