-- Reading a setting of the product.

-- It has no search_path of its own: its callers are definer functions with one, and a switch costs more than the
-- look-up.
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
