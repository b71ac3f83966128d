#include "db/pace.h"

#include "base/log.h"

/*
 * A transaction that rings holds a lock of the whole cluster while it commits. Ringing costs nothing that counts while
 * few do, and while their commits are short: then few meet at that lock. It saves polls, and the time until the next one.
 * From so many on, polls are cheaper, whoever writes. Where there are other edges each of their sessions is told of every
 * bell, too, so there it is fewer.
 */
#define WINDOW_MS 30
#define RINGS_TO_STAY 7  /* transactions in a window, 230 a second: with more, a BUSY pump goes on polling */
#define RINGS_TO_WAKE 12 /* 400 a second: with as many, one that is rung begins to poll */
#define RINGS_TO_STAY_ALONE 75
#define RINGS_TO_WAKE_ALONE 120 /* 4000 a second */
/*
 * How long the line at that lock is: the times of all commits in a window, together, in parts of the window. What a
 * BUSY pump sees of them is the certain part only. What is rung for is read at once, so there the time until it was
 * read, without that of the reading, is that of its commit; of a long transaction alone it is not.
 */
#define LINE_US (WINDOW_MS * 1000) /* one that is never empty */
#define LINE_TO_STAY_US (LINE_US / 10)
/*
 * The lines of windows that follow each other, none of them empty, together: 64 writers have it in two windows, two
 * behind a standby in half a second. A machine that stands still for some ms makes all who commit meanwhile late, but
 * that is over with the next window.
 */
#define LINES_TO_WAKE 32

/* Nobody waits for events: a poll takes what came in 100 ms, until somebody comes; the bell is for silence alone. */
#define NOBODY_PAUSE_MS 100
#define NOBODY_WINDOW_MS 250
#define NOBODY_TO_WAKE 2

#define BUSY_SHARE 8
#define DRAIN_MOST_MS 50
#define ASLEEP_MOST_MS 15000 /* a session that asks for nothing is ended: idle_session_timeout of rt.pump_open */

/* ---- the one door to the state ---- */

static const uint8_t pace_moves[] = {
	[PACE_AWAY] = 1u << PACE_BUSY,
	[PACE_BUSY] = 1u << PACE_DRAIN | 1u << PACE_AWAY,
	[PACE_DRAIN] = 1u << PACE_ASLEEP | 1u << PACE_BUSY | 1u << PACE_AWAY,
	[PACE_ASLEEP] = 1u << PACE_BUSY | 1u << PACE_AWAY,
};
static const char *const pace_words[] = {"away", "busy", "drain", "asleep"};

static void pace_enter(struct pace *p, enum pace_state to)
{
	assert(pace_moves[p->state] & 1u << to);
	log_trace(LOG_NOBODY, "pace", LS("from", pace_words[p->state]), LS("to", pace_words[to]));
	p->state = to;
	p->stats->pump_state = to;
}

static uint64_t pace_line(const struct pace *p)
{
	return p->window.lag_us / LINE_US;
}

static void pace_new_window(struct pace *p)
{
	uint64_t line = pace_line(p);
	p->lines = line ? p->lines + line : 0;
	p->window_at = loop_now(p->loop);
	p->window = (struct pace_seen){0};
}

/* Nothing is known yet of the line. */
static void pace_first_window(struct pace *p)
{
	pace_new_window(p);
	p->lines = 0;
}

void pace_begin(struct pace *p)
{
	p->want_arm = p->want_disarm = p->want_deaf = false; /* the bell's lock went with the session */
	pace_enter(p, PACE_BUSY);
	pace_first_window(p);
}

void pace_end(struct pace *p)
{
	if (p->state != PACE_AWAY)
		pace_enter(p, PACE_AWAY);
}

void pace_armed(struct pace *p, uint64_t xid)
{
	pace_enter(p, PACE_DRAIN);
	p->armed_xid = xid;
	p->armed_at = loop_now(p->loop);
	pace_first_window(p);
}

void pace_rung(struct pace *p)
{
	p->rung = true;
}

void pace_asked(struct pace *p)
{
	p->rung = false; /* the fetch sees what it was rung for */
	p->asked_at = loop_now(p->loop);
	p->asked_us = loop_now_us(p->loop);
}

void pace_answered(struct pace *p)
{
	p->took_us = loop_now_us(p->loop) - p->asked_us;
}

static bool pace_wants_bell(const struct pace *p)
{
	const struct pace_seen *w = &p->window;
	if (p->cfg->bell != DB_BELL_AUTO)
		return p->cfg->bell == DB_BELL_ALWAYS;
	if (p->nobody)
		return w->transactions == 0;
	uint64_t ms = loop_now(p->loop) - p->window_at; /* longer than it should be, where fetches are slow */
	uint64_t most = p->alone ? RINGS_TO_STAY_ALONE : RINGS_TO_STAY;
	return w->transactions * WINDOW_MS <= most * ms && w->certain_us * WINDOW_MS <= LINE_TO_STAY_US * ms;
}

static bool pace_wants_silence(const struct pace *p)
{
	const struct pace_seen *w = &p->window;
	if (p->cfg->bell == DB_BELL_ALWAYS)
		return false;
	if (p->nobody)
		return w->transactions >= NOBODY_TO_WAKE;
	return w->transactions >= (p->alone ? RINGS_TO_WAKE_ALONE : RINGS_TO_WAKE) ||
	       p->lines + pace_line(p) >= LINES_TO_WAKE;
}

static void pace_count(struct pace *p, const struct pace_seen *seen)
{
	p->window.transactions += seen->transactions;
	uint64_t reading_us = seen->transactions * p->took_us;
	p->window.lag_us += seen->lag_us > reading_us ? seen->lag_us - reading_us : 0;
	p->window.certain_us += seen->certain_us;
}

static bool pace_window_is_over(const struct pace *p)
{
	return loop_now(p->loop) - p->window_at >= (p->nobody ? NOBODY_WINDOW_MS : WINDOW_MS);
}

static void pace_wake(struct pace *p)
{
	pace_enter(p, PACE_BUSY);
	p->want_disarm = true;
	pace_new_window(p);
}

void pace_carried(struct pace *p, uint64_t lag_us)
{
	if (pace_window_is_over(p))
		pace_new_window(p);
	p->window.transactions++;
	p->window.lag_us += lag_us;
	if (pace_wants_silence(p))
		pace_wake(p);
}

void pace_fetched(struct pace *p, const struct pace_seen *seen)
{
	bool over = pace_window_is_over(p);
	if (p->state == PACE_BUSY) {
		pace_count(p, seen);
		if (!over)
			return;
		p->want_arm = pace_wants_bell(p);
		p->want_deaf = p->nobody && !p->want_arm; /* it polls for some time */
		pace_new_window(p);
		return;
	}
	if (over)
		pace_new_window(p);
	pace_count(p, seen);
	if (pace_wants_silence(p)) {
		pace_wake(p);
	} else if (p->state == PACE_DRAIN && seen->xmin > p->armed_xid) {
		pace_enter(p, PACE_ASLEEP);
	}
}

/*
 * A pause of eight fetches: polls take an eighth of one backend at most, and where the machine is busy they become
 * rarer by themselves.
 */
static uint64_t pace_busy_pause(const struct pace *p)
{
	uint64_t pause = p->took_us * BUSY_SHARE / 1000, most = p->cfg->poll_ms;
	if (p->nobody)
		return NOBODY_PAUSE_MS;
	return pause < 1 ? 1 : pause < most ? pause : most;
}

/*
 * A row that comes without a ring now was written by a transaction at least as old as the drain. A pause of a quarter
 * of that age delays the row by no more than a quarter of what its own commit took; an old transaction costs 20 polls
 * a second.
 */
static uint64_t pace_drain_pause(const struct pace *p, uint64_t now)
{
	uint64_t pause = (now - p->armed_at) / 4, least = p->cfg->poll_ms;
	if (pause > DRAIN_MOST_MS)
		pause = DRAIN_MOST_MS;
	return pause > least ? pause : least;
}

static uint64_t pace_asleep_pause(const struct pace *p)
{
	uint64_t pause = p->cfg->fallback_poll_ms;
	return pause && pause < ASLEEP_MOST_MS ? pause : ASLEEP_MOST_MS;
}

uint64_t pace_next(const struct pace *p)
{
	uint64_t now = loop_now(p->loop), at = now + pace_asleep_pause(p);
	if (p->state == PACE_BUSY) {
		at = p->asked_at + pace_busy_pause(p);
		if (p->took_us < 500) /* at once, where the clock has ticked since: twice within a millisecond, then */
			return at;
	} else if (p->rung) {
		return p->nobody ? p->asked_at + NOBODY_PAUSE_MS : now;
	} else if (p->state == PACE_DRAIN) {
		at = now + pace_drain_pause(p, now);
	}
	return at > now ? at : now + 1;
}
