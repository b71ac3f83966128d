/*
 * Writes the edge's own events, and counts them.
 */
#include "people/tell.h"
#include "base/json_write.h"
#include "base/text.h"

static void put_error(struct buf *out, const struct error_about *e, bool as_ack)
{
	json_open(out);
	if (as_ack)
		json_member_str(out, "status", SLICE("error"));
	json_member_str(out, "code", e->code);
	json_member_str(out, "message", e->message);
	json_member_time(out, "timestamp", clock_wall_ms());
	if (!as_ack && e->event.n)
		json_member_str(out, "event", e->event);
	if (e->client_id.n)
		json_member_raw(out, "client_id", e->client_id);
	if (e->retry_after_ms)
		json_member_u64(out, "retry_after_ms", e->retry_after_ms);
	if (e->hint.n)
		json_member_str(out, "hint", e->hint);
	json_close(out);
}

struct slice tell_hint(const struct people *p, const char *text)
{
	return p->dev ? slice_str(text) : (struct slice){0};
}

void error_put(struct buf *out, const struct error_about *e)
{
	put_error(out, e, false);
}

void client_emit(struct client *c, struct slice name, struct slice data)
{
	struct packet *p = sio_event_packet("/", name, data);
	counts_of_event(&c->people->counts, name, sio_send(c->sio, p) ? STATUS_OK : STATUS_DROPPED, 1);
	packet_unref(&p);
}

void client_error(struct client *c, const struct error_about *e)
{
	struct buf data = {0};
	error_put(&data, e);
	client_emit(c, SLICE("error"), buf_view(&data));
	counts_error(&c->people->counts, e->code);
	buf_fini(&data);
}

void client_fail(struct client *c, const struct error_about *e, bool wants_ack, uint64_t ack_id)
{
	client_error(c, e);
	if (!wants_ack)
		return;
	struct buf ack = {0};
	buf_char(&ack, '[');
	put_error(&ack, e, true);
	buf_char(&ack, ']');
	sio_ack(c->sio, ack_id, buf_view(&ack));
	buf_fini(&ack);
}

#define CLIENT_ID_MAX 64 /* characters, each of them six bytes at most as an escape */

struct slice tell_client_id(const struct sio_event *ev)
{
	struct slice v;
	if (ev->nargs == 0 || ev->flaws || json_kind_of(ev->args[0]) != JSON_OBJECT ||
	    !json_get(ev->args[0], "client_id", &v) || json_kind_of(v) != JSON_STRING || v.n > CLIENT_ID_MAX * 6 + 2)
		return (struct slice){0};
	return v;
}

void client_fail_event(struct client *c, const struct sio_event *ev, enum error_code code, const char *message,
                       const char *hint, uint64_t retry_after_ms)
{
	struct error_about about = {.code = error_name(code),
	                            .message = slice_str(message),
	                            .event = ev->name,
	                            .client_id = tell_client_id(ev),
	                            .retry_after_ms = retry_after_ms,
	                            .hint = tell_hint(c->people, hint)};
	counts_of_event(&c->people->counts, ev->name, STATUS_ERROR, 1);
	log_debug(sio_ident(c->sio), "event refused", LSL("event", ev->name), LSL("code", about.code));
	client_fail(c, &about, ev->wants_ack, ev->ack_id);
}

void client_sync(struct client *c, struct slice reason)
{
	struct buf data = {0};
	json_open(&data);
	json_member_str(&data, "user_id", user_id(c->user));
	json_member_str(&data, "reason", reason);
	json_member_time(&data, "timestamp", clock_wall_ms());
	json_close(&data);
	client_emit(c, SLICE("sync:required"), buf_view(&data));
	buf_fini(&data);
	if (c->recoverable)
		c->people->recovery->synced(c);
}

static void tell_stranger(struct people *p, struct sio_socket *s, const struct error_about *e)
{
	struct buf data = {0};
	error_put(&data, e);
	counts_error(&p->counts, e->code);
	counts_of_event(&p->counts, SLICE("error"), STATUS_OK, 1);
	struct packet *packet = sio_event_packet("/", SLICE("error"), buf_view(&data));
	sio_accept(s, (struct slice){0});
	sio_send(s, packet);
	packet_unref(&packet);
	buf_fini(&data);
}

void tell_unavailable(struct people *p, struct sio_socket *s)
{
	tell_stranger(p, s,
	              &(struct error_about){.code = error_name(ERROR_UNAVAILABLE),
	                                    .message = SLICE("Try again"),
	                                    .hint = tell_hint(p, TELL_AWAY)});
}

void tell_turn_away(struct people *p, struct sio_socket *s, const struct error_about *e, enum close_reason why)
{
	tell_stranger(p, s, e);
	sio_disconnect(s, true, why);
}
