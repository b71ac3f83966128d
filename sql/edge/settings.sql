-- Settings of the product. A change of them is announced by a control row.

create or replace function rt_private.settings_compiled() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.settings_compile();
	return null;
end
$$;
comment on function rt_private.settings_compiled() is 'After a change of settings: rt_private.setting follows.';

select bellwire.ensure_trigger('bellwire.settings', 'settings_changed',
	$$after insert or update or delete or truncate on bellwire.settings for each statement execute function rt_private.routes_changed('settings_changed')$$);
select bellwire.ensure_trigger('bellwire.settings', 'settings_compiled',
	$$after insert or update or delete or truncate on bellwire.settings for each statement
	execute function rt_private.settings_compiled()$$);
