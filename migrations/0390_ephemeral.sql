-- migrate:up

-- Counts the statements that wrote bellwire.outbox_ephemeral, committed or not: while it stands still, rt.fetch need
-- not look there. The first value is taken here, because a sequence without one has none that can be read.
create sequence bellwire.outbox_ephemeral_written;
comment on sequence bellwire.outbox_ephemeral_written is 'Statements that wrote bellwire.outbox_ephemeral.';
select nextval('bellwire.outbox_ephemeral_written');

-- migrate:down

drop sequence bellwire.outbox_ephemeral_written;
