/*
 * A run: people and chats are made, everybody connects, messages are written for as long as was asked, then it is
 * waited until the last of them has met its fate, and all is removed.
 */
#include "verify/run.h"

#include "base/mem.h"
#include "base/number.h"
#include <signal.h>
#include <stdio.h>

#define TURN_MS 20
#define LAST_MS 20000 /* beyond within_ms, for what has still to be decided in the end */
#define MESSAGES_A_DEED 2
#define CLOSE_MS 5000 /* for goodbyes and the removal; what an edge that died has left is removed by the next run */

const struct conn_budget verify_budget = {.max_queue_bytes = 64 << 20,
                                          .max_queue_items = 1 << 16,
                                          .max_total_bytes = (size_t)1 << 30,
                                          .max_input_bytes = (size_t)1 << 30};

void numbers_add(struct numbers *n, uint32_t x)
{
	if (n->n == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 256;
		n->at = mem_realloc(n->at, n->cap * sizeof(*n->at));
	}
	n->at[n->n++] = x;
}

uint32_t chance(uint32_t below)
{
	uint32_t x;
	random_bytes(&x, sizeof x);
	return x % below;
}

uint64_t now_ms(const struct verify *v)
{
	return loop_now(v->loop);
}

void run_name(char out[37])
{
	unsigned char raw[16];
	struct buf hex = {0};
	random_bytes(raw, sizeof raw);
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	hex_encode(&hex, slice_of(raw, sizeof raw));
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.p, hex.p + 8, hex.p + 12, hex.p + 16, hex.p + 20);
	buf_fini(&hex);
}

void verify_rename(struct verify *v)
{
	run_name(v->run);
	memcpy(v->tag, v->run, 8);
}

/* ---- the end ---- */

void verify_stop(struct verify *v, const char *trouble)
{
	if (trouble && !v->trouble)
		v->trouble = mem_strndup(trouble, strlen(trouble));
	if (v->leaving)
		return;
	v->ending = v->leaving = true;
	v->give_up_at = now_ms(v) + CLOSE_MS;
}

static void verify_on_signal(struct ev_loop *ev, ev_signal *sig, int revents)
{
	struct verify *v = sig->data;
	(void)ev, (void)revents;
	if (v->ending || !v->end_ms)
		verify_stop(v, "ended by a signal");
	v->end_ms = now_ms(v);
}

static void verify_end_turn(struct verify *v)
{
	if (!v->closing) {
		v->closing = true;
		witnesses_leave(v);
	}
	if (!v->staged || v->over || now_ms(v) >= v->give_up_at)
		loop_stop(v->loop);
}

/* ---- turns ---- */

/* Reads, likes and the like: a few to each message. */
static void verify_do(struct verify *v, double messages)
{
	v->owed_deeds += messages / MESSAGES_A_DEED;
	if (v->owed_deeds > v->o->rate)
		v->owed_deeds = v->o->rate;
	for (unsigned tries = 0; v->owed_deeds >= 1 && tries < 20; tries++)
		v->owed_deeds -= chance(2) ? speaker_do(v) : writers_write(v, false);
}

static void verify_write(struct verify *v)
{
	uint64_t now = loop_now_us(v->loop);
	double more = (double)(now - v->turn_us) * v->o->rate / 1e6;
	v->turn_us = now;
	v->owed += more;
	verify_do(v, more);
	if (v->owed > 2 * v->o->rate)
		v->owed = 2 * v->o->rate; /* nobody was free: what was not written is not made up for */
	for (unsigned tries = 0; v->owed >= 1 && tries < 100; tries++) {
		if (chance(2)) {
			speaker_speak(v);
			v->owed -= 1;
		} else {
			v->owed -= writers_write(v, true);
		}
	}
}

static bool everybody_was_there(const struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++)
		if (!v->witnesses[i].ever)
			return false;
	return true;
}

static void verify_work(struct verify *v)
{
	uint64_t now = now_ms(v);
	if (!v->end_ms && everybody_was_there(v)) {
		v->end_ms = now + v->o->run_ms;
		v->turn_us = loop_now_us(v->loop);
	}
	if (v->end_ms && now >= v->end_ms && !v->ending) {
		v->ending = true;
		trouble_ends(v);
		v->give_up_at = now + v->o->within_ms * 2 + LAST_MS;
	}
	if (v->end_ms && !v->ending) {
		verify_write(v);
		trouble_turn(v);
	}
	speaker_turn(v);
	witnesses_turn(v);
	judge_turn(v);
	bool over = v->ending && (trouble_is_over(v) || now >= v->give_up_at);
	if (over && judge_all_settled(v))
		verify_stop(v, trouble_wrong(v));
	else if (v->ending && !v->leaving && now >= v->give_up_at)
		verify_stop(v, "not everything was decided in time: is the database there?");
}

static void verify_on_turn(struct timer *t)
{
	struct verify *v = container_of(t, struct verify, turn);
	timer_set(v->loop, t, now_ms(v) + TURN_MS);
	stage_turn(v);
	if (v->leaving)
		verify_end_turn(v);
	else if (v->followed)
		verify_work(v);
}

void verify_ready(struct verify *v)
{
	v->began_ms = now_ms(v);
	witnesses_begin(v);
	writers_begin(v);
}

/* ---- life ---- */

static bool verify_places(struct verify *v)
{
	char error[512] = "";
	for (unsigned i = 0; i < v->o->nedges; i++) {
		v->places[i] = place_new(v->o->edges[i], error, sizeof error);
		if (!v->places[i]) {
			v->trouble = mem_strndup(error, strlen(error));
			return false;
		}
	}
	return true;
}

static void verify_go(struct verify *v)
{
	struct ev_loop *ev = loop_ev(v->loop);
	loop_watch_signal(v->loop, &v->term, SIGTERM, verify_on_signal, v);
	loop_watch_signal(v->loop, &v->interrupt, SIGINT, verify_on_signal, v);
	v->turn.fire = verify_on_turn;
	stage_begin(v);
	timer_set(v->loop, &v->turn, now_ms(v));
	loop_run(v->loop);
	timer_stop(v->loop, &v->turn);
	ev_signal_stop(ev, &v->term);
	ev_signal_stop(ev, &v->interrupt);
	writers_end(v);
	witnesses_end(v);
	stage_end(v);
	loop_settle(v->loop);
}

static void verify_free(struct verify *v)
{
	for (unsigned i = 0; i < v->o->nedges; i++)
		place_free(&v->places[i]);
	loop_free(&v->loop);
	free(v->said);
	free(v->asked.at);
	free(v->latencies.at);
	free(v->trouble);
	free(v->failure.what);
	buf_fini(&v->failure.expected);
	buf_fini(&v->failure.got);
	free(v);
}

static void verify_report(struct verify *v)
{
	struct buf b = {0};
	report_sort(v);
	if (v->o->json)
		report_json(v, &b);
	else
		report_text(v, &b);
	fwrite(b.p, 1, b.n, stdout);
	buf_fini(&b);
	if (v->trouble)
		fprintf(stderr, "bellwire: verify: %s\n", v->trouble);
}

bool verify_run(const struct verify_options *o)
{
	struct verify *v = NEW(struct verify);
	v->o = o;
	v->loop = loop_new();
	v->budget = verify_budget;
	v->wanderer = -1;
	v->wander_clean = true;
	memset(v->typing, 0xff, sizeof v->typing); /* NO_SAYING */
	signal(SIGPIPE, SIG_IGN);
	verify_rename(v);
	if (verify_places(v))
		verify_go(v);
	verify_report(v);
	bool good = !v->trouble && !v->failure.found;
	verify_free(v);
	return good;
}
