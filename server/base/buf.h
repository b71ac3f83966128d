/*
 * A growing run of bytes. Empty (zeroed) it holds no memory; whoever embeds it calls buf_fini.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *p;
	size_t n;   /* bytes held */
	size_t cap; /* bytes allocated */
};

char *buf_room(struct buf *b, size_t n); /* n writable bytes behind the held ones; grow b->n by what was written */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_slice(struct buf *b, struct slice s);
void buf_char(struct buf *b, char c);
void buf_str(struct buf *b, const char *s);
void buf_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_json_str(struct buf *b, struct slice s); /* quoted and escaped as X8 asks; s is valid UTF-8 */
void buf_drop(struct buf *b, size_t n);           /* the first n bytes leave */
char *buf_steal(struct buf *b, size_t *n);        /* the caller owns the bytes (terminated); the buf is empty */
void buf_fini(struct buf *b);                     /* frees and zeroes */

static inline struct slice buf_view(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

#endif
