-- The naive peer's part in place of peer.sql's rules: a row, and a trigger that sends it.
alter table platform.messages
	drop constraint messages_chat_id_fkey,
	drop constraint messages_sender_id_fkey,
	drop constraint messages_chat_id_seq_key,
	drop constraint messages_sender_id_client_id_key,
	drop constraint messages_type_check,
	alter seq drop not null,
	alter created_at set default now();

create function platform.naive_notify() returns trigger
language plpgsql
as $$
begin
	perform pg_notify('deliveries', json_build_object('room', 'participants:' || new.chat_id,
		'event', 'chat:message:new', 'data', new)::text);
	return null;
end
$$;

create trigger naive_notify after insert on platform.messages for each row execute function platform.naive_notify();
