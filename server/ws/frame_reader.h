/*
 * Takes a frame apart that is there whole: wslay reads the head and unmasks the payload, piece by piece. Its state is
 * 4 KiB, zeroed when it is made, so one is kept for all WebSockets of a loop: between two frames it knows nothing.
 */
#ifndef WS_FRAME_READER_H
#define WS_FRAME_READER_H

#include "base/slice.h"

struct ws_reader;

struct ws_reader *ws_reader_new(void);
void ws_reader_free(struct ws_reader **r); /* NULL is fine */

void ws_reader_begin(struct ws_reader *r,
                     struct slice frame); /* borrowed until all pieces are read, or the next begin */
/* The next piece of the payload, which ends with the next call. False: it is no frame. */
bool ws_reader_next(struct ws_reader *r, struct slice *piece) MUST_CHECK;

#endif
