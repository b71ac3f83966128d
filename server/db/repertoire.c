/*
 * Prepared at the second answer: a statement that is sent once at start would cost a round trip for nothing.
 */
#include "db/repertoire.h"

#include "base/mem.h"
#include <stdio.h>

#define ANSWERS_BEFORE 2

void repertoire_init(struct repertoire *r, struct link *link, void (*ready)(void *arg), void *arg)
{
	*r = (struct repertoire){.link = link, .ready = ready, .arg = arg};
}

/* Statements that call this function already. */
static size_t repertoire_namesakes(const struct repertoire *r, struct slice function)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += strcspn(r->pieces[i].name, "/") == function.n &&
		     memcmp(r->pieces[i].name, function.p, function.n) == 0;
	return n;
}

static struct known *repertoire_add(struct repertoire *r, const char *sql)
{
	const char *name = strstr(sql, "rt.");
	if (!name || r->n == REPERTOIRE_MOST)
		return NULL;
	struct slice function = slice_of(name, strcspn(name, "("));
	size_t before = repertoire_namesakes(r, function);
	struct piece *p = &r->pieces[r->n++];
	int end = snprintf(p->name, sizeof p->name, "%.*s", (int)function.n, function.p);
	if (before && end > 0 && (size_t)end < sizeof p->name)
		snprintf(p->name + end, sizeof p->name - (size_t)end, "/%zu", before);
	p->known = (struct known){.link = r->link,
	                          .name = p->name,
	                          .sql = mem_strndup(sql, strlen(sql)),
	                          .ready = r->ready,
	                          .arg = r->arg};
	return &p->known;
}

struct known *repertoire_find(struct repertoire *r, const char *sql)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->pieces[i].known.sql, sql) == 0)
			return &r->pieces[i].known;
	return repertoire_add(r, sql);
}

void repertoire_answered(struct known *k, uint64_t timeout_ms)
{
	struct piece *p = container_of(k, struct piece, known);
	if (++p->answers == ANSWERS_BEFORE) /* not later: a session that has forgotten it is sent all of it */
		known_prepare(k, timeout_ms);
}

void repertoire_down(struct repertoire *r)
{
	for (size_t i = 0; i < r->n; i++) {
		known_down(&r->pieces[i].known);
		r->pieces[i].answers = 0;
	}
}

void repertoire_fini(struct repertoire *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((char *)r->pieces[i].known.sql);
}
