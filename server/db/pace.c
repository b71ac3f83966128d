#include "db/pace.h"

#define WINDOW_MS 30
#define ROWS_TO_WAKE 2 /* H: in a window; must lie below the rate that ringing itself allows (design section 2) */
#define ROWS_TO_STAY 1 /* L */
#define AGE_TO_WAKE_US 30000
#define BUSY_SHARE 8
#define DRAIN_MOST_MS 50

static void set_state(struct pace *p, enum pace_state s)
{
	if (p->state == s)
		return;
	p->state = s;
	p->db->stats.pump_state = s;
	p->db->stats.pump_transitions++;
}

static void new_window(struct pace *p)
{
	p->window_at = loop_now(p->db->loop);
	p->window_rows = 0;
}

void pace_begin(struct pace *p)
{
	p->want_arm = p->want_disarm = false; /* the bell's lock went with the session */
	set_state(p, PACE_BUSY);
	new_window(p);
}

void pace_end(struct pace *p)
{
	set_state(p, PACE_AWAY);
}

void pace_armed(struct pace *p, uint64_t xid)
{
	set_state(p, PACE_DRAIN);
	p->armed_xid = xid;
	p->armed_at = loop_now(p->db->loop);
	new_window(p);
}

void pace_asked(struct pace *p)
{
	p->asked_at = loop_now(p->db->loop);
	p->asked_us = loop_now_us(p->db->loop);
}

void pace_answered(struct pace *p)
{
	p->took_us = loop_now_us(p->db->loop) - p->asked_us;
}

void pace_fetched(struct pace *p, uint64_t rows, uint64_t xmin)
{
	const struct db_config *cfg = &p->db->cfg;
	bool over = loop_now(p->db->loop) - p->window_at >= WINDOW_MS;
	if (p->state == PACE_BUSY) {
		p->window_rows += rows;
		if (!over)
			return;
		p->want_arm = cfg->bell == DB_BELL_ALWAYS ||
		              (cfg->bell == DB_BELL_AUTO && p->window_rows < ROWS_TO_STAY);
		new_window(p);
		return;
	}
	if (over)
		new_window(p);
	p->window_rows += rows;
	/* Ringing stands in one line: where a commit takes long, behind a far standby, it may be what keeps the rate below H. */
	bool late = rows && p->db->stats.pump_lag_us >= AGE_TO_WAKE_US;
	if ((p->window_rows >= ROWS_TO_WAKE || late) && cfg->bell != DB_BELL_ALWAYS) {
		set_state(p, PACE_BUSY);
		p->want_disarm = true;
		new_window(p);
	} else if (p->state == PACE_DRAIN && xmin > p->armed_xid) {
		set_state(p, PACE_ASLEEP);
	}
}

/* Polls take an eighth of one backend at most, down to one a millisecond; where the machine is busy they become rarer by themselves. */
static uint64_t busy_pause(const struct pace *p)
{
	uint64_t pause = p->took_us * BUSY_SHARE / 1000, most = p->db->cfg.poll_ms;
	return pause < 1 ? 1 : pause < most ? pause : most;
}

/*
 * What commits in DRAIN without ringing is as old as the drain itself: a pause of a quarter of its age adds no more than that to
 * what the writer's own commit took, and an old transaction costs 20 polls a second.
 */
static uint64_t drain_pause(const struct pace *p, uint64_t now)
{
	uint64_t pause = (now - p->armed_at) / 4, least = p->db->cfg.poll_ms;
	if (pause > DRAIN_MOST_MS)
		pause = DRAIN_MOST_MS;
	return pause > least ? pause : least;
}

uint64_t pace_next(const struct pace *p)
{
	uint64_t now = loop_now(p->db->loop), at = now + p->db->cfg.fallback_poll_ms;
	if (p->state == PACE_BUSY) {
		at = p->asked_at + busy_pause(p);
		if (p->took_us < 500) /* the clock may tick in between: twice within a millisecond, then */
			return at;
	} else if (p->state == PACE_DRAIN) {
		at = now + drain_pause(p, now);
	} else if (p->db->cfg.fallback_poll_ms == 0) {
		return 0;
	}
	return at > now ? at : now + 1;
}
