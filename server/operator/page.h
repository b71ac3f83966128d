/*
 * The page of an edge, on the internal listener under /page/ (docs/operating.md#the-page, docs/decisions/0023-page.md):
 *
 *   /page/ and its files       as the program carries them
 *   /page/live                 server-sent events: samples of this edge each second, and what all edges answer
 *   /page/user?id=             a user's sockets and last deliveries, from all edges
 *   /page/why?event=&user=     the steps of rt.explain
 *
 * It only reads. That listener knows no login, so this floor takes every request for a stranger's: what they may cost
 * together is bounded, and a browser may call the page only by an address or a name that is the edge's own, so that no
 * other site reads it through its visitor's browser.
 */
#ifndef OPERATOR_PAGE_H
#define OPERATOR_PAGE_H

#include "operator/operator.h"

struct http_exchange;

void page_start(struct operator* op); /* op->page_on and op->page_hosts are set; history_start was called */
void page_stop(struct operator* op);

bool page_wants(const struct operator* op, struct slice path);
void page_handle(struct operator* op, struct http_exchange *x); /* in on_head, of a GET or HEAD */

#endif
