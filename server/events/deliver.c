/*
 * Delivery of one row.
 */
#include "events/deliver.h"
#include "base/text.h"
#include "events/confirm.h"
#include "events/few.h"
#include "people/audience.h"
#include "people/delivery.h"

struct packet *deliver_packet(const struct db_event *e)
{
	struct buf data = {0};
	json_compact(&data, e->data);
	struct packet *p = sio_event_packet("/", e->event, buf_view(&data));
	buf_fini(&data);
	return p;
}

static struct delivery *deliver_confirmed(struct events *ev, const struct db_event *e)
{
	struct delivery *d = e->confirm.n ? confirm_delivery(e) : NULL;
	if (d && d->few)
		few_begin(ev, d);
	return d;
}

/* False: the socket is ending, and takes no more packets. */
static bool deliver_to(struct events *ev, struct client *c, struct packet *p, struct delivery *d)
{
	bool sent = sio_send(c->sio, p);
	if (sent && d && d->few)
		few_offer(ev, d, c);
	else if (sent && d)
		confirm_expect(c, d, c->people->fence_value);
	if (c->recoverable)
		c->people->recovery->sent(c);
	return sent;
}

static void deliver_count(struct events *ev, const struct db_event *e, uint64_t sent, uint64_t dropped)
{
	struct counts *counts = &ev->people->counts;
	counts_of_event(counts, e->event, STATUS_OK, sent);
	counts_of_event(counts, e->event, STATUS_DROPPED, dropped);
	if (sent)
		counts_written(counts, e->at_us, sent);
	log_debug(ev->people->ident, "event", LSL("event", e->event), LU("id", e->id), LU("sockets", sent));
}

void deliver_event(struct events *ev, const struct db_event *e, void (*told)(struct client *c, void *arg), void *arg)
{
	struct packet *packet = NULL;
	struct delivery *d = NULL;
	struct audience a;
	struct client *c;
	uint64_t sent = 0, dropped = 0;
	struct trace *trace = e->id ? ev->people->trace : NULL; /* presence that was coalesced is no row any more */
	ev->people->fence_value++;
	trace_event(trace, e->id, ev->people->fence_value, clock_wall_ms());
	audience_begin(&a, ev->people, e->everyone ? SLICE(HUB_EVERYONE) : e->rooms, e->except_rooms);
	while ((c = audience_next(&a))) {
		if (c->owed_sync) {
			trace_client(trace, c->number, TRACE_OWED);
			continue;
		}
		if (!packet) { /* not before: an event for rooms that nobody here is in costs no more than its row */
			packet = deliver_packet(e);
			d = deliver_confirmed(ev, e);
		}
		if (c->state == CLIENT_OPEN) {
			bool took = deliver_to(ev, c, packet, d);
			trace_client(trace, c->number, took ? TRACE_QUEUED : TRACE_DROPPED);
			sent += took;
			dropped += !took;
			if (told)
				told(c, arg);
		} else {
			sent++;
			trace_client(trace, c->number, TRACE_HELD);
			if (c->state == CLIENT_RECOVERING)
				c->people->recovery->hold(c, packet, d, e->id);
		}
	}
	trace_event_over(trace);
	if (d && d->few)
		few_ask(ev, d, e);
	deliver_count(ev, e, sent, dropped);
	packet_unref(&packet);
	delivery_unref(&d);
}
