-- The edge listens, or no more. The name of the channel stands in no statement that others may see.

create or replace function rt.bell_hear(p_hears boolean) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_channel constant text := (select b.channel from bellwire.bell b);
	v_name    text;
begin
	foreach v_name in array array['bellwire', v_channel] loop
		if v_name is not null then
			execute format(case when p_hears then 'listen %I' else 'unlisten %I' end, v_name);
		end if;
	end loop;
	return v_channel;
end
$$;
comment on function rt.bell_hear(boolean) is
	'Whether this session hears the bells: on the channel bellwire, and on the one that it returns, where writers '
	'send the row of the outbox that they ring for (rt_private.ring_carrying). A secret: who listens there reads '
	'messages. Null: the table has lost its row, and bells carry nothing.';
