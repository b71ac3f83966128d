/*
 * Deliveries of which a few confirmations count (people/delivery.h). A fence for each of a thousand clients, of which
 * one counts, would be most of what the event costs. So as many clients are asked as are wanted, taken by chance. While
 * too few have answered, one more is asked, then many, and in the end all that have got the event.
 *
 *   few_offer for each client that was sent the event -> few_ask -> FEW_SPARE_MS -> one more -> FEW_AGAIN_MS behind
 *   the event -> more -> FEW_AGAIN_MS -> everybody
 */
#ifndef EVENTS_FEW_H
#define EVENTS_FEW_H

#include "events/events.h"

struct client;
struct delivery;

#define FEW_SPARE_MS 256 /* above the round trip of most clients: who answers in time costs one ping and one pong */
#define FEW_AGAIN_MS 500

void fews_start(struct events *ev);
void fews_stop(struct events *ev);

void few_begin(struct events *ev, const struct delivery *d); /* d->few; the event is about to be sent */
void few_offer(struct events *ev, const struct delivery *d, struct client *c); /* the client was just sent the event */
void few_ask(struct events *ev, struct delivery *d, const struct db_event *e); /* all were sent it */

#endif
