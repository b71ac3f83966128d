/*
 * Cross-origin headers (H9): which web pages may read an answer. One rule for every path of the process.
 *
 * `allowed` is the setting: NULL or empty is off, "*" is every origin, else a comma list of origins. A listed origin is
 * named in the answer; another one is not, and its browser withholds the answer from the page. Nothing is refused here.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "http/http.h"

bool http_origin_listed(const char *list, struct slice origin); /* in a comma list */
bool http_cors_is_on(const char *allowed);
void http_cors_put(struct buf *headers, const char *allowed, const struct http_exchange *x);

/* For the answer to a preflight (OPTIONS), behind http_cors_put. `methods` is a comma list; every header that is asked
 * for is allowed. */
void http_cors_put_preflight(struct buf *headers, const char *methods, const struct http_exchange *x);

#endif
