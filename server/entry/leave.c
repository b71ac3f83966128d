/*
 * The end of a client.
 */
#include "entry/leave.h"
#include "base/text.h"
#include "entry/closes.h"
#include "entry/open.h"
#include "people/client.h"

static void leave_note(const struct entry *e, const struct client *c, enum close_reason why)
{
	struct trace_end end = {.number = c->number,
	                        .came_ms = c->came_ms,
	                        .why = (uint16_t)why,
	                        .caught_up = c->caught_up,
	                        .at_ms = clock_wall_ms()};
	memcpy(end.id, client_id(c).p, TRACE_ID_LEN);
	memcpy(end.user, c->user->id, TRACE_USER_LEN);
	trace_ended(e->people->trace, &end);
}

void leave_socket(struct sio_socket *s, enum close_reason why, void *entry)
{
	struct entry *e = entry;
	struct client *c = sio_user(s);
	bool clean = why == CLOSE_CLIENT_LEFT;
	e->people->counts.disconnects[why]++;
	if (!c)
		return; /* the socket was turned away and never had a client */
	struct eio_traffic t = sio_traffic(s);
	uint64_t now = clock_wall_ms();
	log_info(sio_ident(s), "disconnected", LSL("user", user_id(c->user)), LS("reason", close_label(why)),
	         LS("transport", sio_transport(s) == EIO_WEBSOCKET ? "websocket" : "polling"),
	         LU("ms", now > c->came_ms ? now - c->came_ms : 0), LU("bytes_in", t.in), LU("bytes_out", t.out));
	leave_note(e, c, why);
	if (open_is_out(c)) {
		open_forget(c, clean);
	} else if (c->registered) {
		struct ended ended = {.socket_id = client_id(c),
		                      .user = user_id(c->user),
		                      .clean = clean,
		                      .over = close_is_over(why),
		                      .expired = c->expired,
		                      .restart = why == CLOSE_SHUTDOWN};
		closes_add(e, &ended);
	}
	client_free(c);
}
