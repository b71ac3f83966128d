/*
 * Error codes, from the list people/errors.def: an enum, names, HTTP statuses, and the code of an SQLSTATE.
 * rt_private.error_code maps SQLSTATEs for client events; tests/checks/errors compares the two.
 */
#ifndef PEOPLE_ERRORS_H
#define PEOPLE_ERRORS_H

#include "base/buf.h"
#include "people/errors.def"

enum error_code {
#define X(CODE, http, sqlstate, text) ERROR_##CODE,
	ERROR_CODES(X)
#undef X
		ERROR_COUNTED, /* of the codes that have a metric */
	ERROR_BEFORE_HTTP = ERROR_COUNTED - 1,
#define X(CODE, http, sqlstate, text) ERROR_##CODE,
	HTTP_ERRORS(X)
#undef X
		ERROR_MAX
};

struct slice error_name(enum error_code code);                        /* "RATE_LIMIT" */
int error_status(enum error_code code);                               /* of HTTP */
bool error_find(struct slice name, enum error_code *code) MUST_CHECK; /* false: no code of ours */
enum error_code error_of_sqlstate(const char *sqlstate);
void errors_markdown(struct buf *out); /* the table of docs/errors.md */

#endif
