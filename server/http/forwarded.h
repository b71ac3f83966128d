/*
 * The address of the client behind a request that came through proxies.
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "http/http.h"
#include "net/address.h"

/* The peer, or, when it is in `trusted`, the last address of X-Forwarded-For that is not. Borrowed from the request or
 * the connection. */
struct slice http_client(const struct http_exchange *x, const struct address_list *trusted);

#endif
