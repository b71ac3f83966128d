-- bellwire.settings: one value for all edges and writers. settings_changed, settings_compiled.
begin;
select plan(31);

select results_eq('select name, value from bellwire.settings order by name', $$values ('content_max', '16384'),
	('message_audience', 'participants'), ('metadata_max', '16384'),
	('outbox_retention', '300'), ('presence_audience', 'everyone'), ('presence_grace', '3'),
	('presence_grace_restart', '30'), ('receipts_max_participants', '1000'), ('recovery_window', '240')$$,
	'those of docs/data.md, with their defaults');
select throws_ok(format('update bellwire.settings set value = %L where name = %L', v, n), '23514', null, n || ' ' || v)
from (values ('presence_audience', 'nobody'), ('presence_audience', 'everyone '),
	('presence_audience', 'everyone|contacts'), ('presence_grace', '-1'), ('presence_grace', '1.5'),
	('presence_grace', ''),
	('presence_grace_restart', '10000'), ('message_audience', ''), ('content_max', '0'), ('metadata_max', '1e3'),
	('receipts_max_participants', '0'), ('outbox_retention', '9'), ('outbox_retention', '541'),
	('outbox_retention', '600'), ('outbox_retention', '99999')) t (n, v);
select lives_ok(format('update bellwire.settings set value = %L where name = %L', v, 'outbox_retention'),
	'outbox_retention ' || v) from unnest(array['10', '99', '499', '539', '540', '300']) v;
select tests.mark();
update bellwire.settings set value = 'contacts' where name = 'presence_audience';
select results_eq('select control, data from tests.sent()', $$values ('settings_changed', '{}'::jsonb)$$,
	'edges are told');
select is(rt_private.setting('presence_audience'), 'contacts', 'rt_private.setting reads it at once');
select throws_ok($$select rt_private.setting('no_such')$$, 'P0002', 'there is no setting no_such',
	'a setting that is not there (rt_private.setting_refuse)');

-- rt_private.setting follows the rows, also in plans that have used it
update bellwire.settings set value = 'everyone' where name = 'presence_audience';
select is_empty(
	$$select s.name from bellwire.settings s where rt_private.setting_default(s.name) is distinct from s.value$$,
	'the defaults are those that a new database has');
prepare audience as select rt_private.setting('presence_audience');
select results_eq('execute audience', $$values ('everyone')$$, 'a plan has the value');
update bellwire.settings set value = 'contacts' where name = 'presence_audience';
select results_eq('execute audience', $$values ('contacts')$$, 'and the next one after a change');
savepoint before;
insert into bellwire.settings (name, value, pattern, description) values (e'it''s\\', e'a\\''b', '.*', 'anything');
select is(rt_private.setting(e'it''s\\'), e'a\\''b', 'whatever its text is');
rollback to before;
select is(rt_private.setting('presence_audience'), 'contacts', 'what is undone is undone in the function');
truncate bellwire.settings;
select is(array[rt_private.setting('presence_audience'), rt_private.setting('content_max')], array['everyone', '16384'],
	'a row that is not there counts as its default');

select * from finish();
rollback;
