/*
 * A growing run of bytes. A zeroed struct is an empty buffer and holds no memory; the struct that embeds one calls
 * buf_fini.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *p;
	size_t n;   /* bytes held */
	size_t cap; /* bytes allocated */
};

/* n writable bytes behind those that are held. The caller adds to b->n what it has written. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_slice(struct buf *b, struct slice s);
void buf_char(struct buf *b, char c);
void buf_str(struct buf *b, const char *s);
void buf_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_json_str(struct buf *b, struct slice s); /* in quotes, escaped (X8); s is valid UTF-8 */
void buf_drop(struct buf *b, size_t n);           /* takes the first n bytes away */
char *buf_steal(struct buf *b, size_t *n);        /* the bytes, terminated, for the caller to free; b is empty */
void buf_fini(struct buf *b);                     /* frees and zeroes */

static inline struct slice buf_view(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

#endif
