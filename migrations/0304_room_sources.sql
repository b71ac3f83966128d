-- migrate:up

create table bellwire.room_sources (
	function text primary key
);
comment on table bellwire.room_sources is
	'Functions of services that say which rooms users are in, besides those of platform: schema.name of a function '
	'(uuid[]) that returns rows (user_id uuid, room text) (docs/integrating.md).';

-- migrate:down

drop table bellwire.room_sources;
