/*
 * Prepares by SQL, as the pump does: an error is an answer like any other.
 */
#include "db/known.h"

#include "base/mem.h"
#include "db/result.h"

static void known_on_prepared(void *arg, enum link_fate fate, const PGresult *res)
{
	struct known *k = arg;
	k->prepared = fate == LINK_ANSWERED && PQresultStatus(res) == PGRES_COMMAND_OK;
	k->ready(k->arg);
}

void known_prepare(struct known *k, uint64_t timeout_ms)
{
	char *sql = mem_printf("prepare \"%s\" as %s", k->name, k->sql);
	link_send(k->link, sql, 0, NULL, timeout_ms, known_on_prepared, k);
	free(sql);
}

void known_down(struct known *k)
{
	k->prepared = false;
}

bool known_send(struct known *k, int n, const char *const *values, uint64_t timeout_ms, link_answer *answer, void *arg)
{
	if (k->prepared)
		return link_execute(k->link, k->name, n, values, timeout_ms, answer, arg);
	return link_send(k->link, k->sql, n, values, timeout_ms, answer, arg);
}

bool known_is_void(struct known *k, const PGresult *res)
{
	const char *state = db_sqlstate(res);
	bool was = k->prepared;
	if (db_rows_ok(res) || (strcmp(state, "26000") != 0 && strcmp(state, "0A000") != 0))
		return false;
	k->prepared = false;
	return was;
}
