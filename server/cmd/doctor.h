/*
 * What `bellwire check` looks for besides settings: each finding is a line, with its remedy in the next one. Warnings
 * leave the check good.
 */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "app/config.h"
#include <libpq-fe.h>

/* Variables that look like settings and are none, descriptors, the certificate's end. */
void doctor_machine(const struct config *c);
/* pg: of DATABASE_URL. False: an edge cannot work with it. */
bool doctor_pooler(const struct config *c, PGconn *pg) MUST_CHECK;
bool doctor_session(const struct config *c, PGconn *pg,
                    const char *setting) MUST_CHECK; /* also of LISTEN_DATABASE_URL */
bool doctor_hook(const struct config *c, PGconn *pg) MUST_CHECK;
void doctor_server(const struct config *c, PGconn *pg); /* clock, connections, vacuum: warnings */

/* "bellwire: ..." and "  remedy: ..." to stderr. */
void doctor_error(const char *remedy, const char *fmt, ...) PRINTF_LIKE(2, 3);
void doctor_warn(const char *remedy, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
