#include "db/pace.h"

#include "base/log.h"

#define WINDOW_MS 30
#define ROWS_TO_WAKE 2 /* in a window; must lie below the rate that ringing itself allows (0010-pace.md, "refused") */
#define ROWS_TO_STAY 1 /* fewer in a window: the bell is cheaper than polling */
#define AGE_TO_WAKE_US 30000
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
	p->stats->pump_transitions++;
}

static void pace_new_window(struct pace *p)
{
	p->window_at = loop_now(p->loop);
	p->window_rows = 0;
}

void pace_begin(struct pace *p)
{
	p->want_arm = p->want_disarm = false; /* the bell's lock went with the session */
	pace_enter(p, PACE_BUSY);
	pace_new_window(p);
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
	pace_new_window(p);
}

void pace_asked(struct pace *p)
{
	p->asked_at = loop_now(p->loop);
	p->asked_us = loop_now_us(p->loop);
}

void pace_answered(struct pace *p)
{
	p->took_us = loop_now_us(p->loop) - p->asked_us;
}

void pace_fetched(struct pace *p, uint64_t rows, uint64_t xmin)
{
	const enum db_bell bell = p->cfg->bell;
	bool over = loop_now(p->loop) - p->window_at >= WINDOW_MS;
	if (p->state == PACE_BUSY) {
		p->window_rows += rows;
		if (!over)
			return;
		p->want_arm = bell == DB_BELL_ALWAYS || (bell == DB_BELL_AUTO && p->window_rows < ROWS_TO_STAY);
		pace_new_window(p);
		return;
	}
	if (over)
		pace_new_window(p);
	p->window_rows += rows;
	/*
	 * Writers that ring stand in one line, which may be what keeps rows rare: where a commit takes long, behind a
	 * far standby.
	 */
	bool late = rows && p->stats->pump_lag_us >= AGE_TO_WAKE_US;
	if ((p->window_rows >= ROWS_TO_WAKE || late) && bell != DB_BELL_ALWAYS) {
		pace_enter(p, PACE_BUSY);
		p->want_disarm = true;
		pace_new_window(p);
	} else if (p->state == PACE_DRAIN && xmin > p->armed_xid) {
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
	} else if (p->state == PACE_DRAIN) {
		at = now + pace_drain_pause(p, now);
	}
	return at > now ? at : now + 1;
}
