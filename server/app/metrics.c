/*
 * The table of metrics, with the source of each value.
 */
#include "app/metrics.h"
#include "app/process.h"
#include "base/text.h"
#include "emitter/emitter.h"
#include "hub/hub.h"
#include "net/conn.h"
#include "net/tls.h"
#include "sio/sio.h"
#include <stdio.h>

#ifndef BELLWIRE_VERSION
#define BELLWIRE_VERSION "0.0.0"
#endif

#define BATCH_BUCKETS 6 /* 1 2 4 8 16 32: rt.dispatch takes at most 32 items */

/*
 * Rows of five kinds. A value is an expression over the sources, by the names that metrics_print gives them: from,
 * budget, sio, counts, rooms, db, figures.
 *
 *   GAUGE, COUNTER(name, help, value)
 *   EACH(name, help, label, label's words, how many, values)   a counter with one label
 *   HISTOGRAM(name, help, struct histogram *)
 *   PRINTED(type, name, help, function)                        all others
 *
 * A counter without a label that people/counts.h lists needs no row here.
 */
#define COUNTED(member, name, help) COUNTER(name, help, counts->member)
/* clang-format off: one row a line */
#define METRICS(GAUGE, COUNTER, EACH, HISTOGRAM, PRINTED)                                                              \
	PRINTED("counter", "websocket_messages_total",                                                                 \
	        "Client events answered (ok, error) and deliveries of events to clients (ok, dropped), by "            \
	        "event; names that no route and no row has are other",                                                 \
	        metrics_events)                                                                                        \
	HISTOGRAM("websocket_message_latency_seconds",                                                                 \
	          "From a row written to its frames written to the connections, once for each socket",                 \
	          &counts->latency)                                                                                    \
	HISTOGRAM("bellwire_confirmed_latency_seconds",                                                                \
	          "From a row written to a client library's confirmation, once for each socket that was asked",        \
	          &counts->confirmed)                                                                                  \
	HISTOGRAM("bellwire_ack_seconds", "From a client event received to its ack sent", &counts->ack)                \
	PRINTED("gauge", "bellwire_build_info", "Always 1; the version is a label", metrics_build)                     \
	GAUGE("bellwire_ready", "1 when /readyz answers 200", from->ready)                                             \
	GAUGE("bellwire_connections", "TCP connections of clients", budget->open)                                      \
	GAUGE("bellwire_connections_limit", "Connections at which new ones are closed at once", from->max_connections) \
	EACH("bellwire_connections_closed_total", "TCP connections of clients ended, by reason", "reason",             \
	     label_close, CLOSE_REASON_MAX, budget->killed)                                                            \
	PRINTED("gauge", "bellwire_sessions", "Engine.IO sessions by transport", metrics_sessions)                     \
	GAUGE("bellwire_sockets", "Socket.IO sockets", sio->sockets)                                                   \
	GAUGE("bellwire_users", "Users with a socket on this edge", people_present(from->people))                      \
	GAUGE("bellwire_rooms", "Rooms that sockets have joined; a user's and a socket's own not counted",             \
	      rooms->rooms)                                                                                            \
	GAUGE("bellwire_room_members", "Memberships over all rooms", rooms->seats)                                     \
	EACH("bellwire_connects_total", "Sockets that got connected, by reason of sync:required", "reason",            \
	     label_connect, CONNECT_REASON_MAX, counts->connects)                                                      \
	EACH("bellwire_disconnects_total", "Sockets that ended, by reason; client_left is a clean end", "reason",      \
	     label_close, CLOSE_REASON_MAX, counts->disconnects)                                                       \
	EACH("bellwire_recoveries_total", "Offsets presented by clients that ask for recovery, by outcome", "outcome", \
	     label_recovery, RECOVERY_OUTCOME_MAX, counts->recoveries)                                                 \
	EACH("bellwire_tokens_refused_total", "Tokens refused, by cause", "cause", label_token, AUTH_RESULT_MAX,       \
	     counts->tokens_refused)                                                                                   \
	EACH("bellwire_handshakes_refused_total", "Engine.IO handshakes refused, by code", "code", label_digit,        \
	     ARRAY_LEN(sio->refused), sio->refused)                                                                    \
	COUNTER("bellwire_sessions_opened_total", "Sessions begun", sio->sessions_opened)                              \
	COUNTER("bellwire_upgrades_total", "Sessions that changed from polling to WebSocket", sio->upgrades)           \
	EACH("bellwire_sessions_closed_total", "Sessions ended, by reason", "reason", label_close, CLOSE_REASON_MAX,   \
	     sio->session_closed)                                                                                      \
	EACH("bellwire_errors_total", "Errors told to clients, by code", "code", label_error, ERROR_COUNTED,           \
	     counts->errors)                                                                                           \
	GAUGE("bellwire_queue_bytes", "Memory that waits for slow connections and for clients between polls",          \
	      budget->total_bytes)                                                                                     \
	GAUGE("bellwire_queue_bytes_limit", "BELLWIRE_MAX_MEMORY_BYTES: what may wait for all clients together",       \
	      budget->max_total_bytes)                                                                                 \
	GAUGE("bellwire_input_bytes", "Bytes received of messages that are not complete", budget->input_bytes)         \
	GAUGE("bellwire_loop_longest_turn_seconds",                                                                    \
	      "The longest turn of the loop since the start; others wait for its end",                                 \
	      (double)loop_longest_us(from->loop) / 1e6)                                                               \
	PRINTED("counter", "bellwire_bytes_total", "Bytes by direction", metrics_bytes)                                \
	PRINTED("counter", "bellwire_packets_dropped_total",                                                           \
	        "Packets that never left: volatile ones not sent, and those waiting for a connection that "            \
	        "ended, by reason",                                                                                    \
	        metrics_dropped)                                                                                       \
	COUNTER("bellwire_writes_total", "System calls that wrote to connections", budget->writes)                     \
	GAUGE("bellwire_database_up", "1 when calls and pump are connected", db_state(from->db) == DB_UP)              \
	GAUGE("bellwire_database_links", "Connections to the database that are up", db->links_up)                      \
	COUNTER("bellwire_database_reconnects_total",                                                                  \
	        "Connections to the database that were lost and had to be made again", db->lost)                       \
	EACH("bellwire_database_calls_total", "Calls besides client events, by outcome", "outcome", label_call,        \
	     ARRAY_LEN(db->calls), db->calls)                                                                          \
	GAUGE("bellwire_database_queue", "Client events waiting for a connection", db->queue_items)                    \
	GAUGE("bellwire_waiting_bytes", "Bytes of client events that wait for the database", counts->waiting_bytes)    \
	PRINTED("histogram", "bellwire_dispatch_batch_size",                                                           \
	        "Client events in one call; the count is calls, the sum is events", metrics_batch_sizes)               \
	COUNTER("bellwire_dispatch_deferred_total", "Client events that met a row locked by somebody else",            \
	        db->items_deferred)                                                                                    \
	COUNTER("bellwire_dispatch_uncertain_total", "Client events whose outcome a lost connection left open",        \
	        db->items_uncertain)                                                                                   \
	GAUGE("bellwire_pump_state", "0 away, 1 busy, 2 drain, 3 asleep", db->pump_state)                              \
	COUNTER("bellwire_pump_fetches_total", "Reads of the outbox", db->fetches)                                     \
	COUNTER("bellwire_pump_rows_total", "Rows read from the outbox", db->rows)                                     \
	COUNTER("bellwire_pump_lone_rows_total",                                                                       \
	        "Rows among them that came with the ack of the client event that wrote them, and needed no read",      \
	        db->lone_rows)                                                                                         \
	COUNTER("bellwire_pump_carried_rows_total", "Rows among them that came with a bell, before the read",          \
	        db->carried_rows)                                                                                      \
	COUNTER("bellwire_pump_bells_total", "Bells heard", db->bells)                                                 \
	COUNTER("bellwire_pump_gaps_total", "Times the cursor did not cover the outbox: all clients resynchronise",    \
	        db->gaps)                                                                                              \
	COUNTER("bellwire_pump_epochs_total",                                                                          \
	        "Times the pump found Postgres in another epoch, after a crash or a restore", db->epochs)              \
	GAUGE("bellwire_pump_lag_seconds",                                                                             \
	      "Age of the oldest row of the last read when it was read; 0 when there was none",                        \
	      (double)db->pump_lag_us / 1e6)                                                                           \
	GAUGE("bellwire_pump_last_read_seconds", "Time since the last read of the outbox was answered",                \
	      pump_silence_s(from))                                                                                    \
	GAUGE("bellwire_outbox_rows", "Rows in the outbox, by the statistics of Postgres", figures->outbox_rows)       \
	GAUGE("bellwire_outbox_oldest_seconds",                                                                        \
	      "Age of the oldest row in the outbox; with the default retention rows are kept 5 to 15 "                 \
	      "minutes",                                                                                               \
	      figures->outbox_age)                                                                                     \
	GAUGE("bellwire_foreign_locks", "Advisory locks of bellwire held by sessions that are no edge's pump",         \
	      figures->foreign_locks)                                                                                  \
	GAUGE("bellwire_notify_queue_usage", "How full the database's NOTIFY queue is, 0 to 1", figures->notify_usage) \
	GAUGE("bellwire_edges", "Edges at this database", figures->edges)                                              \
	COUNTS(COUNTED)                                                                                                \
	EACH("bellwire_emitter_messages_total", "Messages of @socket.io/postgres-emitter, by outcome", "outcome",      \
	     label_emitter, EMITTER_OUTCOME_MAX, from->emitter->stats.outcomes)                                        \
	COUNTER("bellwire_emitter_gaps_total",                                                                         \
	        "Times the emitter's channel was not heard for a while: messages may be lost",                         \
	        from->emitter->stats.gaps)                                                                             \
	GAUGE("bellwire_certificate_end_time_seconds",                                                                 \
	      "Since 1970: the end of the certificate that is served, or of one in its chain that ends before it; "    \
	      "0 without TLS",                                                                                         \
	      from->tls ? tls_context_end_s(from->tls) : 0)                                                            \
	GAUGE("bellwire_memory_limit_bytes",                                                                           \
	      "Resident memory that the process may have: the limit of its control group, or the machine's "           \
	      "memory",                                                                                                \
	      process_memory_limit(PROCESS_GROUP, PROCESS_GROUPS))                                                     \
	GAUGE("process_start_time_seconds", "When the process started, since 1970", (double)from->started_ms / 1000)   \
	COUNTER("process_cpu_seconds_total", "User and system CPU time", process_cpu_s())                              \
	GAUGE("process_resident_memory_bytes", "Resident memory", process_resident_bytes())                            \
	GAUGE("process_open_fds", "Open file descriptors", process_descriptors())                                      \
	GAUGE("process_max_fds", "Limit of open file descriptors", process_descriptors_limit())
/* clang-format on */

/* ---- lines ---- */

struct page {
	const struct metrics_sources *from;
	struct buf *out;
	const char *name; /* of the metric whose lines are being written */
};

static void put_label_value(struct buf *out, const char *v)
{
	for (; *v; v++) {
		if (*v == '"' || *v == '\\')
			buf_char(out, '\\');
		buf_char(out, *v);
	}
}

static void put_value(struct page *p, double v)
{
	buf_printf(p->out, "%s %.17g\n", p->name, v);
}

static void put_labelled(struct page *p, const char *label, const char *value, double v)
{
	buf_printf(p->out, "%s{%s=\"", p->name, label);
	put_label_value(p->out, value);
	buf_printf(p->out, "\"} %.17g\n", v);
}

static void put_each(struct page *p, const char *label, const char *(*word)(int i), size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		if (word((int)i))
			put_labelled(p, label, word((int)i), (double)values[i]);
}

static void put_bucket(struct page *p, double bound, uint64_t upto)
{
	buf_printf(p->out, "%s_bucket{le=\"%g\"} %llu\n", p->name, bound, (unsigned long long)upto);
}

static void put_bucket_rest(struct page *p, uint64_t count, double sum)
{
	buf_printf(p->out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.17g\n%s_count %llu\n", p->name,
	           (unsigned long long)count, p->name, sum, p->name, (unsigned long long)count);
}

static void put_histogram(struct page *p, const struct histogram *h)
{
	uint64_t n = 0;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++)
		put_bucket(p, histogram_bounds[i], n += h->buckets[i]);
	put_bucket_rest(p, h->count, h->sum);
}

/* ---- values of labels; NULL: no line for this index ---- */

static const char *label_close(int i)
{
	return close_label((enum close_reason)i);
}

static const char *label_connect(int i)
{
	return connect_reason_label((enum connect_reason)i).p;
}

static const char *label_recovery(int i)
{
	return recovery_outcome_label((enum recovery_outcome)i);
}

static const char *label_token(int i)
{
	return i == AUTH_OK || auth_is_open((enum auth_result)i) ? NULL : auth_result_label((enum auth_result)i);
}

static const char *label_digit(int i)
{
	static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	return digits[i];
}

static const char *label_error(int i)
{
	return error_name((enum error_code)i).p;
}

static const char *label_call(int i)
{
	static const char *const outcomes[] = {
		[DB_OK] = "ok", [DB_ERROR] = "error", [DB_FAILED] = "failed", [DB_UNCERTAIN] = "uncertain"};
	return outcomes[i];
}

static const char *label_emitter(int i)
{
	return emitter_outcome_label((enum emitter_outcome)i);
}

/* ---- the process ---- */

static double pump_silence_s(const struct metrics_sources *from)
{
	uint64_t last = db_stats(from->db)->fetched_ms;
	return (double)(loop_now(from->loop) - (last ? last : from->loop_started_ms)) / 1e3;
}

/* ---- metrics with a printer of their own ---- */

static void metrics_events(struct page *p)
{
	const struct counts *counts = &p->from->people->counts;
	for (uint32_t i = 0; i < counts->nevents; i++) {
		const struct event_count *e = &counts->events[i];
		for (int s = 0; s < STATUS_MAX; s++) {
			if (!e->n[s] && s == STATUS_DROPPED)
				continue;
			buf_printf(p->out, "%s{event=\"", p->name);
			put_label_value(p->out, e->name);
			buf_printf(p->out, "\",status=\"%s\"} %llu\n", event_status_label((enum event_status)s),
			           (unsigned long long)e->n[s]);
		}
	}
}

static void metrics_build(struct page *p)
{
	put_labelled(p, "version", BELLWIRE_VERSION, 1);
}

static void metrics_sessions(struct page *p)
{
	const struct sio_stats *s = sio_server_stats(p->from->sio);
	put_labelled(p, "transport", "websocket", (double)s->websockets);
	put_labelled(p, "transport", "polling", (double)(s->sessions - s->websockets));
}

static void metrics_bytes(struct page *p)
{
	put_labelled(p, "direction", "in", (double)p->from->budget->bytes_in);
	put_labelled(p, "direction", "out", (double)p->from->budget->bytes_out);
}

static void metrics_dropped(struct page *p)
{
	const struct sio_stats *s = sio_server_stats(p->from->sio);
	put_labelled(p, "reason", "volatile", (double)p->from->emitter->stats.volatile_skipped);
	for (int i = 0; i < CLOSE_REASON_MAX; i++)
		put_labelled(p, "reason", label_close(i), (double)(s->lost[i] + p->from->budget->lost[i]));
}

static void metrics_batch_sizes(struct page *p)
{
	const struct db_stats *s = db_stats(p->from->db);
	uint64_t n = 0;
	for (size_t i = 0; i < BATCH_BUCKETS; i++)
		put_bucket(p, (double)(1u << i), n += s->batch_size_hist[i]);
	put_bucket_rest(p, s->batches, (double)s->items);
}

/* ---- the page ---- */

static void page_head(struct page *p, const char *name, const char *type, const char *help)
{
	p->name = name;
	buf_printf(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Each row of the table is one or two statements. */
void metrics_print(const struct metrics_sources *from, struct buf *out)
{
	const struct conn_budget *budget = from->budget;
	const struct sio_stats *sio = sio_server_stats(from->sio);
	const struct counts *counts = &from->people->counts;
	const struct hub_stats *rooms = hub_stats(from->people->hub);
	const struct db_stats *db = db_stats(from->db);
	const struct entry_figures *figures = &from->entry->figures;
	struct page p = {from, out, NULL};
#define GAUGE(name, help, value) page_head(&p, name, "gauge", help), put_value(&p, (double)(value));
#define COUNTER(name, help, value) page_head(&p, name, "counter", help), put_value(&p, (double)(value));
#define EACH(name, help, label, words, n, values) \
	page_head(&p, name, "counter", help), put_each(&p, label, words, n, values);
#define HISTOGRAM(name, help, h) page_head(&p, name, "histogram", help), put_histogram(&p, h);
#define PRINTED(type, name, help, print) page_head(&p, name, type, help), print(&p);
	METRICS(GAUGE, COUNTER, EACH, HISTOGRAM, PRINTED)
#undef GAUGE
#undef COUNTER
#undef EACH
#undef HISTOGRAM
#undef PRINTED
}

void metrics_markdown(struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
#define GAUGE(name, help, value) {name, "gauge", help},
#define COUNTER(name, help, value) {name, "counter", help},
#define EACH(name, help, label, words, n, values) {name, "counter", help},
#define HISTOGRAM(name, help, h) {name, "histogram", help},
#define PRINTED(type, name, help, print) {name, type, help},
		METRICS(GAUGE, COUNTER, EACH, HISTOGRAM, PRINTED)
#undef GAUGE
#undef COUNTER
#undef EACH
#undef HISTOGRAM
#undef PRINTED
	};
	buf_str(out, "| name | type | what |\n|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		buf_printf(out, "| `%s` | %s | %s |\n", rows[i].name, rows[i].type, rows[i].help);
}
