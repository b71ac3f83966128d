/*
 * Whose request is it, behind proxies that are trusted?
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "http/http.h"
#include "net/address.h"

/* The peer; where that is trusted, the last address of X-Forwarded-For that is not (borrowed from the request, or the peer's text). */
struct slice http_client(const struct http_exchange *x, const struct address_list *trusted);

#endif
