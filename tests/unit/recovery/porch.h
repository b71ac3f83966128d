/*
 * The floor of recovery on those below it, and above it as much of entry/ as it needs: CONNECT enters the rooms
 * `porch.rooms`, and opens or recovers at once. A socket that is opened as a new one is told sync:required, as always.
 */
#ifndef UNIT_PORCH_H
#define UNIT_PORCH_H

#include "events/hall.h"
#include "people/tell.h"
#include "recovery/parts.h"
#include "recovery/missed.h"
#include "recovery/offsets.h"
#include "recovery/recover.h"
#include <stdarg.h>

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define CHAT "11111111-0000-4000-8000-000000000001"
#define OTHER "22222222-0000-4000-8000-000000000002"

static struct {
	struct recovery recovery;
	const char *rooms; /* the rooms of every client that opens */
	int recovered, opened;
	char pid[PID_LEN + 1], offset[TOKEN_MAX_TEXT + 1]; /* as porch_reads_offset has found them */
} porch;

static void porch_done(struct client *c, struct slice reason, bool recovered)
{
	client_enter(c, CLIENT_OPEN);
	porch.recovered += recovered;
	porch.opened++;
	if (recovered) {
		client_emit(c, SLICE("connected"), SLICE("{}"));
		offset_due(c);
		return;
	}
	struct buf extra = {0};
	recover_reply(&extra, c);
	sio_accept(c->sio, buf_view(&extra));
	buf_fini(&extra);
	client_emit(c, SLICE("connected"), SLICE("{}"));
	client_sync(c, reason);
}

static void porch_open(struct client *c, struct slice auth)
{
	struct list queue;
	list_init(&queue);
	recover_asked(&porch.recovery, c, auth);
	client_stand(c, PLACE_QUEUE, &queue);
	client_stand(c, PLACE_CALL, NULL);
	client_join_all(c, slice_str(porch.rooms));
	hub_enter(c->people->hub, &c->member);
	if (!recover_begin(c, SLICE("reconnection"), porch_done))
		porch_done(c, SLICE("reconnection"), false);
}

static void porch_last(void)
{
	offsets_turn(&porch.recovery);
}

static void porch_gap(void)
{
	offsets_gap(&porch.recovery);
	attempts_gap(&porch.recovery);
}

static void porch_up(void)
{
	offsets_database_up(&porch.recovery);
}

static inline void porch_begin(void)
{
	hall_begin();
	hall.open = porch_open;
	hall.on_last = porch_last;
	hall.on_gap = porch_gap;
	hall.on_up = porch_up;
	database_answers(&hall.base, "rt.recovery_key", KEY);
	memset(&porch, 0, sizeof porch);
	porch.rooms = "participants:" CHAT;
	porch.recovery = (struct recovery){
		.people = &hall.stage.people, .events = &hall.events, .db = hall.base.db, .bytes_max = 10000};
	recovery_parts_start(&porch.recovery);
	db_start(hall.base.db);
}

static inline void porch_opens(void)
{
	porch_begin();
	HALL_UNTIL(!routes_missing(&hall.events) && !offsets_key_wanted(&porch.recovery));
	database_said(&hall.base);
}

static inline void porch_end(void)
{
	stage_end_clients(&hall.stage);
	db_free(&hall.base.db);
	recovery_parts_stop(&porch.recovery);
	hall_end_floor();
}

static inline struct guest *porch_guest(const char *format, ...)
{
	struct guest *g = stage_guest(&hall.stage);
	char text[TOKEN_MAX_TEXT + 200];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	guest_say(g, text);
	return g;
}

/* Comes with "recovery":true, for the first time. */
static inline struct guest *porch_asks(const char *user)
{
	return porch_guest("40{\"user\":\"%s\",\"recovery\":true}", user);
}

/* Comes back with what porch_reads_offset has found. */
static inline struct guest *porch_returns(const char *user)
{
	return porch_guest("40{\"user\":\"%s\",\"recovery\":true,\"pid\":\"%s\",\"offset\":\"%s\"}", user, porch.pid,
	                   porch.offset);
}

static void porch_copy(char *to, size_t n, const struct buf *from, const char *before)
{
	const char *at = from->n ? memmem(from->p, from->n, before, strlen(before)) : NULL;
	const char *end = at ? memchr(at + strlen(before), '"', from->n - (size_t)(at + strlen(before) - from->p))
	                     : NULL;
	if (!end)
		return;
	CHECK((size_t)(end - at) - strlen(before) < n);
	snprintf(to, n, "%.*s", (int)((size_t)(end - at) - strlen(before)), at + strlen(before));
}

/* Waits for one that is no withdrawal, and forgets what came with it. */
static inline void porch_reads_offset(struct guest *g)
{
	guest_waits_for(g, "[\"$o\",0,\"");
	porch_copy(porch.pid, sizeof porch.pid, &g->got, "\"pid\":\"");
	porch_copy(porch.offset, sizeof porch.offset, &g->got, "[\"$o\",0,\"");
	CHECK(*porch.pid && *porch.offset);
	guest_text(g);
}

#endif
