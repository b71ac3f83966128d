#include "client/nobody.h"

static size_t nobody_takes(struct conn *c, void *owner, const char *p, size_t n)
{
	(void)c, (void)owner, (void)p;
	return n;
}

static void nobody_hears(struct conn *c, void *owner)
{
	(void)c, (void)owner;
}

void conn_leave_to_nobody(struct conn *c)
{
	static const struct conn_events nobody = {.on_data = nobody_takes, .on_eof = nobody_hears};
	conn_set_events(c, &nobody, NULL);
	conn_kill(c, CLOSE_DONE);
}
