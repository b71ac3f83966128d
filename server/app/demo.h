/*
 * The demo page: the files of one directory under /demo/, read from disk each time. Off unless BELLWIRE_DEMO_DIR is set.
 */
#ifndef APP_DEMO_H
#define APP_DEMO_H

#include "base/slice.h"

struct http_exchange;

bool demo_wants(const char *dir, struct slice path); /* dir: NULL or empty is off */
void demo_handle(const char *dir, struct http_exchange *x);

#endif
