-- migrate:up

-- A dump that is restored brings rows along whose transaction ids mean nothing in the new cluster (design 8.13). The first edge that
-- comes sees it by this column and empties what is bound to the old one.
alter table bellwire.outbox_state add column system_identifier text;
comment on column bellwire.outbox_state.system_identifier is 'Of the cluster that outbox, ticks, sockets and edges belong to; null: no edge has been there yet.';
comment on function bellwire.code_functions() is 'Functions of rt, rt_private and platform by signature; is_new: written by this transaction.';

-- migrate:down

comment on function bellwire.code_functions() is null;
alter table bellwire.outbox_state drop column system_identifier;
