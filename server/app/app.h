/*
 * The edge as a whole: what `bellwire serve` runs.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/config.h"

/* Until SIGTERM; the exit code. config_file (may be NULL) is read again on SIGHUP. */
int app_serve(const struct config *cfg, const char *config_file);

#endif
