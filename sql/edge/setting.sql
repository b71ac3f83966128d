-- Reading a setting of the product.

-- Runs as its callers, which are definer functions with a pinned search_path: a switch costs more than the look-up.
create or replace function rt_private.setting(p_name text) returns text
language plpgsql stable
as $$
declare
	v_value text;
begin
	select s.value into strict v_value from bellwire.settings s where s.name = p_name;
	return v_value;
end
$$;
comment on function rt_private.setting(text) is 'Value of a row of bellwire.settings.';
