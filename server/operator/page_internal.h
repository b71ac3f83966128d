/*
 * What the files of the page share: requests (page.c), streams (page_live.c) and questions to the database
 * (page_ask.c). Private to operator/.
 */
#ifndef OPERATOR_PAGE_INTERNAL_H
#define OPERATOR_PAGE_INTERNAL_H

#include "base/blob.h"
#include "http/http.h"
#include "operator/history.h"
#include "operator/page.h"

/* What all streams are told besides samples: X(NAME, word, every). The word is the event's name and the question's. It
 * is asked every so many seconds while somebody looks, and when somebody comes. */
#define PAGE_NEWS(X)       \
	X(EDGES, edges, 2) \
	X(BUSY, busy, 10)  \
	X(HISTORY, history, 10)
enum page_news {
#define X(NAME, word, every) PAGE_##NAME,
	PAGE_NEWS(X)
#undef X
		PAGE_NEWS_MAX
};

struct page {
	struct operator* op;
	double tokens; /* of page_pays */
	uint64_t tokens_at;
	struct list streams; /* owns each */
	unsigned nstreams;
	struct list questions; /* owns each */
	unsigned nquestions;
	uint64_t seconds; /* that somebody has looked */
	bool asking;      /* a question for the streams is out */
	uint64_t again;   /* seconds: none before, as the last one failed */
	bool wanted[PAGE_NEWS_MAX];
	struct blob *news[PAGE_NEWS_MAX]; /* the last of each, for who comes next; NULL: none yet */
};

/* ---- page.c ---- */

void page_refuse(struct http_exchange *x, int status, const char *why); /* JSON: {"problem": why} */

/* ---- page_live.c ---- */

void page_stream(struct page *p, struct http_exchange *x); /* the exchange becomes a stream, or is refused */
void page_on_second(struct operator* op);
void page_streams_stop(struct page *p);

/* ---- page_ask.c ---- */

/*
 * Asks the edges: what and about are those of rt.page_ask. done is called once, from the loop, with the JSON of
 * rt.page_answer and status 200, or with another status and the reason. x: who has asked, or NULL; when it leaves, done
 * is not called. False: too many questions are out, and nothing was done.
 */
typedef void page_done(struct page *p, struct http_exchange *x, const char *what, int status, struct slice json);
bool page_question(struct page *p, struct http_exchange *x, const char *what, struct slice about,
                   page_done *done) MUST_CHECK;
void page_questions_stop(struct page *p);

#endif
