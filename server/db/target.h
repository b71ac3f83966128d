/*
 * The places that a connection string may lead to, one for each address of each host, and the one that is tried next.
 * libpq would walk such a list itself, but with one deadline for all of it: a host that accepts and says nothing would
 * keep every other from being tried. Private to db/.
 */
#ifndef DB_TARGET_H
#define DB_TARGET_H

#include "base/slice.h"

struct target {
	char *host, *hostaddr, *port; /* NULL: as the connection string says */
};

struct targets {
	struct target *at;
	size_t n;
	size_t first; /* where the walk began */
	size_t tried; /* places of this walk, the present one included */
	char *good;   /* the place that worked last; NULL: none */
	char *error;  /* why there is none; NULL: there are some */
};

/* Empty slices stand for NULL, but for a host with an address, whose name libpq wants for certificates. */
void targets_add(struct targets *t, struct slice host, struct slice hostaddr, struct slice port);
void targets_fini(struct targets *t);

/* Takes the places of another list, which is empty afterwards; keeps in mind what worked. */
void targets_renew(struct targets *t, struct targets *from);

const struct target *targets_first(struct targets *t); /* the place that worked last, else the first; NULL: none */
const struct target *targets_next(struct targets *t);  /* another one; NULL: each has been tried */
void targets_worked(struct targets *t);                /* the present one did */

#endif
