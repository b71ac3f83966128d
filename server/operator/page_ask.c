/*
 * Questions that the page asks all edges, as operators do, but by functions that are the page's own: rt.page_ask writes
 * the question, and rt.page_answer says what the edges answered once all have, or time is up. No link waits meanwhile:
 * the answer is looked for after a pause, then after a longer one.
 */
#include "base/json_write.h"
#include "base/mem.h"
#include "operator/page_internal.h"
#include "people/errors.h"

#define QUESTIONS_MOST 4 /* with who has asked, and one of the streams besides */
#define PATIENCE_MS 2000 /* an edge that has not answered by then is said not to have */
#define PAUSE_MS 10      /* the first; each later one is twice as long */
#define PAUSE_MOST_MS 160

struct page_question {
	struct list link; /* in page.questions */
	struct page *page;
	const char *what;        /* a literal */
	struct http_exchange *x; /* NULL: a question of the streams, or its asker has left */
	bool left;               /* its asker has left */
	page_done *done;
	struct timer later;
	char ask[UUID_LEN];
	uint64_t until; /* loop_now */
	uint64_t pause_ms;
};

static void question_free(struct page_question *q)
{
	timer_stop(q->page->op->people->loop, &q->later);
	list_del(&q->link);
	q->page->nquestions--;
	free(q);
}

/* json: with another status than 200 the reason, terminated. */
static void question_end(struct page_question *q, int status, struct slice json)
{
	struct page *p = q->page;
	struct http_exchange *x = q->x;
	const char *what = q->what;
	page_done *done = q->left ? NULL : q->done;
	question_free(q);
	if (done)
		done(p, x, what, status, json);
}

/* Errors of our functions may be read by whoever asks; others are for the log. */
static void page_question_failed(struct page_question *q, const struct db_result *r)
{
	bool ours = r->outcome == DB_ERROR && strncmp(r->sqlstate, "RT", 2) == 0;
	if (ours) {
		question_end(q, error_status(error_of_sqlstate(r->sqlstate)), slice_str(r->message));
		return;
	}
	db_failed(q->page->op->people->ident, "page's question", r);
	question_end(q, 503, SLICE("the database has not answered"));
}

static void question_answered(void *arg, const struct db_result *r)
{
	struct page_question *q = arg;
	struct loop *l = q->page->op->people->loop;
	if (r->outcome != DB_OK || r->nrows != 1) {
		page_question_failed(q, r);
	} else if (!db_is_null(r, 0, 0)) {
		question_end(q, 200, db_value(r, 0, 0));
	} else {
		timer_set(l, &q->later, loop_now(l) + q->pause_ms);
		q->pause_ms = 2 * q->pause_ms < PAUSE_MOST_MS ? 2 * q->pause_ms : PAUSE_MOST_MS;
	}
}

static void question_look(struct timer *t)
{
	struct page_question *q = container_of(t, struct page_question, later);
	struct operator* op = q->page->op;
	bool last = loop_now(op->people->loop) >= q->until;
	struct slice params[] = {slice_of(q->ask, UUID_LEN), db_bool(last)};
	if (q->left)
		question_free(q);
	else
		db_call(op->db, DB_READING, "select rt.page_answer($1::uuid, $2::boolean)", params, 2,
		        question_answered, q);
}

static void question_asked(void *arg, const struct db_result *r)
{
	struct page_question *q = arg;
	struct loop *l = q->page->op->people->loop;
	if (r->outcome != DB_OK || r->nrows != 1 || db_value(r, 0, 0).n != UUID_LEN) {
		page_question_failed(q, r);
		return;
	}
	memcpy(q->ask, db_value(r, 0, 0).p, UUID_LEN);
	q->until = loop_now(l) + PATIENCE_MS;
	q->pause_ms = PAUSE_MS;
	timer_set(l, &q->later, loop_now(l) + q->pause_ms);
}

/* ---- who has asked ---- */

static void question_parked(struct http_exchange *x, void *ctx, struct slice body)
{
	(void)x, (void)ctx, (void)body; /* it is answered by question_end */
}

static void question_abort(struct http_exchange *x, void *ctx)
{
	struct page_question *q = http_user(x);
	(void)ctx;
	q->x = NULL;
	q->left = true;
}

static void question_park(struct page_question *q)
{
	static const struct http_events events = {.on_body = question_parked, .on_abort = question_abort};
	http_set_user(q->x, q);
	http_set_events(q->x, &events, q->page);
}

bool page_question(struct page *p, struct http_exchange *x, const char *what, struct slice about, page_done *done)
{
	struct slice params[] = {slice_str(what), about};
	if (p->nquestions >= QUESTIONS_MOST + !x)
		return false;
	struct page_question *q = NEW(struct page_question);
	q->page = p;
	q->what = what;
	q->x = x;
	q->done = done;
	q->later.fire = question_look;
	list_add_tail(&p->questions, &q->link);
	p->nquestions++;
	if (x)
		question_park(q);
	db_call(p->op->db, DB_READING, "select rt.page_ask($1, $2::jsonb)", params, 2, question_asked, q);
	return true;
}

/* No call is out any more: the database ends before. */
void page_questions_stop(struct page *p)
{
	struct list *it, *tmp;
	list_each (it, tmp, &p->questions)
		question_free(list_entry(it, struct page_question, link));
}
