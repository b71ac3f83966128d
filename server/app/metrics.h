/*
 * What is counted. The table METRICS gives names, types and help; docs/metrics.md is checked against it.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "emitter/message.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/close.h"
#include "net/loop.h"

/* X(id, name, type, help) */
/* clang-format off: one row a line */
#define METRICS(X)                                                                                                                                        \
	X(messages, "websocket_messages_total", "counter",                                                                                                \
	  "Client events answered (ok, error) and deliveries of events to clients (ok, dropped), by event; names that no route and no row has are other") \
	X(latency, "websocket_message_latency_seconds", "histogram",                                                                                      \
	  "From a row written to its frames written to the connections, once for each socket")                                                            \
	X(confirmed, "bellwire_confirmed_latency_seconds", "histogram",                                                                                   \
	  "From a row written to a client library's confirmation, once for each socket that was asked")                                                   \
	X(ack, "bellwire_ack_seconds", "histogram", "From a client event received to its ack sent")                                                       \
	X(build, "bellwire_build_info", "gauge", "Always 1; the version is a label")                                                                      \
	X(ready, "bellwire_ready", "gauge", "1 when /readyz answers 200")                                                                                 \
	X(connections, "bellwire_connections", "gauge", "TCP connections of clients")                                                                     \
	X(connections_limit, "bellwire_connections_limit", "gauge",                                                                                       \
	  "Connections at which new ones are closed at once")                                                                                             \
	X(connections_closed, "bellwire_connections_closed_total", "counter",                                                                             \
	  "TCP connections of clients ended, by reason")                                                                                                  \
	X(sessions, "bellwire_sessions", "gauge", "Engine.IO sessions by transport")                                                                      \
	X(sockets, "bellwire_sockets", "gauge", "Socket.IO sockets")                                                                                      \
	X(users, "bellwire_users", "gauge", "Users with a socket on this edge")                                                                           \
	X(rooms, "bellwire_rooms", "gauge", "Rooms that sockets have joined; a user's and a socket's own not counted")                                    \
	X(members, "bellwire_room_members", "gauge", "Memberships over all rooms")                                                                        \
	X(connects, "bellwire_connects_total", "counter", "Sockets that got connected, by reason of sync:required")                                       \
	X(disconnects, "bellwire_disconnects_total", "counter",                                                                                           \
	  "Sockets that ended, by reason; client_left is a clean end")                                                                                    \
	X(recoveries, "bellwire_recoveries_total", "counter",                                                                                             \
	  "Offsets presented by clients that ask for recovery, by outcome")                                                                               \
	X(recovered_events, "bellwire_recovered_events_total", "counter",                                                                                 \
	  "Events sent again to sockets that were recovered")                                                                                             \
	X(tokens_refused, "bellwire_tokens_refused_total", "counter", "Tokens refused, by cause")                                                         \
	X(sockets_refused, "bellwire_sockets_refused_total", "counter",                                                                                   \
	  "Sockets refused because their user had too many")                                                                                              \
	X(handshakes_refused, "bellwire_handshakes_refused_total", "counter", "Engine.IO handshakes refused, by code")                                    \
	X(opened, "bellwire_sessions_opened_total", "counter", "Sessions begun")                                                                          \
	X(upgrades, "bellwire_upgrades_total", "counter", "Sessions that changed from polling to WebSocket")                                              \
	X(closed, "bellwire_sessions_closed_total", "counter", "Sessions ended, by reason")                                                               \
	X(errors, "bellwire_errors_total", "counter", "Errors told to clients, by code")                                                                  \
	X(queue_bytes, "bellwire_queue_bytes", "gauge",                                                                                                   \
	  "Bytes waiting for slow connections, and for clients between two polls")                                                                        \
	X(queue_limit, "bellwire_queue_bytes_limit", "gauge",                                                                                             \
	  "BELLWIRE_MAX_MEMORY_BYTES: what may wait for all clients together")                                                                            \
	X(input_bytes, "bellwire_input_bytes", "gauge", "Bytes received of messages that are not complete")                                               \
	X(bytes, "bellwire_bytes_total", "counter", "Bytes by direction")                                                                                 \
	X(dropped, "bellwire_packets_dropped_total", "counter",                                                                                           \
	  "Packets that never left: volatile ones not sent, and those waiting for a connection that ended, by reason")                                    \
	X(writes, "bellwire_writes_total", "counter", "System calls that wrote to connections")                                                           \
	X(db_up, "bellwire_database_up", "gauge", "1 when calls and pump are connected")                                                                  \
	X(db_links, "bellwire_database_links", "gauge", "Connections to the database that are up")                                                        \
	X(db_reconnects, "bellwire_database_reconnects_total", "counter",                                                                                 \
	  "Connections to the database that were lost and had to be made again")                                                                          \
	X(db_calls, "bellwire_database_calls_total", "counter", "Calls besides client events, by outcome")                                                \
	X(db_queue, "bellwire_database_queue", "gauge", "Client events waiting for a connection")                                                         \
	X(batch_size, "bellwire_dispatch_batch_size", "histogram",                                                                                        \
	  "Client events in one call; the count is calls, the sum is events")                                                                             \
	X(deferred, "bellwire_dispatch_deferred_total", "counter",                                                                                        \
	  "Client events that met a row locked by somebody else")                                                                                         \
	X(uncertain, "bellwire_dispatch_uncertain_total", "counter",                                                                                      \
	  "Client events whose outcome a lost connection left open")                                                                                      \
	X(pump_state, "bellwire_pump_state", "gauge", "0 away, 1 busy, 2 drain, 3 asleep")                                                                \
	X(pump_fetches, "bellwire_pump_fetches_total", "counter", "Reads of the outbox")                                                                  \
	X(pump_rows, "bellwire_pump_rows_total", "counter", "Rows read from the outbox")                                                                  \
	X(pump_bells, "bellwire_pump_bells_total", "counter", "Bells heard")                                                                              \
	X(pump_gaps, "bellwire_pump_gaps_total", "counter",                                                                                               \
	  "Times the cursor did not cover the outbox: all clients resynchronise")                                                                         \
	X(pump_epochs, "bellwire_pump_epochs_total", "counter",                                                                                           \
	  "Times the pump found Postgres in another epoch, after a crash or a restore")                                                                   \
	X(pump_lag, "bellwire_pump_lag_seconds", "gauge",                                                                                                 \
	  "Age of the oldest row of the last read when it was read; 0 when there was none")                                                               \
	X(pump_silence, "bellwire_pump_last_read_seconds", "gauge",                                                                                       \
	  "Time since the last read of the outbox was answered")                                                                                          \
	X(outbox_rows, "bellwire_outbox_rows", "gauge", "Rows in the outbox, by the statistics of Postgres")                                              \
	X(outbox_age, "bellwire_outbox_oldest_seconds", "gauge",                                                                                          \
	  "Age of the oldest row in the outbox; with the default retention rows are kept 5 to 15 minutes")                                                \
	X(foreign_locks, "bellwire_foreign_locks", "gauge",                                                                                               \
	  "Advisory locks of bellwire held by sessions that are no edge's pump")                                                                          \
	X(notify_usage, "bellwire_notify_queue_usage", "gauge", "How full the database's NOTIFY queue is, 0 to 1")                                        \
	X(edges, "bellwire_edges", "gauge", "Edges at this database")                                                                                     \
	X(presence_dropped, "bellwire_presence_coalesced_total", "counter",                                                                               \
	  "Presence changes superseded before they were sent")                                                                                            \
	X(fences_skipped, "bellwire_fences_skipped_total", "counter",                                                                                     \
	  "Deliveries that will not be confirmed: too many wait for that already, at the socket or for the database")                                     \
	X(emitter, "bellwire_emitter_messages_total", "counter",                                                                                          \
	  "Messages of @socket.io/postgres-emitter, by outcome")                                                                                          \
	X(emitter_gaps, "bellwire_emitter_gaps_total", "counter",                                                                                         \
	  "Times the emitter's channel was not heard for a while: messages may be lost")                                                                  \
	X(start_time, "process_start_time_seconds", "gauge", "When the process started, since 1970")                                                      \
	X(cpu, "process_cpu_seconds_total", "counter", "User and system CPU time")                                                                        \
	X(memory, "process_resident_memory_bytes", "gauge", "Resident memory")                                                                            \
	X(fds, "process_open_fds", "gauge", "Open file descriptors")                                                                                      \
	X(max_fds, "process_max_fds", "gauge", "Limit of open file descriptors")
/* clang-format on */

enum { STATUS_OK, STATUS_ERROR, STATUS_DROPPED, STATUS_MAX };
#define METRIC_OTHER 0

struct histogram {
	uint64_t buckets[16]; /* not cumulative; the last: +Inf */
	uint64_t count;
	double sum;
};

struct event_metric {
	char *name;
	uint64_t n[STATUS_MAX];
};

/* Events that were handed to connections in this turn and are not written yet. */
struct unwritten {
	int64_t at_us;
	uint64_t times;
};

/* Error codes of contract 5, in the order of their metric. */
/* clang-format off: one row a line */
#define ERROR_CODES(X)  \
	X(INVALID_DATA) \
	X(UNAUTHORIZED) X(FORBIDDEN) X(CHAT_NOT_FOUND) X(MESSAGE_TOO_LARGE) X(RATE_LIMIT) X(UNAVAILABLE) X(INTERNAL)
/* clang-format on */

struct metrics {
	struct event_metric *events;
	uint32_t nevents;
	struct histogram latency, confirmed, ack;
	uint64_t connects[3];   /* connection_established, reconnection, token_refresh */
	uint64_t recoveries[2]; /* recovered, refused */
	uint64_t recovered_events;
	uint64_t tokens_refused[AUTH_CLAIMS + 2]; /* by enum auth_result; the last: user unknown or disabled */
	uint64_t errors[8];
	uint64_t disconnects[CLOSE_REASON_MAX];
	uint64_t sockets_refused, presence_dropped, fences_skipped, volatile_skipped;
	uint64_t emitter[EMITTER_OUTCOME_MAX], emitter_gaps;
	uint64_t outbox_rows, edges, foreign_locks;
	double notify_usage, outbox_age;
	struct unwritten *unwritten;
	size_t nunwritten, unwritten_cap;
	struct deferred written;
};

void metrics_init(struct metrics *m);
void metrics_fini(struct metrics *m);
uint32_t metrics_event(struct metrics *m, struct slice name); /* makes it; METRIC_OTHER when there are too many */
uint32_t metrics_event_find(const struct metrics *m, struct slice name); /* METRIC_OTHER when unknown */
void metrics_error(struct metrics *m, struct slice code);
void histogram_add(struct histogram *h, double seconds, uint64_t times);

struct worker;
/* The frames of a row written at at_us wait in so many connections: the latency is taken once this turn has written them. */
void metrics_written(struct worker *w, int64_t at_us, uint64_t times);
void metrics_print(struct worker *w, struct buf *out); /* Prometheus text format 0.0.4 */
void metrics_markdown(struct buf *out);                /* the table of docs/metrics.md */

#endif
