/*
 * Cross-origin headers (H9): which web pages may read an answer. One rule for every path of the process.
 *
 * `allowed` is the setting: NULL or empty is off, "*" is every origin, else a comma list of origins. A listed origin is echoed; one
 * that is not listed gets no header and the browser withholds the answer. Nothing is refused here.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "http/http.h"

bool http_cors_is_on(const char *allowed);
void http_cors_put(struct buf *headers, const char *allowed, const struct http_exchange *x); /* for any answer */

/* The further headers of the answer to a preflight (OPTIONS): methods is their list; the headers that were asked for are allowed. */
void http_cors_put_preflight(struct buf *headers, const char *methods, const struct http_exchange *x);

#endif
