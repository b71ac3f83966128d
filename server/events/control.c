/*
 * Look-ups in the list of verbs.
 */
#include "events/control.h"

static const struct {
	struct slice verb;
	const char *data;
} verbs[] = {
#define X(NAME, verb, data) {SLICE_INIT(verb), data},
	CONTROL_VERBS(X)
#undef X
};

enum control_verb control_find(struct slice verb)
{
	size_t i = 0;
	while (i < CONTROL_UNKNOWN && !slice_eq(verbs[i].verb, verb))
		i++;
	return (enum control_verb)i;
}

void control_markdown(struct buf *out)
{
	buf_str(out, "| verb | data |\n|---|---|\n");
	for (size_t i = 0; i < CONTROL_UNKNOWN; i++)
		buf_printf(out, "| `%s` | %s |\n", verbs[i].verb.p, verbs[i].data);
}
