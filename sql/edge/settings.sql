-- Settings of the product. A change of them is announced by a control row.

select bellwire.ensure_trigger('bellwire.settings', 'settings_changed',
	$$after insert or update or delete or truncate on bellwire.settings for each statement execute function rt_private.routes_changed('settings_changed')$$);
