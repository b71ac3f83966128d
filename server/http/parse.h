/*
 * Heads and chunked bodies of HTTP/1.x from bytes (RFC 9112). Strict wherever two readings of one message would let a
 * request hide in another: bare LF, folded lines, blanks before a colon, two lengths. Private to http/.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "http/http.h"

#define HTTP_MAX_HEADERS 100

struct http_header {
	struct slice name, value; /* the value is trimmed */
};

struct http_parsed {
	struct http_head head;
	unsigned nheaders;
	bool expect_continue, close, keep_alive;
	struct http_header headers[HTTP_MAX_HEADERS];
};

/* Looks for the end of a head. *end is its size with its empty line; 0: it has not ended. *scanned, first 0, remembers
 * where to go on. 0, or the status to refuse it with: the bytes so far begin no request. So a TLS hello, or lines that
 * end in a bare LF, need not wait for an end that never comes. */
int http_head_end(struct slice in, size_t *scanned, size_t *end) MUST_CHECK;

/* Parses a whole head. 0, or the status to refuse it with. Slices of *out point into text. */
int http_parse_head(struct slice text, struct http_parsed *out) MUST_CHECK;

bool http_name_eq(struct slice name, const char *lower);   /* in any case */
bool http_has_token(struct slice list, const char *lower); /* a member of a comma list, in any case */

struct http_chunked {
	uint8_t state;
	uint64_t left;     /* bytes of the present chunk */
	unsigned overhead; /* bytes of sizes, extensions and trailers so far, beyond what chunks need */
};

enum http_chunked_result { HTTP_CHUNKED_MORE, HTTP_CHUNKED_DONE, HTTP_CHUNKED_BAD, HTTP_CHUNKED_TOO_LARGE };

/* Decodes into out, which gets max bytes at most. *used: how many of the n bytes were taken. */
enum http_chunked_result http_chunked_feed(struct http_chunked *c, const char *p, size_t n, struct buf *out, size_t max,
                                           size_t *used);

#endif
