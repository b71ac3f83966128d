/*
 * A terminal that is drawn anew again and again, with plain ANSI sequences: the alternate screen, so that what was
 * there before is back at the end. SIGINT and SIGTERM are taken as the key q, so that the end is always in order.
 */
#ifndef CMD_SCREEN_H
#define CMD_SCREEN_H

#include "base/slice.h"
#include <termios.h>

struct screen {
	struct termios before;
	int signals; /* a signalfd */
	bool has_keys, open;
};

bool screen_open(struct screen *s);  /* false: standard output is no terminal */
void screen_close(struct screen *s); /* harmless when it is closed already */

/* Draws the text: as many lines as there are, each cut at the right edge. */
void screen_draw(const struct screen *s, struct slice text);

/* Waits so long; false: q was pressed, or a signal came. */
bool screen_wait(const struct screen *s, int ms);

#endif
