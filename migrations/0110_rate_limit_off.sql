-- migrate:up

alter table bellwire.routes alter column rate_per_s drop not null;
comment on column bellwire.routes.rate_per_s is 'Events that come back to the bucket each second; null: no limit.';
comment on column bellwire.routes.rate_burst is 'Events that the bucket holds.';

-- migrate:down

update bellwire.routes set rate_per_s = 10 where rate_per_s is null;
alter table bellwire.routes alter column rate_per_s set not null;
