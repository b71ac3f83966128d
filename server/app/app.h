/*
 * The edge as a whole, as `bellwire serve` runs it.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/config.h"

/* Runs until SIGTERM; returns the exit code. config_file may be NULL; SIGHUP reads it again. */
int app_serve(const struct config *cfg, const char *config_file);

#endif
