/*
 * From a verb's text to its number.
 */
#include "events/control.h"

static const struct slice verbs[] = {
#define X(NAME, verb) SLICE_INIT(verb),
	CONTROL_VERBS(X)
#undef X
};

enum control_verb control_find(struct slice verb)
{
	size_t i = 0;
	while (i < CONTROL_UNKNOWN && !slice_eq(verbs[i], verb))
		i++;
	return (enum control_verb)i;
}
