/*
 * What a service manager is told (sd_notify of systemd): datagrams to the socket that NOTIFY_SOCKET names. Where the
 * variable is not set nothing is told. Nothing is retried: a manager that misses a sign of life waits for the next.
 */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include "net/loop.h"

/* state: lines NAME=value, e.g. "READY=1". */
void notify_send(const char *state);

/* Signs of life, while the loop turns, three in each time that WATCHDOG_USEC allows; a loop that is stuck is ended by
 * the manager. The caller owns it, zeroed at first; stop may be repeated. */
struct notify_watchdog {
	struct loop *loop;
	struct timer timer;
	uint64_t every_ms;
};

void notify_watchdog_start(struct notify_watchdog *w, struct loop *l);
void notify_watchdog_stop(struct notify_watchdog *w);

#endif
