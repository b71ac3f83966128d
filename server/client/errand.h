/*
 * One HTTP request and its answer, over a connection of its own: a poll or a push.
 */
#ifndef CLIENT_ERRAND_H
#define CLIENT_ERRAND_H

#include "client/dial.h"

struct errand;

struct errand_config {
	const struct place *place;
	struct loop *loop;
	struct conn_budget *budget;
	size_t max_body; /* of the answer */
};

/* Once, and from inside the errand, which is gone afterwards: its owner forgets it and does not free it. status 0:
 * there was no answer, and body says why. body ends with the call. */
typedef void errand_done(void *owner, int status, struct slice body);

/* post NULL: GET. The answer comes later, also where nothing can be sent. */
struct errand *errand_new(const struct errand_config *cfg, const char *target, const struct slice *post,
                          errand_done *done, void *owner);
void errand_free(struct errand **e); /* gives it up: done is not called. Not from inside done */

#endif
