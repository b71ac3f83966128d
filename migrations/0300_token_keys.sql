-- migrate:up

create table bellwire.token_keys (
	kid         text primary key check (kid ~ '^[^[:cntrl:]]{1,255}$'),
	algorithm   text not null check (algorithm in ('HS256', 'RS256', 'ES256', 'EdDSA')),
	key         text not null check (pg_catalog.octet_length(key) between 32 and 32768),
	valid_from  timestamptz not null default pg_catalog.clock_timestamp() check (pg_catalog.isfinite(valid_from)),
	valid_until timestamptz check (pg_catalog.isfinite(valid_until)),
	created_at  timestamptz not null default pg_catalog.clock_timestamp(),
	check (valid_until >= valid_from)
);
comment on table bellwire.token_keys is
	'Keys that tokens are checked with, chosen by the kid of the token. Live within a second (docs/tokens.md).';
comment on column bellwire.token_keys.algorithm is
	'The one algorithm that this key is used with: a token with another alg is refused.';
comment on column bellwire.token_keys.key is 'A PEM public key, a JSON Web Key, or the secret of HS256.';
comment on column bellwire.token_keys.valid_until is 'From then on its tokens are refused; null: no end.';

-- migrate:down

drop table bellwire.token_keys;
