#include "app/worker.h"
#include "base/mem.h"
#include "base/text.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef BELLWIRE_VERSION
#define BELLWIRE_VERSION "0.0.0"
#endif

#define EVENTS_MAX 512
#define BATCH_BUCKETS 6 /* 1 2 4 8 16 32: rt.dispatch takes no more */

/* The specification's 0.1, 0.5, 1, 2, 5, and finer ones below. */
static const double bounds[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};
_Static_assert(ARRAY_LEN(bounds) < ARRAY_LEN(((struct histogram *)0)->buckets), "room for +Inf");

/* ---- counting ---- */

static void count_written(struct deferred *d)
{
	struct metrics *m = container_of(d, struct metrics, written);
	double now = (double)clock_wall_us();
	for (size_t i = 0; i < m->nunwritten; i++)
		histogram_add(&m->latency, (now - (double)m->unwritten[i].at_us) / 1e6, m->unwritten[i].times);
	m->nunwritten = 0;
}

void metrics_written(struct worker *w, int64_t at_us, uint64_t times)
{
	struct metrics *m = &w->m;
	if (m->nunwritten == m->unwritten_cap) {
		m->unwritten_cap = m->unwritten_cap ? m->unwritten_cap * 2 : 64;
		m->unwritten = mem_realloc(m->unwritten, m->unwritten_cap * sizeof(*m->unwritten));
	}
	m->unwritten[m->nunwritten++] = (struct unwritten){at_us, times};
	loop_defer(w->loop, LOOP_SWEEP, &m->written); /* the phase behind LOOP_FLUSH */
}

void metrics_init(struct metrics *m)
{
	*m = (struct metrics){0};
	deferred_init(&m->written, count_written);
	metrics_event(m, SLICE("other"));
	static const char *const ours[] = {
		"connected",         "sync:required",    "error",
		"auth:refresh",      "chat:message:new", "chat:message:delivered",
		"chat:message:read", "chat:typing",      "notification:new",
		"notification:read", "user:online",      "user:offline",
		"post:liked",        "post:unliked",     "post:commented",
	};
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		metrics_event(m, slice_str(ours[i]));
}

void metrics_fini(struct metrics *m)
{
	for (uint32_t i = 0; i < m->nevents; i++)
		free(m->events[i].name);
	free(m->events);
	free(m->unwritten);
	deferred_cancel(&m->written);
	*m = (struct metrics){0};
}

uint32_t metrics_event_find(const struct metrics *m, struct slice name)
{
	for (uint32_t i = 1; i < m->nevents; i++)
		if (slice_eq(slice_str(m->events[i].name), name))
			return i;
	return METRIC_OTHER;
}

uint32_t metrics_event(struct metrics *m, struct slice name)
{
	uint32_t i = metrics_event_find(m, name);
	if (i != METRIC_OTHER || m->nevents == EVENTS_MAX)
		return i;
	m->events = mem_realloc(m->events, (m->nevents + 1) * sizeof(*m->events));
	m->events[m->nevents] = (struct event_metric){.name = mem_strndup(name.p, name.n)};
	return m->nevents++;
}

static const char *const codes[] = {
#define X(code) #code,
	ERROR_CODES(X)
#undef X
};

void metrics_error(struct metrics *m, struct slice code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (slice_eq(slice_str(codes[i]), code))
			m->errors[i]++;
}

void histogram_add(struct histogram *h, double seconds, uint64_t times)
{
	size_t i = 0;
	if (seconds < 0)
		seconds = 0; /* clocks of two machines */
	while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
		i++;
	h->buckets[i] += times;
	h->count += times;
	h->sum += seconds * (double)times;
}

/* ---- printing ---- */

struct page {
	struct worker *w;
	struct buf *out;
	const char *name;
};

static void put_label_value(struct buf *out, const char *v)
{
	for (; *v; v++) {
		if (*v == '"' || *v == '\\')
			buf_char(out, '\\');
		buf_char(out, *v);
	}
}

static void one(struct page *p, double v)
{
	buf_printf(p->out, "%s %.17g\n", p->name, v);
}

static void labelled(struct page *p, const char *label, const char *value, double v)
{
	buf_printf(p->out, "%s{%s=\"", p->name, label);
	put_label_value(p->out, value);
	buf_printf(p->out, "\"} %.17g\n", v);
}

static void bucket(struct page *p, double bound, uint64_t upto)
{
	buf_printf(p->out, "%s_bucket{le=\"%g\"} %llu\n", p->name, bound, (unsigned long long)upto);
}

static void bucket_rest(struct page *p, uint64_t count, double sum)
{
	buf_printf(p->out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.17g\n%s_count %llu\n", p->name,
	           (unsigned long long)count, p->name, sum, p->name, (unsigned long long)count);
}

static void histogram(struct page *p, const struct histogram *h)
{
	uint64_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
		bucket(p, bounds[i], n += h->buckets[i]);
	bucket_rest(p, h->count, h->sum);
}

static void print_messages(struct page *p)
{
	static const char *const status[] = {"ok", "error", "dropped"};
	const struct metrics *m = &p->w->m;
	for (uint32_t i = 0; i < m->nevents; i++) {
		for (int s = 0; s < STATUS_MAX; s++) {
			if (!m->events[i].n[s] && s == STATUS_DROPPED)
				continue;
			buf_printf(p->out, "%s{event=\"", p->name);
			put_label_value(p->out, m->events[i].name);
			buf_printf(p->out, "\",status=\"%s\"} %llu\n", status[s],
			           (unsigned long long)m->events[i].n[s]);
		}
	}
}

static void print_latency(struct page *p)
{
	histogram(p, &p->w->m.latency);
}
static void print_confirmed(struct page *p)
{
	histogram(p, &p->w->m.confirmed);
}
static void print_ack(struct page *p)
{
	histogram(p, &p->w->m.ack);
}
static void print_build(struct page *p)
{
	labelled(p, "version", BELLWIRE_VERSION, 1);
}

static void print_ready(struct page *p)
{
	const char *why;
	one(p, worker_ready(p->w, &why));
}

static void print_connections(struct page *p)
{
	one(p, (double)p->w->budget.open);
}
static void print_connections_limit(struct page *p)
{
	one(p, p->w->max_connections);
}

static void by_reason(struct page *p, const uint64_t n[CLOSE_REASON_MAX])
{
	for (int i = 0; i < CLOSE_REASON_MAX; i++)
		labelled(p, "reason", close_label((enum close_reason)i), (double)n[i]);
}

static void print_disconnects(struct page *p)
{
	by_reason(p, p->w->m.disconnects);
}
static void print_connections_closed(struct page *p)
{
	by_reason(p, p->w->budget.killed);
}

static void print_sessions(struct page *p)
{
	const struct sio_stats *s = sio_server_stats(p->w->sio);
	labelled(p, "transport", "websocket", (double)s->websockets);
	labelled(p, "transport", "polling", (double)(s->sessions - s->websockets));
}

static void print_sockets(struct page *p)
{
	one(p, (double)sio_server_stats(p->w->sio)->sockets);
}
static void print_users(struct page *p)
{
	one(p, p->w->users.count - p->w->nidle);
}
static void print_rooms(struct page *p)
{
	one(p, (double)hub_stats(p->w->hub)->rooms);
}
static void print_members(struct page *p)
{
	one(p, (double)hub_stats(p->w->hub)->seats);
}

static void print_connects(struct page *p)
{
	static const char *const reasons[] = {"connection_established", "reconnection", "token_refresh"};
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		labelled(p, "reason", reasons[i], (double)p->w->m.connects[i]);
}

static void print_recoveries(struct page *p)
{
	labelled(p, "outcome", "recovered", (double)p->w->m.recoveries[0]);
	labelled(p, "outcome", "refused", (double)p->w->m.recoveries[1]);
}

static void print_recovered_events(struct page *p)
{
	one(p, (double)p->w->m.recovered_events);
}

static void print_tokens_refused(struct page *p)
{
	for (int i = AUTH_MALFORMED; i <= AUTH_CLAIMS; i++)
		labelled(p, "cause", auth_result_label((enum auth_result)i), (double)p->w->m.tokens_refused[i]);
	labelled(p, "cause", "user", (double)p->w->m.tokens_refused[AUTH_CLAIMS + 1]);
}

static void print_handshakes_refused(struct page *p)
{
	const struct sio_stats *s = sio_server_stats(p->w->sio);
	for (size_t i = 0; i < ARRAY_LEN(s->refused); i++)
		labelled(p, "code", (char[]){(char)('0' + i), 0}, (double)s->refused[i]);
}

static void print_opened(struct page *p)
{
	one(p, (double)sio_server_stats(p->w->sio)->sessions_opened);
}
static void print_upgrades(struct page *p)
{
	one(p, (double)sio_server_stats(p->w->sio)->upgrades);
}
static void print_closed(struct page *p)
{
	by_reason(p, sio_server_stats(p->w->sio)->session_closed);
}

static void print_errors(struct page *p)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		labelled(p, "code", codes[i], (double)p->w->m.errors[i]);
}

static void print_queue_bytes(struct page *p)
{
	one(p, (double)p->w->budget.total_bytes);
}
static void print_input_bytes(struct page *p)
{
	one(p, (double)p->w->budget.input_bytes);
}

static void print_queue_limit(struct page *p)
{
	one(p, (double)p->w->budget.max_total_bytes);
}

static void print_bytes(struct page *p)
{
	labelled(p, "direction", "in", (double)p->w->budget.bytes_in);
	labelled(p, "direction", "out", (double)p->w->budget.bytes_out);
}

static void print_dropped(struct page *p)
{
	const struct sio_stats *s = sio_server_stats(p->w->sio);
	labelled(p, "reason", "volatile", (double)p->w->m.volatile_skipped);
	for (int i = 0; i < CLOSE_REASON_MAX; i++)
		labelled(p, "reason", close_label((enum close_reason)i), (double)(s->lost[i] + p->w->budget.lost[i]));
}

static void print_emitter(struct page *p)
{
	for (int i = 0; i < EMITTER_OUTCOME_MAX; i++)
		labelled(p, "outcome", emitter_outcome_label((enum emitter_outcome)i), (double)p->w->m.emitter[i]);
}

static void print_emitter_gaps(struct page *p)
{
	one(p, (double)p->w->m.emitter_gaps);
}
static void print_writes(struct page *p)
{
	one(p, (double)p->w->budget.writes);
}
static void print_db_up(struct page *p)
{
	one(p, db_state(p->w->db) == DB_UP);
}
static void print_db_links(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->links_up);
}
static void print_db_reconnects(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->lost);
}

static void print_db_calls(struct page *p)
{
	static const char *const outcomes[] = {"ok", "error", "failed", "uncertain"};
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		labelled(p, "outcome", outcomes[i], (double)db_stats(p->w->db)->calls[i]);
}

static void print_db_queue(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->queue_items);
}

static void print_batch_size(struct page *p)
{
	const struct db_stats *s = db_stats(p->w->db);
	uint64_t n = 0;
	for (size_t i = 0; i < BATCH_BUCKETS; i++)
		bucket(p, (double)(1u << i), n += s->batch_size_hist[i]);
	bucket_rest(p, s->batches, (double)s->items);
}

static void print_deferred(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->items_deferred);
}
static void print_uncertain(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->items_uncertain);
}
static void print_pump_state(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->pump_state);
}
static void print_pump_fetches(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->fetches);
}
static void print_pump_rows(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->rows);
}
static void print_pump_bells(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->bells);
}
static void print_pump_gaps(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->gaps);
}
static void print_pump_epochs(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->epochs);
}

static void print_pump_silence(struct page *p)
{
	uint64_t last = db_stats(p->w->db)->fetched_ms, now = loop_now(p->w->loop), began = p->w->loop_started_ms;
	one(p, (double)(now - (last ? last : began)) / 1e3);
}

static void print_pump_lag(struct page *p)
{
	one(p, (double)db_stats(p->w->db)->pump_lag_us / 1e6);
}
static void print_outbox_rows(struct page *p)
{
	one(p, (double)p->w->m.outbox_rows);
}
static void print_outbox_age(struct page *p)
{
	one(p, p->w->m.outbox_age);
}
static void print_foreign_locks(struct page *p)
{
	one(p, (double)p->w->m.foreign_locks);
}
static void print_notify_usage(struct page *p)
{
	one(p, p->w->m.notify_usage);
}
static void print_edges(struct page *p)
{
	one(p, (double)p->w->m.edges);
}
static void print_sockets_refused(struct page *p)
{
	one(p, (double)p->w->m.sockets_refused);
}
static void print_presence_dropped(struct page *p)
{
	one(p, (double)p->w->m.presence_dropped);
}
static void print_fences_skipped(struct page *p)
{
	one(p, (double)p->w->m.fences_skipped);
}
static void print_start_time(struct page *p)
{
	one(p, (double)p->w->started_ms / 1000);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void print_cpu(struct page *p)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	one(p, seconds(u.ru_utime) + seconds(u.ru_stime));
}

static void print_memory(struct page *p)
{
	unsigned long total = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	one(p, (double)resident * (double)sysconf(_SC_PAGESIZE));
}

static void print_fds(struct page *p)
{
	double n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	one(p, n > 3 ? n - 3 : 0); /* ".", "..", and the directory itself */
}

static void print_max_fds(struct page *p)
{
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	one(p, (double)l.rlim_cur);
}

static const struct {
	const char *name, *type, *help;
	void (*print)(struct page *p);
} table[] = {
#define X(id, name, type, help) {name, type, help, print_##id},
	METRICS(X)
#undef X
};

void metrics_print(struct worker *w, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct page p = {w, out, table[i].name};
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", p.name, table[i].help, p.name, table[i].type);
		table[i].print(&p);
	}
}

void metrics_markdown(struct buf *out)
{
	buf_str(out, "| name | type | what |\n|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		buf_printf(out, "| `%s` | %s | %s |\n", table[i].name, table[i].type, table[i].help);
}
