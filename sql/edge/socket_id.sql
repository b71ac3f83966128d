-- The socket of the present client event.

create or replace function rt.socket_id() returns text
language sql stable
return nullif(current_setting('bellwire.socket_id', true), '');
comment on function rt.socket_id() is 'The socket whose event is being handled; null outside a client event.';
