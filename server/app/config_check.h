/*
 * Checks that the table of settings cannot express: values that make no sense, alone or together, and files that cannot
 * be used.
 */
#ifndef APP_CONFIG_CHECK_H
#define APP_CONFIG_CHECK_H

#include "app/config.h"
#include "auth/auth.h"

struct buf;

/* Adds a line for each problem. Reads key and certificate files; opens no port and no connection. */
bool config_check(const struct config *c, struct buf *problems) MUST_CHECK;

struct auth_config config_auth(const struct config *c); /* borrows c's strings */

#endif
