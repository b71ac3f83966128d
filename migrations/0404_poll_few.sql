-- migrate:up

-- What rt.poll_few reads. A row is one value here, since each node of a plan sets up each of its columns in every poll.
create view rt.outbox_rows as
	select o.xid, o as event
	from bellwire.outbox o;
comment on view rt.outbox_rows is 'The rows of the outbox, each as one value.';

-- migrate:down

-- with the functions that read it
drop view rt.outbox_rows cascade;
