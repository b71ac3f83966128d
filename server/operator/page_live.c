/*
 * Server-sent events. All streams are told the same, encoded once: each second a sample of this edge, and what the
 * edges have answered to questions that are asked while somebody looks.
 */
#include "base/json_write.h"
#include "base/mem.h"
#include "net/conn.h"
#include "operator/page_internal.h"

#ifndef BELLWIRE_VERSION
#define BELLWIRE_VERSION "0.0.0"
#endif

#define STREAMS_MOST 16         /* of the internal listener's connections, so that some are left for /metrics */
#define QUEUE_MOST (512 * 1024) /* a reader that has so much before it ... */
#define STUCK_SECONDS 30        /* ... or has taken nothing for this time is cut off */
#define PAUSE_SECONDS 3         /* behind a question that failed */
#define REASONS_EVERY 5         /* seconds */

struct stream {
	struct list link; /* in page.streams */
	struct page *page;
	struct conn *conn;
	unsigned stuck; /* seconds for which bytes have waited */
};

/* ---- events ---- */

static void event_begin(struct buf *b, const char *name)
{
	buf_printf(b, "event: %s\ndata: ", name);
}

static void event_end(struct buf *b)
{
	buf_str(b, "\n\n");
}

/* JSON of ours and of Postgres has no line breaks: text in it is escaped. */
static void event_put(struct buf *b, const char *name, struct slice json)
{
	event_begin(b, name);
	buf_slice(b, json);
	event_end(b);
}

static void stream_send(struct stream *s, struct blob *b)
{
	if (conn_queued(s->conn) > QUEUE_MOST) {
		conn_kill(s->conn, CLOSE_SLOW);
		return;
	}
	conn_touch(s->conn);
	conn_send(s->conn, b);
}

static void streams_send(struct page *p, struct blob *b)
{
	struct list *it, *tmp;
	list_each (it, tmp, &p->streams)
		stream_send(list_entry(it, struct stream, link), b);
}

static struct blob *event_blob(struct buf *b)
{
	struct blob *blob = blob_copy(buf_view(b));
	buf_fini(b);
	return blob;
}

/* ---- what is told each second ---- */

static void streams_sample(struct page *p)
{
	struct buf b = {0};
	event_begin(&b, "sample");
	history_put_last(p->op, &b);
	event_end(&b);
	if (p->seconds % REASONS_EVERY == 0) {
		event_begin(&b, "reasons");
		history_put_reasons(p->op, &b);
		event_end(&b);
	}
	struct blob *blob = event_blob(&b);
	streams_send(p, blob);
	blob_unref(&blob);
}

static void streams_cut_stuck(struct page *p)
{
	struct list *it, *tmp;
	list_each (it, tmp, &p->streams) {
		struct stream *s = list_entry(it, struct stream, link);
		s->stuck = conn_queued(s->conn) ? s->stuck + 1 : 0;
		if (s->stuck > STUCK_SECONDS)
			conn_kill(s->conn, CLOSE_SLOW);
	}
}

/* ---- what the edges answer ---- */

static const struct {
	const char *word;
	unsigned every;
} page_news[] = {
#define X(NAME, word, every) {#word, every},
	PAGE_NEWS(X)
#undef X
};

static int news_find(const char *word)
{
	int i = 0;
	while (strcmp(page_news[i].word, word) != 0)
		i++;
	return i;
}

static void news_problem(struct page *p, struct slice why)
{
	struct buf b = {0};
	event_begin(&b, "problem");
	json_open(&b);
	json_member_str(&b, "problem", why);
	json_close(&b);
	event_end(&b);
	struct blob *blob = event_blob(&b);
	streams_send(p, blob);
	blob_unref(&blob);
}

static void news_ask(struct page *p);

static void news_come(struct page *p, struct http_exchange *x, const char *what, int status, struct slice json)
{
	struct buf b = {0};
	int i = news_find(what);
	(void)x;
	p->asking = false;
	if (status != 200) { /* it is wanted still */
		p->again = p->seconds + PAUSE_SECONDS;
		news_problem(p, json);
		return;
	}
	p->wanted[i] = false;
	event_put(&b, what, json);
	blob_unref(&p->news[i]);
	p->news[i] = event_blob(&b);
	streams_send(p, p->news[i]);
	news_ask(p);
}

/* One question at a time: each costs every edge a row. */
static void news_ask(struct page *p)
{
	for (int i = 0; i < PAGE_NEWS_MAX && !p->asking && p->nstreams && p->seconds >= p->again; i++) {
		if (!p->wanted[i])
			continue;
		if (db_state(p->op->db) == DB_UP)
			p->asking = page_question(p, NULL, page_news[i].word, SLICE("{}"), news_come);
		else if (p->seconds % page_news[PAGE_EDGES].every == 0)
			news_problem(p, SLICE("the database is away: this edge alone is shown"));
		return;
	}
}

void page_on_second(struct operator* op)
{
	struct page *p = op->page;
	if (!p->nstreams)
		return;
	streams_cut_stuck(p);
	streams_sample(p);
	p->seconds++;
	for (int i = 0; i < PAGE_NEWS_MAX; i++)
		if (p->seconds % page_news[i].every == 0)
			p->wanted[i] = true;
	news_ask(p);
}

/* ---- a stream ---- */

static size_t stream_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	(void)c, (void)owner, (void)p;
	return n; /* there is nothing to say here */
}

static void stream_on_eof(struct conn *c, void *owner)
{
	(void)owner;
	conn_kill(c, CLOSE_PEER);
}

static void stream_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	struct stream *s = owner;
	(void)c, (void)why;
	list_del(&s->link);
	s->page->nstreams--;
	free(s);
}

static const struct conn_events stream_events = {
	.on_data = stream_on_data, .on_eof = stream_on_eof, .on_dead = stream_on_dead};

/* What a page needs before the first second is over: who speaks, the last ten minutes, and the last news. */
static void stream_greet(struct stream *s)
{
	const struct operator* op = s->page->op;
	struct buf b = {0};
	buf_str(&b, "retry: 2000\n\n");
	event_begin(&b, "hello");
	json_open(&b);
	json_member_str(&b, "edge_id", slice_str(op->edge_id));
	json_member_str(&b, "name", slice_str(op->name));
	json_member_str(&b, "version", SLICE(BELLWIRE_VERSION));
	json_member_time(&b, "started_at", op->started_ms);
	json_member(&b, "columns");
	history_put_columns(&b);
	json_close(&b);
	event_end(&b);
	event_begin(&b, "samples");
	history_put(op, &b);
	event_end(&b);
	event_begin(&b, "reasons");
	history_put_reasons(op, &b);
	event_end(&b);
	struct blob *blob = event_blob(&b);
	conn_send(s->conn, blob);
	blob_unref(&blob);
	for (int i = 0; i < PAGE_NEWS_MAX; i++)
		if (s->page->news[i])
			conn_send(s->conn, s->page->news[i]);
}

void page_stream(struct page *p, struct http_exchange *x)
{
	if (p->nstreams >= STREAMS_MOST || http_head(x)->method == HTTP_HEAD) {
		page_refuse(x, 503, "too many look at once");
		return;
	}
	struct stream *s = NEW(struct stream);
	s->page = p;
	s->conn = http_detach(x, SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	                               "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	                               "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n"));
	conn_set_events(s->conn, &stream_events, s);
	list_add_tail(&p->streams, &s->link);
	p->nstreams++;
	stream_greet(s);
	for (int i = 0; i < PAGE_NEWS_MAX; i++)
		p->wanted[i] = true;
	news_ask(p);
}

/* Their connections have ended: admin_stop comes before. */
void page_streams_stop(struct page *p)
{
	assert(list_empty(&p->streams));
	for (int i = 0; i < PAGE_NEWS_MAX; i++)
		blob_unref(&p->news[i]);
}
