#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Statements at a rate, each by the first writer that is free. They are numbered: an event with "bench <number>" in it says which
 * of them it comes from. */
struct writing {
	uint32_t count, begun, done;
	int64_t *begun_at, *done_at; /* by number */
	unsigned writers;
	bool busy[MAX_WRITERS];
	uint32_t number[MAX_WRITERS]; /* that a busy one writes */
	struct times came;
	/* tally */
	uint8_t *seen; /* by number */
	uint32_t newest, misordered;
};

void write_seen(struct load *l, const char *text, size_t len)
{
	struct writing *w = l->writing;
	const char *at = memmem(text, len, "\"bench ", 7);
	uint32_t i = at ? (uint32_t)strtoul(at + 7, NULL, 10) : w->begun;
	if (i >= w->begun)
		return;
	times_note(&w->came, now_us(), i);
	if (!w->seen)
		return;
	if (w->seen[i] < 255)
		w->seen[i]++;
	if (i < w->newest)
		w->misordered++;
	else
		w->newest = i;
}

/* ---- writers ---- */

static bool is_good(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
}

static void run(PGconn *db, const char *sql)
{
	PGresult *r = PQexec(db, sql);
	if (!is_good(r))
		fail(sql, PQerrorMessage(db));
	PQclear(r);
}

static PGconn *writer(struct load *l, unsigned i)
{
	if (l->writers[i])
		return l->writers[i];
	PGconn *db = PQconnectdb(l->url);
	if (PQstatus(db) != CONNECTION_OK)
		fail("database", PQerrorMessage(db));
	run(db, "set synchronous_commit = off"); /* how fast the disk is, is not the question */
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, PQsocket(db), &e);
	return l->writers[i] = db;
}

static void writer_prepare(PGconn *db, const char *sql)
{
	run(db, "deallocate all");
	PGresult *r = PQprepare(db, "paced", sql, 1, NULL);
	if (!is_good(r))
		fail(sql, PQerrorMessage(db));
	PQclear(r);
}

static int writer_free(const struct writing *w)
{
	for (unsigned i = 0; i < w->writers; i++) {
		if (!w->busy[i])
			return (int)i;
	}
	return -1;
}

static void writer_begin(struct load *l, unsigned i)
{
	struct writing *w = l->writing;
	char number[16];
	snprintf(number, sizeof number, "%u", w->begun);
	w->busy[i] = true;
	w->number[i] = w->begun;
	w->begun_at[w->begun++] = now_us();
	if (!PQsendQueryPrepared(l->writers[i], "paced", 1, (const char *[]){number}, NULL, NULL, 0))
		fail("pace", PQerrorMessage(l->writers[i]));
}

/* Committed is what ReadyForQuery says, which is the end of the results. */
static void writer_hear(struct writing *w, unsigned i, PGconn *db)
{
	if (!PQconsumeInput(db))
		fail("pace", PQerrorMessage(db));
	while (w->busy[i] && !PQisBusy(db)) {
		PGresult *r = PQgetResult(db);
		if (!r) {
			w->done_at[w->number[i]] = now_us();
			w->done++;
			w->busy[i] = false;
		} else if (!is_good(r)) {
			fail("pace", PQerrorMessage(db));
		}
		PQclear(r);
	}
}

/* ---- at a rate ---- */

static struct writing *writing_new(struct load *l, unsigned count, unsigned frames, unsigned writers, const char *sql)
{
	struct writing *w = need(calloc(1, sizeof *w));
	w->count = count;
	w->writers = writers < 1 ? 1 : writers > MAX_WRITERS ? MAX_WRITERS : writers;
	w->begun_at = need(calloc(count, sizeof *w->begun_at));
	w->done_at = need(calloc(count, sizeof *w->done_at));
	times_begin(&w->came, (size_t)count * (frames ? frames : 1));
	for (unsigned i = 0; i < w->writers; i++)
		writer_prepare(writer(l, i), sql);
	l->writing = w;
	return w;
}

static void writing_free(struct load *l)
{
	struct writing *w = l->writing;
	times_end(&w->came);
	free(w->begun_at);
	free(w->done_at);
	free(w->seen);
	free(w);
	l->writing = NULL;
}

/* Waits for what is due, for a writer, or for events. */
static void writing_turn(struct load *l, int64_t due)
{
	struct writing *w = l->writing;
	int64_t wait = w->begun < w->count && writer_free(w) >= 0 ? due - now_us() : 1000000;
	bool db = false;
	turn_us(l, wait < 0 ? 0 : wait, &db);
	for (unsigned i = 0; db && i < w->writers; i++)
		writer_hear(w, i, l->writers[i]);
}

/* Writes them all, and waits until each has made `frames` watched events. */
static void write_all(struct load *l, unsigned per_second, unsigned frames)
{
	struct writing *w = l->writing;
	int64_t start = now_us(), step = 1000000 / per_second, due = start + step, progress = start;
	uint64_t want = l->watched + (uint64_t)w->count * frames, before = 0;
	while (l->watched < want || w->done < w->count) {
		int i = writer_free(w);
		if (w->begun < w->count && i >= 0 && now_us() >= due) {
			writer_begin(l, (unsigned)i);
			/* not in step with anybody's timer */
			due = start + (int64_t)w->begun * step + rand() % step;
		}
		writing_turn(l, due);
		if (l->watched + w->done != before)
			progress = now_us();
		before = l->watched + w->done;
		if (now_us() - progress > MAX_STALL_MS * 1000L)
			fail("pace", "frames are missing");
	}
}

/* ---- orders ---- */

void do_emit(struct load *l, unsigned steps, unsigned frames, const char *sql)
{
	int64_t t = now_us();
	uint64_t begin = l->watched;
	for (unsigned i = 0; i < steps; i++) {
		run(writer(l, 0), sql);
		wait_for(l, &l->watched, begin + (uint64_t)(i + 1) * frames);
	}
	printf("{\"deliveries\":%lu,\"us\":%ld}\n", (unsigned long)(l->watched - begin), (long)(now_us() - t));
}

void do_pace(struct load *l, unsigned count, unsigned per_second, unsigned frames, unsigned writers, const char *sql)
{
	struct writing *w = writing_new(l, count, frames, writers, sql);
	int64_t start = now_us(), last = 0;
	write_all(l, per_second, frames);
	for (unsigned i = 0; i < count; i++)
		last = w->done_at[i] > last ? w->done_at[i] : last;
	printf("{\"events\":%u,\"us\":%ld,\"written_us\":%ld", count, (long)(now_us() - start), (long)(last - start));
	struct times since_begun;
	times_begin(&since_begun, w->came.n);
	for (size_t i = 0; i < w->came.n; i++) {
		times_note(&since_begun, w->came.us[i] - w->begun_at[w->came.of[i]], 0);
		w->came.us[i] -= w->done_at[w->came.of[i]];
	}
	times_print(&w->came, "commit");
	times_print(&since_begun, "begin");
	printf("}\n");
	times_end(&since_begun);
	writing_free(l);
}

void do_tally(struct load *l, unsigned count, unsigned per_second, const char *sql)
{
	struct writing *w = writing_new(l, count, 0, 1, sql);
	w->seen = need(calloc(count, 1));
	write_all(l, per_second, 0);
	for (uint64_t before = 0; before != l->watched;) {
		before = l->watched;
		for (int64_t until = now_us() + 3000000, left; (left = until - now_us()) > 0;)
			turn_us(l, left, NULL);
	}
	unsigned lost = 0, twice = 0;
	for (unsigned i = 0; i < count; i++) {
		lost += !w->seen[i];
		twice += w->seen[i] > 1;
	}
	printf("{\"events\":%u,\"lost\":%u,\"twice\":%u,\"misordered\":%u}\n", count, lost, twice, w->misordered);
	writing_free(l);
}
