/*
 * Requests of a polling client. A connection for each costs a round trip that a kept one would not; but what is
 * checked is what was answered, and a connection that a server ends between two requests is no fault that anybody
 * should look into.
 */
#include "client/errand.h"

#include "base/mem.h"
#include "client/nobody.h"
#include "http/answer.h"

struct errand {
	struct conn *conn; /* NULL: it could not be dialled */
	struct loop *loop;
	struct deferred fail; /* of what could not be dialled */
	const char *why;
	errand_done *done;
	void *owner;
	size_t max_body;
	struct http_answer answer;
};

static void errand_release(struct errand *e)
{
	if (e->conn)
		conn_leave_to_nobody(e->conn);
	deferred_cancel(&e->fail);
	http_answer_fini(&e->answer);
	free(e);
}

static void errand_over(struct errand *e, int status, struct slice body)
{
	e->done(e->owner, status, body);
	errand_release(e);
}

static size_t errand_on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	struct errand *e = owner;
	size_t used = 0;
	(void)c;
	enum http_answer_result r = http_answer_feed(&e->answer, slice_of(p, n), e->max_body, &used);
	if (r == HTTP_ANSWER_DONE)
		errand_over(e, e->answer.status, buf_view(&e->answer.body));
	else if (r == HTTP_ANSWER_BAD)
		errand_over(e, 0, SLICE("an answer that is no HTTP, or too large"));
	return used;
}

static void errand_on_eof(struct conn *c, void *owner)
{
	struct errand *e = owner;
	(void)c;
	if (http_answer_ends(&e->answer))
		errand_over(e, e->answer.status, buf_view(&e->answer.body));
	else
		errand_over(e, 0, SLICE("the connection ended before the answer"));
}

static void errand_on_dead(struct conn *c, void *owner, enum close_reason why)
{
	struct errand *e = owner;
	(void)c;
	e->conn = NULL;
	errand_over(e, 0,
	            why == CLOSE_TLS ? SLICE("TLS failed, or the connection was refused")
	                             : SLICE("the connection broke, or was refused"));
}

static void errand_run_fail(struct deferred *d)
{
	struct errand *e = container_of(d, struct errand, fail);
	errand_over(e, 0, slice_str(e->why));
}

static void errand_send(struct errand *e, const char *host, const char *target, const struct slice *post)
{
	struct buf b = {0};
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", post ? "POST" : "GET", target, host);
	if (post)
		buf_printf(&b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", post->n);
	buf_str(&b, "\r\n");
	if (post)
		buf_slice(&b, *post);
	conn_send_copy(e->conn, buf_view(&b));
	buf_fini(&b);
}

struct errand *errand_new(const struct errand_config *cfg, const char *target, const struct slice *post,
                          errand_done *done, void *owner)
{
	static const struct conn_events events = {
		.on_data = errand_on_data, .on_eof = errand_on_eof, .on_dead = errand_on_dead};
	struct errand *e = NEW(struct errand);
	*e = (struct errand){.loop = cfg->loop, .done = done, .owner = owner, .max_body = cfg->max_body};
	deferred_init(&e->fail, errand_run_fail);
	e->conn = place_dial(cfg->place, cfg->loop, cfg->budget, &e->why);
	if (!e->conn) {
		loop_defer(e->loop, LOOP_WORK, &e->fail);
		return e;
	}
	conn_set_events(e->conn, &events, e);
	errand_send(e, place_host(cfg->place), target, post);
	return e;
}

void errand_free(struct errand **e)
{
	struct errand *gone = *e;
	*e = NULL;
	if (gone)
		errand_release(gone);
}
