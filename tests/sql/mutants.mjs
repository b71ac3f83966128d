// Does a test fail without the rule? Each row breaks one function (text that it has, text instead), or runs a statement, and names the
// files of which one must fail. That takes an hour, so the suite does not run it: tests/sql/run --mutants [TEXT]. tests/checks/mutants tries
// whether each row still finds its text.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const locks = 'concurrent/locks.mjs';
const rotation = 'concurrent/rotation.mjs';
const crash = 'concurrent/crash.mjs';
const bell = 'concurrent/bell.mjs';
const watch = 'concurrent/watch.mjs';
const unread = 'concurrent/unread.mjs';
// rt_private.route_run and rt.dispatch_lone are written by what is broken here.
const compile = 'select rt_private.routes_compile(true)';
export const mutants = [
  // rule, function, text, instead, files, and a statement that is run then
  ['locks: a busy key is skipped', 'rt_private.items_lock', 'skip locked', '', locks],
  ['locks: the chat is locked first', 'rt.dispatch', 'v_busy := rt_private.items_lock(v_relations, v_columns, v_keys)', "v_busy := '{}'", locks],
  ['locks: what the socket sent later is deferred', 'rt.dispatch', "v_items[i] ->> 'socket_id' = any(v_deferred) or v_keys", 'v_keys', locks],
  ['locks: alone, the chat is locked too', 'rt_private.dispatch_lone_compile', "rt_private.route_branches('',", "rt_private.route_branches('false and ',", locks, compile],
  ['locks: deferred, the chat is locked too', 'rt_private.routes_compile', "p_lock = ''wait''", 'false', 'edge/dispatch_one.sql', compile],
  ['locks: alone, it does not wait', 'rt_private.dispatch_lone_compile', "' nowait', 'v_sync", "'', 'v_sync", locks, compile],
  ['order: an old snapshot gives no place twice', 'rt_private.messages_insert', "current_setting('transaction_isolation') <> 'read committed'", 'false', 'concurrent/order.mjs'],
  ['locks: alone, what met a locked row is tried again', 'rt.dispatch_one', "v_run.state is distinct from '55P03' or v_left < 5", 'true', locks],
  ['locks: 250 ms', "alter function rt.dispatch_one(text) set lock_timeout = '20ms'", locks],
  ['rt_test: a room that came was not there before', 'rt_test.rooms_then', 'where not exists (select from first f where f.room = g.room)', '', 'testing/heard.sql'],
  ['rt_test: a room that went was', 'rt_test.rooms_then', "where f.control = 'user_leave'", 'where false', 'testing/heard.sql'],
  ['rt_test: excepted rooms', 'rt_test.walk', ' and not w.except_rooms && inside', '', 'testing/heard.sql'],
  ['rt_test: rooms that are stale are read again', 'rt_test.rooms_after', "p_control = 'rooms_stale'", 'false', 'testing/heard.sql'],
  ['rt_test: a user who is disabled hears no more', 'rt_test.walk', 'is_open := false;', '', 'testing/heard.sql'],
  ['rt_test: joined rooms go with the socket', 'rt_test.walk', "where r.room not like 'chat:%'", '', 'testing/connects.sql'],
  ['rt_test: a socket that comes was not there', 'rt_test.open_before', "w.event <> 'connected'", 'true', 'testing/connects.sql'],
  ['rt_test: what was taken is not taken again', 'rt_test.takes', 'coalesce((v_taken ->> c_id)::bigint, 0)', '0', 'testing/connects.sql'],
  ['rt_test: bytes as a client sends them', 'rt_test.payload_bytes', '2 * k.keys', 'k.keys', 'testing/ack.sql'],
  ['rt_test: a false assertion fails', 'rt_test.hears', 'h.data @> p_payload', 'true', 'testing/hears.sql'],
  ['items: an item that jsonb cannot hold', 'rt_private.item_parse', 'data_exception or program_limit_exceeded', 'division_by_zero', 'edge/dispatch.sql'],
  ['items: constraints that fail late', 'rt_private.item_run', 'set constraints all immediate;', '', 'edge/dispatch.sql'],
  ['items: constraints that fail late, alone', 'rt_private.dispatch_lone_compile', 'set constraints all immediate;', '', 'edge/dispatch_lone.sql', compile],
  ['items: a text is one answer', 'rt_private.dispatch_lone_compile', "translate(f.message, e'\\x1f', ' ')", 'f.message', 'edge/dispatch_lone.sql', compile],
  ['items: one by one after a failure', 'rt_private.items_run', 'return null;', 'raise;', 'edge/dispatch.sql'],
  ['items: a deadlock is tried again', 'rt_private.item_failed', "'40P01', ", '', locks],
  ['epochs: across epochs', 'rt.fetch', 'if p_epoch <> v_epoch then', 'if false then', crash],
  ['epochs: by the old epoch\'s cursor', 'rt_private.fetch_rows_across', '(o.epoch = p_epoch and not pg_visible_in_snapshot(o.xid, p_from))', 'false', crash],
  ['epochs: a row knows its epoch', 'rt_private.fetch_rows_across', 'o.epoch > p_epoch or', '', crash],
  ['epochs: failover is a gap', 'rt_private.gap', "split_part(p_epoch, '/', 1) is distinct from split_part(p_epoch_now, '/', 1)", 'false', crash],
  ['rotation: rows younger than the tick', 'rt_private.rotate', 'where not pg_visible_in_snapshot(xid, $1)', 'where false and not pg_visible_in_snapshot(xid, $1)', rotation],
  ['rotation: ticks older than the retention', 'rt_private.rotate', 't.at < clock_timestamp() - make_interval', 't.at < clock_timestamp() - 0 * make_interval', rotation],
  ['rotation: dropped is told', 'rt_private.rotate', 'set dropped = v_tick', 'set dropped = dropped', rotation],
  ['rotation: once in ten seconds', 'rt_private.rotate', "interval '10 seconds'", "interval '0 seconds'", rotation],
  ['rotation: a short wait', "alter function rt_private.rotate() set lock_timeout = '0'", rotation],
  ['rotation: the last slot', 'rt_private.rotate', '+ 2) % 3', '+ 1) % 3', rotation],
  ['rotation: the second look of a fetch', 'rt.fetch', 'and rt_private.gap(v_from, p_epoch, v_epoch) is not null then', 'and false then', rotation],
  ['rotation: the look of a page', 'rt.fetch_page', 'v_epoch) is not null then', 'v_epoch) is not null and false then', rotation],
  ['rotation: what is gone stays gone', 'rt_private.rotate', 'where rt_private.snapshot_covers(v_tick, s.dropped)', '', watch],
  ['no edge: somebody looks', 'rt_private.outbox_unwatched', 'insert into bellwire.looks default values on conflict do nothing', 'null', watch],
  ['no edge: seldom', 'rt_private.outbox_watch', 'where not rt_private.watch_range', 'where true or not rt_private.watch_range', watch],
  ['no edge: an edge puts it off', 'rt.maintain', "perform rt_private.outbox_watch(interval '15 minutes')", 'null', watch],
  ['no edge: the clock was set back', 'rt_private.epoch_holds', '(p_at <@ p_watched)', '(p_at < upper(p_watched))', watch],
  ['no edge: at the commit', "select bellwire.ensure_trigger('bellwire.looks', 'looks_due', $$after insert on bellwire.looks for each row execute function rt_private.looks_due()$$, 'constraint')", watch],
  ['no edge: or at once where that cannot be', 'rt_private.outbox_unwatched', 'perform rt_private.outbox_look()', 'null', watch],
  ['no edge: not under an old snapshot', 'rt_private.outbox_unwatched', "or current_setting('transaction_isolation') <> 'read committed'", '', watch],
  ['no edge: a pump that lives', 'rt_private.outbox_look', 'where rt_private.edge_alive(e.edge_id)', 'where false', watch],
  ['no edge: and whose maintenance fails', 'rt_private.outbox_look', 'perform rt_private.rotate()', 'null', watch],
  ['no edge: the present slot stays', 'rt_private.outbox_look', 'generate_series(1, 2)', 'generate_series(0, 2)', watch],
  ['no edge: not one\'s own rows', 'rt_private.slot_forget', 'where xid = $1', 'where false and xid = $1', watch],
  ['no edge: dropped is told', 'rt_private.slot_forget', 'set dropped = v_now', 'set dropped = dropped', watch],
  ['no edge: pushes are filled', 'rt_private.slot_forget', 'perform rt_private.push_fill()', 'null', watch],
  ['no edge: by whoever', 'rt_private.slot_forget', 'or not rt_private.snapshot_covers(c.snapshot::pg_snapshot, v_now)', '', watch],
  ['no edge: many rows in one statement', 'rt_private.outbox_ready', 'perform rt_private.outbox_unwatched()', 'null', watch],
  ['replicated: a restore is none', 'rt_private.is_subscription', 'select exists (select from pg_stat_get_subscription(null) s where s.pid = pg_backend_pid())', 'select true', 'edge/replicated.sql'],
  ['replicated: as every writer\'s', 'rt_private.replicated', "perform set_config('session_replication_role', 'origin', true)", 'null', 'edge/replicated.sql'],
  ['replicated: and the next one too', 'rt_private.replicated', "perform set_config('session_replication_role', 'replica', true)", 'null', 'edge/replicated.sql'],
  ['replicated: what is there gets what is new', 'rt_private.replicated', 'if v_there is null then', 'if false then', 'edge/replicated.sql'],
  ['replicated: written once', 'rt_private.replicated', 'return null;', 'return new;', 'edge/replicated.sql'],
  ['acks: durability is the batch\'s', 'rt_private.dispatch_lasts', "(current_setting('synchronous_commit'::text) <> p_sync)", 'false', 'concurrent/session.mjs'],
  ['acks: durability is the lone call\'s', 'rt_private.dispatch_lone_compile', "current_setting('synchronous_commit') <> v_sync", 'false', 'concurrent/session.mjs edge/dispatch_lone.sql', compile],
  ['acks: typing does not wait, alone', 'rt_private.dispatch_lone_compile', "'v_sync := ''off'''", "'null'", 'concurrent/session.mjs edge/dispatch_lone.sql', compile],
  ['acks: typing does not wait', 'rt_private.dispatch_lasts', "(p_lasting OR (p_sync = 'off'::text))", 'true', 'concurrent/session.mjs'],
  ['rooms: membership takes the chat\'s lock', 'rt_private.participants_lock', 'order by c.id for no key update', '', locks],
  ['rooms: a join holds the participant', 'rt.chat_join', 'for key share nowait', '', locks],
  ['rooms: TRUNCATE', 'rt_private.rooms_truncated', 'perform rt_private.rooms_stale(null);', '', 'user/follows.sql'],
  ['large fetches: up to the second snapshot', 'rt_private.fetch_rows', 'and pg_visible_in_snapshot(o.xid, p_upto)', '', 'concurrent/cursor.mjs'],
  ['large fetches: up to the second snapshot, one probe', 'rt.fetch', 'and pg_visible_in_snapshot(o.xid, v_now)', '', 'concurrent/cursor.mjs'],
  ['large fetches: not before the first, one probe', 'rt.fetch', 'not pg_visible_in_snapshot(o.xid, v_from) and', '', 'concurrent/cursor.mjs'],
  ['cursor: what was in flight', 'rt.fetch', 'v_low := pg_snapshot_xmin(v_from)', 'v_low := pg_snapshot_xmax(v_from)', 'concurrent/cursor.mjs'],
  ['cursor: an old transaction costs nothing', 'rt.fetch', '(pg_snapshot_xmin(v_from) = pg_snapshot_xmin(v_now)', '(false', 'concurrent/cursor.mjs'],
  ['cursor: the twin, while it was written by one who is not over', 'rt_private.ephemeral_idle', "p_low >= nullif(current_setting('bellwire.ephemeral_since', true), '')::xid8", 'true', 'concurrent/cursor.mjs'],
  ['cursor: the twin, whoever wrote it is counted', 'rt_private.outbox_written', 'tg_argv[0] is not null', 'false', 'concurrent/cursor.mjs'],
  ['cursor: the twin, what is counted is compared', 'rt_private.ephemeral_idle', "= pg_sequence_last_value('bellwire.outbox_ephemeral_written')::text", 'is not null', 'concurrent/cursor.mjs'],
  ['many at once: the ack is the event\'s', 'rt_private.items_call', '<> (1, 1, cardinality(p_items))', '<> (array_ndims(v_acks), array_lower(v_acks, 1), cardinality(p_items))', 'edge/dispatch.sql'],
  ['many at once: numbered by chat', 'rt_private.chat_message_send_many', 'partition by e.chat_id ', '', 'chat/message_send_many.sql'],
  ['many at once: of those who take part', 'rt_private.chat_last(uuid, uuid)', 'and p.user_id = p_user_id', '', 'chat/message_send_many.sql'],
  ['many at once: checked', 'rt_private.chat_message_send_many', 'rt_private.message_check(e.type, e.content, e.metadata, e.client_id)', 'true', 'chat/message_send_many.sql'],
  ['many at once: what a trigger changed is checked', 'rt_private.chat_message_send_many', 't.tgtype & 6 = 6', 'false', 'chat/message_send_many.sql'],
  ['many at once: our own triggers change nothing', 'rt_private.chat_message_send_many', "not in ('messages_insert', 'replicated')", "<> 'messages_insert'", 'chat/message_send_many.sql'],
  ['many at once: in their order', 'rt_private.chat_message_send_many', 'order by e.n\n\t\ton conflict', 'order by e.n desc\n\t\ton conflict', 'chat/message_send_many.sql'],
  ['a plain message: what is blank', 'rt_private.message_is_plain', 'NOT rt_private.is_blank(p_content)', 'true', 'chat/messages.sql'],
  ['receipts: a maximum of 1 makes every chat large', 'rt_private.message_confirm', "((rt_private.setting('receipts_max_participants'::text) = '1'::text) OR p_large)", 'p_large', 'chat/messages.sql'],
  ['a plain message: what is large', 'rt_private.message_is_plain', "(octet_length(p_content) <= (rt_private.setting('content_max'::text))::integer)", 'true', 'chat/messages.sql'],
  ['many at once: announced once', 'rt_private.is_together', "(current_setting('bellwire.together'::text, true) = (pg_current_xact_id())::text)", 'false', 'chat/message_send_many.sql'],
  ['many at once: by an edge', 'rt_private.is_together', "pg_has_role(SESSION_USER, 'bellwire_edge'::name, 'member'::text)", 'true', 'chat/message_send_many.sql'],
  ['many at once: a trigger that answers is heard', 'rt_private.is_together', '(pg_trigger_depth() = 1)', 'true', 'chat/message_send_many.sql'],
  ['many at once: a trigger that answers keeps its place', 'rt_private.chat_message_send_many', "current_setting('bellwire.together') = ''", 'false', 'chat/message_send_many.sql'],
  ['large fetches: what was in flight', 'rt_private.fetch_rows', 'where a.xid = any(array(select pg_snapshot_xip(p_from)))', 'where false', 'concurrent/cursor.mjs'],
  ['cursor: a page goes on behind', 'rt_private.fetch_rows', 'v_after := v_last;', 'exit;', 'edge/fetch_page.sql'],
  ['cursor: a page: nothing twice', 'rt_private.fetch_rows', 'v_after := v_last;', '', 'edge/fetch_page.sql'],
  ['poll: what it has is left out', 'rt.poll', ' AND (NOT pg_visible_in_snapshot(k.xid, poll.p_from))', '', 'edge/poll.sql'],
  ['poll: what was in flight', 'rt.poll', 'k.xid >= poll.p_low', 'k.xid >= pg_snapshot_xmax(poll.p_from)', 'edge/poll.sql'],
  ['poll: in order', 'rt.poll', 'ORDER BY k.id', '', 'concurrent/cursor.mjs edge/poll.sql'],
  ['poll: 64 rows', 'rt.poll', 'LIMIT 64', 'LIMIT 65', 'edge/poll.sql'],
  ['poll: a bound for each', 'rt.poll', '32768', '65536', 'edge/poll.sql'],
  ['poll: what was dropped', 'rt.poll', 'h.dropped', 'null::pg_snapshot', rotation],
  ['poll: the twin is left out', 'rt.poll', 'h.written', '1::bigint', 'concurrent/cursor.mjs'],
  ['cursor: the twin, since the next id and not since the xmax', 'rt_private.ephemeral_note', '+ age(p_high::xid)', '+ 0', 'concurrent/cursor.mjs'],
  ['poll: the twin, since the next id and not since the xmax', 'rt.poll_both', 'age((pg_snapshot_xmax(pg_current_snapshot()))::xid)', '0', 'concurrent/cursor.mjs'],
  ['poll: the twin', 'rt.poll_both', 'rt.outbox_both', 'rt.outbox_kept', 'concurrent/cursor.mjs'],
  ['few: what it has is left out', 'rt.poll_few', ' AND (NOT pg_visible_in_snapshot(k.xid, poll_few.p_from))', '', 'edge/poll_few.sql'],
  ['few: what was in flight', 'rt.poll_few', 'k.xid >= poll_few.p_low', 'k.xid >= pg_snapshot_xmax(poll_few.p_from)', 'edge/poll_few.sql'],
  ['few: one more than 32', 'rt.poll_few', 'LIMIT 33', 'LIMIT 32', 'edge/poll_few.sql'],
  ['few: the count', 'rt.poll_few', 'h.written', '1::bigint', 'edge/poll_few.sql'],
  ['ids: what it has is left out', 'rt.poll_ids', ' AND (NOT pg_visible_in_snapshot(k.xid, poll_ids.p_from))', '', 'edge/poll_ids.sql'],
  ['ids: what was in flight', 'rt.poll_ids', 'k.xid >= poll_ids.p_low', 'k.xid >= pg_snapshot_xmax(poll_ids.p_from)', 'concurrent/cursor.mjs edge/poll_ids.sql'],
  ['ids: one more than 2000', 'rt.poll_ids', 'LIMIT 2002', 'LIMIT 2001', 'edge/poll_ids.sql'],
  ['ids: a bound for each', 'rt.poll_ids', '1024', '4096', 'edge/poll_ids.sql'],
  ['ids: control rows have data', 'rt.poll_ids', 'k.control IS NOT NULL', 'k.control IS NULL', 'edge/poll_ids.sql'],
  ['ids: what was dropped', 'rt.poll_ids', '(h.dropped)::text', 'null::text', rotation],
  ['ids: the twin is written', 'rt.poll_ids', 'h.written', '0::bigint', 'edge/poll_ids.sql'],
  ['few: what is dropped is counted', 'rt_private.outbox_dropped', "perform nextval('bellwire.outbox_ephemeral_written');", '', rotation],
  ['fetch: no standby', 'rt.fetch', 'pg_is_in_recovery()', 'false', crash],
  ['fetch: index probes', 'rt_private.fetch_rows', 'where a.xid >= pg_snapshot_xmax(p_from) and a.xid <', 'where a.xid::text::numeric >= pg_snapshot_xmax(p_from)::text::numeric and a.xid <', 'concurrent/cursor.mjs'],
  ['sleeper: a stuck sleeper is ended', 'rt_private.pump_end', 'pg_terminate_backend(a.pid)', 'null::boolean', 'concurrent/edges.mjs'],
  ['sleeper: nobody else\'s session is', 'rt_private.pump_end', 'and a.backend_start = e.backend_start', '', 'concurrent/edges.mjs'],
  ['poolers: no session state', 'rt_private.dispatch_end', "set_config('bellwire.socket_id', '', true)", "set_config('work_mem', '5MB', false)", 'concurrent/session.mjs'],
  ['poolers: the socket is the item\'s', 'rt_private.item_run', "->> 'socket_id', true)", "->> 'socket_id', false)", 'concurrent/session.mjs'],
  ['poolers: the socket is the item\'s, alone', 'rt_private.lone_begin', "p_socket_id, true)", "p_socket_id, false)", 'concurrent/session.mjs'],
  ['poolers: the socket is the item\'s, in a batch', 'rt_private.item_call', "->> 'socket_id', true)", "->> 'socket_id', false)", 'concurrent/session.mjs'],
  ['receipts: large chats', 'rt_private.deliver', 'limit 1 offset v_max', 'limit 1 offset 1000000', 'edge/confirm.sql'],
  ['receipts: in a large chat once', 'rt_private.deliver_first', 'd.delivered_at is not null limit 1) is null;\n\tif', 'd.delivered_at is not null limit 1) is not true or true;\n\tif', 'edge/confirm.sql'],
  ['receipts: the first one', 'rt_private.deliver_first', 'v_count < cardinality(v_messages)', 'false', 'edge/confirm.sql'],
  ['receipts: what counts for nothing is told', 'rt_private.deliver_first', '= cardinality(p_message_ids)', 'is not null', 'edge/confirm.sql'],
  ['receipts: of what is gone nothing is wanted', 'rt_private.deliver_first', '(select true from platform.messages m where m.id = q.message_id)', 'true', 'edge/confirm.sql'],
  ['receipts: the numbers of keys', 'rt.confirm', 'cardinality(p_confirms) + f.n', 'f.n', 'edge/confirm.sql'],
  ['receipts: not of strangers', 'rt_private.deliveries', 'p.chat_id = m.chat_id and p.user_id = q.user_id', 'p.chat_id = m.chat_id limit 1', 'edge/confirm.sql'],
  ['receipts: not the sender\'s', 'rt_private.deliveries', 'and a.sender_id <> q.user_id', '', 'edge/confirm.sql'],
  ['receipts: in the order of the messages', 'rt_private.deliveries', 'order by m.created_at, m.chat_id, m.seq, q.user_id', '', 'edge/confirm.sql'],
  ['receipts: where the outbox is not ready', 'rt_private.receipts_publish', 'if not found then', 'if false then', 'edge/confirm.sql'],
  ['receipts: no writer\'s own, and no stranger\'s', 'rt_private.receipt_told', 'or rt_private.receipt_refuse(a.sender_id = p_user_id)', '', 'chat/message_receipts.sql'],
  ['receipts: no writer\'s own', 'rt_private.receipt_told', 'a.sender_id <> p_user_id', 'true', 'chat/message_receipts.sql'],
  ['receipts: a delivery that nobody has set', 'rt_private.receipt_told', "p_read_at - interval '1 microsecond'", 'p_read_at', 'chat/message_receipts.sql'],
  ['receipts: a read', 'rt_private.receipt_told', 'where p_read_at is not null', 'where false', 'chat/message_receipts.sql'],
  ['receipts: what a read is, alone', 'create or replace trigger receipts_first before insert on platform.message_receipts for each row when (new.read_at is null) execute function rt_private.receipts_first()', 'chat/message_receipts.sql'],
  ['receipts: as keys', 'rt.confirm', 'if cardinality(p_messages) > 0 then', 'if false then', 'edge/confirm.sql'],
  ['receipts: alone, the first one', 'rt.confirm_lone', 'not p_first or', 'true or', 'edge/confirm_lone.sql'],
  ['receipts: alone, not one\'s own', 'rt.confirm_lone', 'and m.sender_id <> p_user_id', '', 'edge/confirm_lone.sql'],
  ['receipts: alone, no stranger\'s', 'rt.confirm_lone', "or sqlstate 'RT403'", '', 'edge/confirm_lone.sql'],
  ['receipts: alone, nor nobody\'s', 'rt.confirm_lone', 'foreign_key_violation or', '', 'edge/confirm_lone.sql'],
  ['receipts: alone, unrung', 'rt.confirm_lone', 'if p_unrung then', 'if false then', 'edge/confirm_lone.sql'],
  ['receipts: alone, one without a delivery', 'rt.confirm_lone', 'r.delivered_at is not null', 'true', 'edge/confirm_lone.sql'],
  ['receipts: one without a delivery', 'rt_private.deliver_each', 'if v_count < cardinality(p_message_ids) then', 'if false then', 'edge/confirm.sql'],
  ['imports: silence is for services', "create or replace function rt_private.silent() returns boolean language sql stable return current_setting('bellwire.silent', true) is not distinct from 'on'", 'concurrent/silent.mjs'],
  ['imports: others are told', 'rt_private.silent', 'raise warning', 'raise debug', 'concurrent/silent.mjs'],
  ['imports: once', 'rt_private.silent', "current_setting('bellwire.silent_refused', true) is distinct from pg_current_xact_id()::text", 'true', 'concurrent/silent.mjs'],
  ['imports: one row a transaction', 'rt_private.silent_note', 'is distinct from pg_current_xact_id()::text', "is distinct from 'x'", 'concurrent/silent.mjs'],
  ['imports: no chat lock in an import', 'rt_private.messages_insert', 'else\n\t\tperform from platform.chats', 'end if;\n\tif true then\n\t\tperform from platform.chats', 'concurrent/silent.mjs'],
  ['restore: another cluster\'s rows go', 'rt_private.restored', 'if v.system_identifier <> v_system or v.database_oid <> v_oid then', 'if false then', crash],
  ['bell: the bell rings for sleepers', 'rt_private.edge_sleeps', 'IS NOT TRUE', 'IS NULL', bell],
  ['bell: and for them alone', 'rt_private.edge_sleeps', 'IS NOT TRUE', 'IS NOT NULL', bell],
  ['bell: never inside a batch', 'rt_private.must_ring', "(current_setting('bellwire.dispatch'::text, true) = (pg_current_xact_id())::text)", 'false', bell],
  ['bell: never inside a batch, of messages', 'rt_private.must_ring_row', "(current_setting('bellwire.dispatch'::text, true) = (pg_current_xact_id())::text)", 'false', bell + ' edge/dispatch_lone.sql'],
  ['bell: only of that batch, of messages', 'rt_private.must_ring_row', '= (pg_current_xact_id())::text)', "<> '')", bell],
  ['lone row: alone', 'rt_private.must_ring_row', "(current_setting('bellwire.published'::text, true) <> ''::text)", 'false', 'edge/dispatch_lone.sql'],
  ['lone row: the last snapshot', 'rt_private.lone_end', 'pg_current_snapshot()', 'null', 'edge/dispatch_lone.sql'],
  ['lone row: of a session that is no dispatch', 'rt_private.messages_publish', "current_setting('bellwire.dispatch', true) is null", 'true', 'edge/dispatch_lone.sql ' + bell],
  ['bell: only of that batch', 'rt_private.must_ring', '= (pg_current_xact_id())::text)', "<> '')", bell],
  ['bell: a batch notes that it wrote', 'rt_private.may_ring', "(current_setting('bellwire.dispatch'::text, true) IS NOT NULL)", 'false', 'edge/dispatch.sql'],
  ['publish: what is silent, or goes to nobody, is not written', 'rt_private.outbox_write', 'is not true then', 'is null then', 'edge/publish.sql'],
  ['publish: a session that was silent once is asked', 'rt_private.session_is_plain', "(current_setting('bellwire.silent'::text, true) IS NULL)", 'true', 'edge/publish.sql'],
  ['publish: the short way, no room', 'rt_private.event_is_plain', '((p_rooms)[1] IS NOT NULL)', 'true', 'edge/emit.sql'],
  ['publish: the short way, what is compressed', 'rt_private.data_is_small', '(pg_column_compression(p_data) IS NULL)', 'true', 'edge/publish.sql'],
  ['emit: the short way, a room without a name', 'rt_private.emit_is_plain', "(''::text <> ALL (p_rooms))", 'true', 'edge/emit.sql'],
  ['emit: the short way, a reserved name', 'rt_private.emit_is_plain', 'NOT rt_private.event_is_reserved(p_event)', 'true', 'edge/emit.sql'],
  ['emit: the short way, a key that breaks clients', 'rt_private.data_is_plain', "(p_text !~~ '%\"\\_placeholder\"%'::text)", 'true', 'edge/emit.sql'],
  ['emit: the short way, nesting', 'rt_private.data_is_plain', 'rt_private.data_is_deep(p_data)', 'false', 'edge/emit.sql'],
  ['emit: the short way, numbers', 'rt_private.data_is_plain', 'rt_private.data_is_huge(p_data)', 'false', 'edge/emit.sql'],
  ['bell: DRAIN', 'rt.bell_arm', 'xid := pg_current_xact_id()::text', "xid := '3'", bell],
  ['order: the chat\'s lock before seq', 'rt_private.messages_insert', 'for no key update', '', 'concurrent/order.mjs'],
  ['order: time under the lock', 'rt_private.messages_insert', 'greatest(clock_timestamp(), l.created_at)', 'now()', 'concurrent/order.mjs'],
  ['presence: transitions are serialised', 'rt_private.presence_free', 'for no key update skip locked', '', 'concurrent/presence.mjs'],
  ['presence: a row that is held keeps nobody else', 'rt_private.presence_free', 'skip locked', '', 'concurrent/waits.mjs'],
  ['presence: a row that is being made, neither', 'rt_private.presence_make', 'exception when lock_not_available then', 'exception when division_by_zero then', 'concurrent/waits.mjs'],
  ['presence: what a drain ends has the grace of a restart', 'rt.socket_close', "s.why = 'shutdown'", 'false', 'edge/socket_close.sql edge/sockets.sql'],
  ['presence: a lost connection has its grace', 'rt.socket_close', 'when p.user_id = any(v_unclean) then v_now + rt_private.presence_grace(null)', '', 'edge/socket_close.sql edge/sockets.sql'],
  ['presence: a clean end leaves the grace of others', 'rt.socket_close', 'case when p.offline_due is null then p.user_id <> all(v_unclean) end', 'true', 'edge/socket_close.sql edge/sockets.sql'],
  ['presence: who has another socket stays', 'rt.socket_close', 'where (select true from bellwire.sockets s where s.user_id = q.id limit 1) is null', '', 'edge/socket_close.sql edge/sockets.sql'],
  ['presence: announced once', 'rt_private.presence_online', 'filter (where not p.online)', '', 'edge/socket_open.sql edge/sockets.sql'],
  ['presence: a reason is used up', 'rt_private.presence_online', 'then p_told and', 'then false and', 'edge/socket_open.sql edge/sockets.sql'],
  ['presence: another socket ends the grace', 'rt_private.presence_online', 'and p.offline_due is null', '', 'edge/socket_open.sql edge/sockets.sql'],
  ['edges: who was swept opens nothing', 'rt_private.edge_check', "and e.seen_at <> '-infinity'", '', 'edge/socket_open.sql edge/sockets.sql'],
  ['edges: who is not registered has no lease', 'rt.maintain', 'perform rt_private.edge_check(p_edge)', 'null', 'edge/maintain.sql'],
  ['edges: sockets without an edge are swept', 'rt.sweep', '|| rt_private.edges_unknown()', '', 'edge/sweep.sql'],
  ['edges: a lease that is swept has ended', 'rt.sweep', "update bellwire.edges e set seen_at = '-infinity'", 'update bellwire.edges e set seen_at = seen_at', 'concurrent/edges.mjs'],
  ['presence: sweeping waits for nobody', 'rt_private.presence_free', 'for no key update skip locked', 'for no key update', 'concurrent/waits.mjs'],
  ['presence: sweeping is bounded', 'rt_private.edges_sweep', 'limit c_users', '', 'edge/sweep.sql'],
  ['presence: presence waits for no user', 'rt_private.presence_publish', 'for no key update skip locked', 'for no key update', 'concurrent/waits.mjs'],
  ['presence: what could not be written is written later', 'rt.sweep', '(select p.last_seen_owed from bellwire.presence p where p.user_id = u.id)', 'null', 'concurrent/waits.mjs'],
  ['presence: a deleted user leaves nothing', 'rt_private.presence_forget', 'where p.user_id = any(p_users) and', 'where false and', 'user/users.sql'],
  ['presence: alone, a row that is held is not passed by', 'rt.socket_open_one', 'ok := rooms is not null and (v_place is not null or rt_private.presence_begin(p_user));', 'ok := rooms is not null;', 'concurrent/waits.mjs edge/sockets.sql'],
  ['presence: alone, a row that is held is waited for', 'rt.socket_open_one', 'v_place is not null or rt_private.presence_begin(p_user)', '(v_place is not null or rt_private.presence_begin(p_user)) or null', 'concurrent/waits.mjs'],
  ['presence: alone, a row that is being made keeps nobody', 'rt_private.presence_begin', 'exception when lock_not_available then', 'exception when division_by_zero then', 'concurrent/waits.mjs'],
  ['presence: alone, transitions are serialised', 'rt.socket_open_one', 'for no key update skip locked', '', 'concurrent/presence.mjs concurrent/waits.mjs'],
  ['presence: alone, ends are serialised', 'rt.socket_close_one', 'for no key update skip locked', '', 'concurrent/presence.mjs concurrent/waits.mjs'],
  ['presence: alone, who was swept opens nothing', 'rt.socket_open_one', "and e.seen_at <> '-infinity'", '', 'edge/socket_open_one.sql'],
  ['presence: alone, a reason is used up', 'rt.socket_open_one', 'or v_expired is not null or v_expiry', '', 'edge/sockets.sql'],
  ['presence: alone, another socket ends the grace', 'rt.socket_open_one', 'or v_due is not null', '', 'edge/sockets.sql'],
  ['presence: alone, announced once', 'rt.socket_open_one', 'if v_online is not true then', 'if true then', 'edge/sockets.sql'],
  ['presence: alone, an edge that is dead', 'rt.socket_open_one', 'if p_again or v_online or', 'if p_again or', 'edge/sockets.sql'],
  ['presence: alone, who has another socket stays', 'rt.socket_close_one', 'v_gone and p_clean and v_due is null', 'p_clean and v_due is null', 'edge/sockets.sql'],
  ['presence: alone, a clean end leaves the grace of others', 'rt.socket_close_one', 'v_gone and p_clean and v_due is null', 'v_gone and p_clean', 'edge/socket_close.sql'],
  ['presence: alone, a deleted user leaves nothing', 'rt.socket_close_one', 'perform rt_private.presence_forget(array[p_user]);', 'null;', 'concurrent/waits.mjs edge/sockets.sql'],
  ['presence: sockets that vanished', 'rt.maintain', 'perform rt_private.presence_vanished();', '', 'edge/maintain.sql'],
  ['presence: until nobody is found', 'rt_private.presence_vanished', "if v_users = '{}' then", 'if true then', 'edge/maintain.sql'],
  ['presence: once in an epoch', 'rt_private.presence_vanished', 'is not false then', 'is null then', 'edge/maintain.sql'],
  ['presence: in each epoch', 'rt_private.epoch_n', ', sockets_seen = false', '', 'edge/epoch.sql'],
  ['bell: an edge that is alone', 'rt.socket_open_one', 'case when p_unrung then rt_private.unrung() end', 'case when p_unrung then pg_current_xact_id()::text end', bell],
  ['bell: an edge that is alone, ends', 'rt.socket_close_one', 'case when p_unrung then rt_private.unrung() end', 'case when p_unrung then pg_current_xact_id()::text end', bell],
  ['presence: alone, presence waits for no user', 'rt_private.presence_tell', 'for no key update skip locked', 'for no key update', 'concurrent/waits.mjs'],
  ['presence: alone, who hears', 'rt_private.rooms_turned', "'user:'::text, '|'::text", "'user:'::text, 'user:'::text", 'edge/sockets.sql'],
  ['verify: alone, its people are shown to nobody', 'rt_private.presence_tell', 'v_everyone := not exists', 'v_everyone := true or not exists', 'verify/runs.sql'],
  ['posts: likes are counted under a lock', 'rt_private.likes_insert', 'set likes_count = c.likes_count + excluded.likes_count', 'set likes_count = (select count(*) from platform.post_likes l where l.post_id = c.post_id)', 'concurrent/likes.mjs'],
  ['posts: likes before the counter', 'rt_private.posts_lock', 'perform from platform.post_likes l where l.post_id = old.id for update;', '', 'concurrent/likes.mjs'],
  ['posts: comments before the counter', 'rt_private.posts_lock', 'perform from platform.post_comments c where c.post_id = old.id for update;', '', 'concurrent/likes.mjs'],
  ['posts: the author before the post', 'rt_private.post_author_lock', 'for key share of u', '', 'concurrent/likes.mjs'],
  ['routes: a route\'s function is looked at', 'rt_private.function_find', 'if id is null then', 'if false then', 'bellwire/routes.sql'],
  ['grants: the edge', 'grant select on bellwire.routes to bellwire_edge', 'grants.sql'],
  ['grants: the edge, a function', 'grant execute on function rt.emit(text[], text, jsonb, text[], boolean) to bellwire_edge', 'grants.sql'],
  ['grants: PUBLIC', 'grant execute on function rt.socket_id() to public', 'grants.sql'],
  ['grants: the service', 'grant truncate on platform.messages to bellwire_service', 'grants.sql'],
  ['grants: search_path', 'alter function rt.rooms(uuid[]) reset search_path', 'grants.sql'],
  ['unread: runs end where something is unread', 'rt_private.read_marks_write', 'count(*) filter (where m.unread) over (order by m.seq)', '0', unread],
  ['unread: what is unread again', 'rt_private.receipts_unread', 'k.runs @> m.seq', 'false', unread],
  ['unread: under an old snapshot', 'rt_private.receipts_unread', "current_setting('transaction_isolation') <> 'read committed'", 'false', unread],
  ['unread: counted under an old snapshot', 'rt_private.read_marks_write', "current_setting('transaction_isolation') <> 'read committed'", 'false', unread],
  ['unread: where nothing may be written', 'rt_private.read_marks_write', "current_setting('transaction_read_only') = 'on'", 'false', unread],
  ['unread: who writes is alone', 'rt_private.read_marks_write', 'lock table bellwire.read_marks in share row exclusive mode nowait', 'null', unread],
  ['unread: and waits for nobody', 'rt_private.read_marks_write', 'mode nowait', 'mode', unread],
  ['unread: not for who goes, either', 'rt_private.read_marks_write', 'for key share skip locked', '', unread],
  ['unread: an import makes all worthless', 'rt_private.read_marks_void', "perform nextval('bellwire.read_marks_n')", 'null', unread],
  ['unread: and keeps writers out', 'rt_private.read_marks_void', 'lock table bellwire.read_marks in row exclusive mode', 'null', unread],
  ['unread: an import of one\'s own', 'rt_private.read_marks_write', "current_setting('bellwire.read_marks_void', true) = pg_current_xact_id_if_assigned()::text", 'false', unread],
  ['unread: an import, messages that come', 'rt_private.messages_insert', 'perform rt_private.read_marks_void()', 'null', unread],
  ['unread: an import, messages that change', 'rt_private.messages_fixed', 'perform rt_private.read_marks_void()', 'null', unread],
  ['unread: worthless is worthless', 'rt.get_chats', 'and k.n = (select s.last_value from bellwire.read_marks_n s)', '', unread],
  ['unread: also where many are looked at', 'rt_private.unread_far', 'and k.n = (select s.last_value from bellwire.read_marks_n s)', '', unread],
  ['unread: and where it is written', 'rt_private.read_marks_write', 'and k.n = v_n', '', unread],
  ['unread: who joined earlier', 'rt.get_chats', 'and k.since <= p.joined_at', '', unread],
  ['unread: who joined earlier, many', 'rt_private.unread_far', 'and k.since <= $3', '', unread],
  ['unread: who joined earlier, written', 'rt_private.read_marks_write', 'and k.since <= p_joined_at', '', unread],
  ['unread: the last message stands for its place', 'alter table bellwire.read_marks drop constraint read_marks_upto_fkey', unread],
  ['unread: over the index alone', 'alter table platform.messages drop constraint messages_chat_id_seq_key; alter table platform.messages add constraint messages_chat_id_seq_key unique (chat_id, seq); alter table platform.messages alter id set not null', 'concurrent/plans.mjs'],
  ['push: who has taken it', 'rt_private.push_recipients', 'and r.delivered_at is not null', '', 'push/undelivered.mjs'],
  ['push: not to its sender', 'rt_private.push_recipients', 'and p.user_id <> m.sender_id', '', 'push/undelivered.mjs'],
  ['push: not too early', 'rt.undelivered', 'and p.written_at <= clock_timestamp() - p_older_than', '', 'push/undelivered.mjs'],
  ['push: what another worker holds is passed over', 'rt.undelivered', 'for update skip locked', '', 'push/undelivered.mjs'],
  ['push: a notification that is read', 'rt_private.push_items', 'and n.read_at is null', '', 'push/undelivered.mjs'],
  ['users_of: a failure is no refusal', 'rt.users_of', "problem := sqlstate || ' ' || sqlerrm", 'problem := null', 'edge/users_of.sql'],
  ['own rooms: names that are none', 'rt_private.rooms_sourced', 'where rt_private.own_room(a.room) is not null', 'where true', 'user/room_sources.sql'],
  ['own rooms: entered', 'rt_private.user_rooms', 'case when g.active and exists (select from bellwire.room_sources)', 'case when false', 'user/room_sources.sql'],
  ['own rooms: what is no source', 'rt_private.room_source_problem', 'select not p.proretset or', 'select false and', 'user/room_sources.sql'],
  ['kick: never the words of a bad token', 'rt.kick', "lower(p_reason) = 'invalid token'", 'false', 'operator/kick.sql'],
  ['questions: bounded', 'rt_private.ask', '>= c_most', '< 0', 'operator/ask_edges.sql operator/ask_rooms.sql operator/ask_sockets.sql operator/kick.sql'],
  ['answers: who is dead is not waited for', 'rt.answers', 'and rt_private.edge_alive(e.edge_id)', '', 'operator/answers.sql'],
  ['answers: not in the transaction that asks', 'rt.answers', 'v_asked.xid = pg_current_xact_id_if_assigned()', 'false', 'operator/answers.sql'],
  ['events: bodies only where they are asked for', 'rt.events', 'case when p_bodies then o.data end', 'o.data', 'operator/events.mjs'],
  ['events: what was committed late', 'rt.events', 'not pg_visible_in_snapshot(o.xid, v_from)', 'o.xid >= pg_snapshot_xmax(v_from)', 'operator/events.mjs'],
  ['page: questions that read', 'rt.page_ask', "when 'edges', 'history' then", "when 'edges', 'history', 'kick', 'sockets' then", 'operator/page_ask.sql'],
  ['page: half of the questions', 'rt.page_ask', '>= c_most', '< 0', 'operator/page_ask.sql'],
  ['page: rooms of the last minute', 'rt_private.page_busy', "o.at > clock_timestamp() - interval '1 minute'", 'true', 'operator/page_ask.sql'],
  ['page: answers to its own questions', 'rt.page_answer', "and a.about ? 'page'", '', 'operator/page_answer.sql'],
  ['page: whoever lives is waited for', 'rt.page_answer', 'v_waits and not p_last', 'false', 'operator/page_answer.sql'],
  ['page: who is dead is not', 'rt.page_answer', "and n.problem !~ 'its session is gone'", '', 'operator/page_answer.sql'],
  ['why: a disabled trigger', 'rt_private.explain_unannounced', "or v_state = 'D'", '', 'operator/explain.sql'],
  ['why: what edges remember goes before rows', 'rt.explain', "f.at) s where s.outcome is not null", "f.at) s where false", 'operator/explain.sql'],
  ['why: an edge that may have sent it', 'rt_private.explain_blind', "+ interval '5 seconds' then 'no'", "- interval '1 hour' then 'no'", 'operator/explain.sql'],
  ['why: an edge that is gone', 'rt_private.explain_blind', 'between g.opened_at and g.gone_at', 'between g.gone_at and g.opened_at', 'operator/explain.sql'],
  ['why: which bytes wait', 'rt_private.explain_written', "when p_behind > 0 and not p_confirms then 'unknown'", '', 'operator/explain.sql'],
  ['why: a row that was committed late', 'rt_private.explain_unmet', 'v.ended is not null and p_rows_say_in', 'false', 'operator/explain.sql'],
  ['recover: the ids of its rows', 'rt.recover', 'v_ids := v_ids || v_row.id', 'v_ids := v_ids', 'edge/recover.sql'],
  ['why: where the user was then', 'rt_private.explain_room', "coalesce(v_next.control = 'user_leave', v_now)", 'v_now', 'operator/explain.sql'],
  ['verify: its people are shown to nobody', 'rt_private.presence_events', "or rt_private.is_verifying(q.id)", '', 'verify/runs.sql'],
  ['verify: no push for its people', 'rt_private.push_recipients', 'and not rt_private.is_verifying(p.user_id)', '', 'verify/runs.sql'],
  ['verify: nor for their notifications', 'rt_private.push_items', 'and not rt_private.is_verifying(n.user_id)', '', 'verify/runs.sql'],
  ['verify: what lives is not removed', 'rt_private.verify_sweep', 'where r.alive_until < clock_timestamp() order by', 'order by', 'verify/verify_renew.sql'],
  ['verify: the mark stays for the end', 'rt_private.verify_sweep', 'and not exists (select from bellwire.presence p where p.user_id = v.user_id)', '', 'verify/verify_open.sql verify/verify_close.sql'],
  ['verify: what is over stays over', 'rt.verify_renew', 'and r.alive_until > clock_timestamp()', '', 'verify/verify_renew.sql'],
  ['relay: who may', 'rt_private.relay_allow', 'if not exists (select from platform.chat_participants p where p.chat_id = v_id and p.user_id = p_user_id) then', 'if false then', 'edge/relay.sql'],
  ['indexes: an index', 'drop index platform.notifications_user_id_idx', 'concurrent/plans.mjs'],
  ['indexes: the index of a foreign key', 'drop index platform.post_comments_author_id_idx', 'concurrent/plans.mjs'],
];

const quoted = (text) => `$mutant$${text}$mutant$`;

// A row's parts: the SQL that breaks the rule, and the files that must notice.
export function mutant(row) {
  const parts = [...row];
  const after = parts.length === 6 ? parts.pop() : 'select';
  const files = parts.at(-1).split(' ').map((f) => `tests/sql/${f}`);
  if (parts.length === 3) return { rule: parts[0], files, sql: `${parts[1]};\n` };
  const [rule, name, text, instead] = parts;
  return { rule, files, sql: `do $do$ declare v text := pg_get_functiondef('${name}'::${name.endsWith(')') ? 'regprocedure' : 'regproc'}); begin
      if position(${quoted(text)} in v) = 0 then raise exception 'no such text in ${name}'; end if;
      execute replace(v, ${quoted(text)}, ${quoted(instead)}); end $do$;\n${after};\n` };
}

// The file that tests a table.
const test = (schema, table) => (schema === 'bellwire' ? ['bellwire'] : readdirSync('tests/sql'))
  .map((dir) => `${dir}/${table}.sql`).find((path) => existsSync(`tests/sql/${path}`));

// A trigger fewer: the tests of its table say so.
function triggers() {
  const url = process.env.BELLWIRE_TEST_PG.replace(/[^/]*$/, 'bellwire_test_sql');
  const list = execFileSync('psql', ['-qAtX', '-F', ' ', url, '-c', "select tgname, tgrelid::regclass from pg_trigger where not tgisinternal and tgparentid = 0 and tgrelid::regclass::text ~ '^(platform|bellwire)' order by 2, 1"], { encoding: 'utf8' });
  return list.trim().split('\n').map((line) => {
    const [name, table] = line.split(' ');
    const [schema, plain] = table.split('.');
    return [`trigger ${name}`, `drop trigger ${name} on ${table}`, /^outbox/.test(plain) ? bell : plain === 'looks' ? watch : name === 'replicated' ? 'edge/replicated.sql' : /^(users|participants)_lock$/.test(name) ? locks : /^receipts_(unread_|truncated)/.test(name) ? unread : /^(likes_author|comments_author|posts_lock)$/.test(name) ? 'concurrent/likes.mjs' : `${test(schema, plain)}${/^(likes|comments)_truncated$/.test(name) ? ' post/post_counts.sql' : ''}`];
  });
}

function run(only) {
  const dir = mkdtempSync(join(tmpdir(), 'mutant-'));
  const path = join(dir, 'mutant.sql');
  let good = 0;
  const missed = [];
  for (const { rule, files, sql } of [...mutants, ...triggers()].map(mutant)) {
    if (only && !rule.includes(only)) continue;
    writeFileSync(path, sql);
    const { status, stdout, stderr } = spawnSync('tests/sql/run', files, { env: { ...process.env, MUTANT: path }, encoding: 'utf8' });
    const red = /^pgtap: \d+ passed, [1-9]\d* failed$/m.test(stdout) && /not ok|exit status|planned/.test(stdout + stderr);
    if (red) good++;
    else missed.push(`${rule}${status ? `: ${(stdout + stderr).trim().split('\n').at(-1)}` : ''}`);
    console.log(`${red ? 'noticed' : 'MISSED '}  ${rule}  ${/: not ok \d+ - (.*)/.exec(stdout)?.[1]?.slice(0, 90) ?? ''}`);
  }
  rmSync(dir, { recursive: true, force: true });
  for (const m of missed) console.log(`missed: ${m}`);
  console.log(`mutants: ${good} passed, ${missed.length} failed`);
  process.exitCode = missed.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run(process.argv[2]);
