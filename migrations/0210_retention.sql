-- migrate:up

-- A slot is written for ten minutes and must be truncated within the ten after that, or it never is.
insert into bellwire.settings (name, value, pattern, description) values
	('outbox_retention', '300', '[1-9][0-9]|[1-4][0-9]{2}|5[0-3][0-9]|540', 'Seconds an outbox row is kept at least, up to 540.')
on conflict (name) do update
	set value = case when settings.value::int > 540 then '540' else settings.value end, pattern = excluded.pattern, description = excluded.description;

-- migrate:down

update bellwire.settings set pattern = '[1-9][0-9]{1,4}', description = 'Seconds an outbox row is kept at least.' where name = 'outbox_retention';
