-- migrate:up

-- While no edge looks after the outbox, writers do (docs/decisions/0029-no-edge.md). They read the present epoch
-- anyway.
alter table bellwire.epoch add column watched tstzrange not null default 'empty';
comment on column bellwire.epoch.watched is
	'While somebody looks after the outbox: an edge puts the end off by fifteen minutes, a writer by five. A time '
	'before it: the clock was set back.';

create unlogged table bellwire.looks (
	xid xid8 primary key default pg_catalog.pg_current_xact_id()
);
comment on table bellwire.looks is
	'Transactions that will look after the outbox when they commit. A row goes with its transaction.';

-- A trigger may be one that waits for the commit, or one for rows that are replicated.
create function bellwire.ensure_trigger(p_table text, p_name text, p_definition text, p_kind text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
	v_sum constant text := 'bellwire ' || md5(p_kind || ' ' || p_definition);
	v_now text;
begin
	select obj_description(t.oid, 'pg_trigger') into v_now
	from pg_trigger t where t.tgrelid = p_table::regclass and t.tgname = p_name;
	-- replacing takes a lock that waits for every writer: only when it changed
	if v_now is distinct from v_sum then
		execute format('drop trigger if exists %I on %s', p_name, p_table);
		execute format('create %s trigger %I %s', case p_kind when 'constraint' then p_kind else '' end, p_name,
			p_definition);
		execute format('alter table %s enable %s trigger %I', p_table,
			case p_kind when 'replica' then p_kind else 'always' end, p_name);
		execute format('comment on trigger %I on %s is %L', p_name, p_table, v_sum);
	end if;
	insert into bellwire.code (kind, name) values ('trigger', format('%I on %s', p_name, p_table))
	on conflict (kind, name) do update set deploy = excluded.deploy;
end
$$;
comment on function bellwire.ensure_trigger(text, text, text, text) is
	'ensure_trigger for one that does not fire for every writer alike. Kinds: constraint (a constraint trigger), '
	'always (both fire for replicated rows, too), replica (for these alone).';

-- migrate:down

-- They write the outbox, which asks for the columns: they come again with the code.
alter table bellwire.routes disable trigger routes_changed;
comment on trigger routes_changed on bellwire.routes is null;
alter table bellwire.settings disable trigger settings_changed;
comment on trigger settings_changed on bellwire.settings is null;
drop function bellwire.ensure_trigger(text, text, text, text);
drop table bellwire.looks;
alter table bellwire.epoch drop column watched;
