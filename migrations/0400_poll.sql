-- migrate:up

-- What rt.poll reads. An edge asks it without the rights of an owner, since a change of rights costs as much as the
-- rows. Views are made here and not by each deploy, because replacing one waits for readers and stops those behind it.
create view rt.outbox_head as
	select (select s.dropped from bellwire.outbox_state s) as dropped, w.last_value as written
	from bellwire.outbox_ephemeral_written w;
comment on view rt.outbox_head is
	'What has been dropped from the outbox, and the number of statements that wrote its twin.';

create view rt.outbox_kept as
	select a.xid, a.id, a.at, a.rooms, a.except_rooms, a.event, a.control, a.data, a.confirm, false as ephemeral
	from bellwire.outbox a;
comment on view rt.outbox_kept is 'The rows of the outbox.';

create view rt.outbox_both as
	select a.xid, a.id, a.at, a.rooms, a.except_rooms, a.event, a.control, a.data, a.confirm, false as ephemeral
	from bellwire.outbox a
	union all
	select a.xid, a.id, a.at, a.rooms, a.except_rooms, a.event, a.control, a.data, a.confirm, true
	from bellwire.outbox_ephemeral a;
comment on view rt.outbox_both is 'The rows of the outbox and of its twin.';

-- migrate:down

-- with the functions that read them
drop view rt.outbox_head, rt.outbox_kept, rt.outbox_both cascade;
