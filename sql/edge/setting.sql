-- Reading a setting of the product.

-- rt_private.setting is written from the rows of bellwire.settings whenever those change. The planner inlines it, so that
-- a setting is a constant in every plan: a look into the table costs 25 thousand instructions, and a message asks twice.
-- A change replaces the function, and sessions plan anew what has used it.

create or replace function rt_private.setting_default(p_name text) returns text
language plpgsql stable
as $$
begin
	return case p_name
		when 'content_max' then '16384'
		when 'message_audience' then 'participants'
		when 'metadata_max' then '16384'
		when 'outbox_retention' then '300'
		when 'presence_audience' then 'everyone'
		when 'presence_grace' then '3'
		when 'presence_grace_restart' then '30'
		when 'receipts_max_participants' then '1000'
		when 'recovery_window' then '240'
		else rt_private.setting_refuse(p_name) end;
end
$$;
comment on function rt_private.setting_default(text) is
	'What a setting is where somebody has deleted its row. P0002 where there is no such setting.';

create or replace function rt_private.setting_refuse(p_name text) returns text
language plpgsql stable
as $$
begin
	raise exception 'there is no setting %', p_name using errcode = 'no_data_found';
end
$$;
comment on function rt_private.setting_refuse(text) is 'Refuses the name of a setting. P0002.';

create or replace function rt_private.settings_compile() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_text text;
begin
	-- one at a time: each sees the rows of those before it
	perform pg_advisory_xact_lock(rt_private.alive_class(), -3);
	select 'case p_name' || string_agg(format(' when %L then %L', s.name, s.value), '' order by s.name) || ' else '
	into v_text from bellwire.settings s;
	execute 'create or replace function rt_private.setting(p_name text) returns text language sql stable return '
		|| coalesce(v_text, 'case when true then ') || 'rt_private.setting_default(p_name) end';
	comment on function rt_private.setting(text) is
		'Value of a row of bellwire.settings (written by rt_private.settings_compile).';
end
$$;
comment on function rt_private.settings_compile() is 'Writes rt_private.setting from the rows of bellwire.settings.';

select rt_private.settings_compile();
