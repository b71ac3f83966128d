/*
 * Look-ups in the list of causes.
 */
#include "recovery/refused.h"

static const struct {
	const char *why, *text;
	bool by_sql;
} causes[] = {
#define X(NAME, why, text) [REFUSED_##NAME] = {why, text, true},
	REFUSED_BY_SQL(X)
#undef X
#define X(NAME, why, text) [REFUSED_##NAME] = {why, text, false},
		REFUSED_BY_EDGE(X)
#undef X
};

const char *refused_why(enum refused_cause cause)
{
	return causes[cause].why;
}

enum refused_cause refused_of_sql(struct slice cause)
{
	for (size_t i = 1; i < REFUSED_MAX; i++)
		if (causes[i].by_sql && slice_eq(cause, slice_str(causes[i].why)))
			return (enum refused_cause)i;
	return REFUSED_NEWER;
}

void refused_markdown(struct buf *out)
{
	buf_str(out, "| the log's `why` | what it means |\n|---|---|\n");
	for (size_t i = 1; i < REFUSED_MAX; i++)
		buf_printf(out, "| `%s` | %s |\n", causes[i].why, causes[i].text);
}
