/*
 * What the table of settings cannot say: values that make no sense, alone or together, or whose files do not work.
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
