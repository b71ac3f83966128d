/*
 * Begins attempts, and forwards to them the events of people's recovery_hooks.
 */
#include "recovery/recover.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "recovery/attempt.h"

struct attempts {
	struct list wait_key; /* of entering.link: PLACE_KEY */
};

/* ---- CONNECT ---- */

static char *text_of(struct slice auth, const char *key, size_t max)
{
	struct slice v;
	struct buf text = {0};
	char *copy = NULL;
	if (json_get(auth, key, &v) && json_kind_of(v) == JSON_STRING && v.n <= max + 2 && json_unescape(&text, v))
		copy = mem_strndup(text.p ? text.p : "", text.n);
	buf_fini(&text);
	return copy;
}

static bool is_pid(const char *s)
{
	return strlen(s) == PID_LEN &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == PID_LEN;
}

void recover_asked(struct recovery *rec, struct client *c, struct slice auth)
{
	struct slice v;
	if (auth.n == 0 || json_kind_of(auth) != JSON_OBJECT || !json_get(auth, "recovery", &v) ||
	    json_kind_of(v) != JSON_TRUE)
		return;
	offset_new(rec, c);
	char *pid = text_of(auth, "pid", PID_LEN), *offset = text_of(auth, "offset", TOKEN_MAX_TEXT);
	if (pid && offset && is_pid(pid)) {
		struct attempt *a = c->recoverable->attempt = NEW(struct attempt);
		a->pid = pid;
		a->offset = offset;
		a->since = loop_now(c->people->loop);
		return;
	}
	free(pid);
	free(offset);
}

/* ---- its rooms are entered ---- */

bool recover_begin(struct client *c, struct slice reason, recover_done *done)
{
	struct attempt *a = c->recoverable ? c->recoverable->attempt : NULL;
	if (!a)
		return false;
	struct recovery *rec = c->recoverable->recovery;
	a->reason = mem_strndup(reason.p, reason.n);
	a->done = done;
	client_enter(c, CLIENT_RECOVERING);
	if (offsets_key_wanted(rec))
		client_stand(c, PLACE_KEY, &rec->attempts->wait_key);
	else
		attempt_start(c);
	return true;
}

static void attempts_key(struct recovery *rec)
{
	struct entering *e;
	while ((e = list_first(&rec->attempts->wait_key, struct entering, link)))
		attempt_start(e->client); /* takes the client out of the list in any case */
}

static void attempt_break(struct client *c, void *arg)
{
	(void)arg;
	if (c->state == CLIENT_RECOVERING)
		c->recoverable->attempt->broken = REFUSED_GAP;
}

void attempts_gap(struct recovery *rec)
{
	people_each(rec->people, attempt_break, NULL);
}

/* ---- meanwhile ---- */

static void recover_hold(struct client *c, struct packet *p, struct delivery *d, uint64_t row)
{
	struct attempt *a = c->recoverable->attempt;
	if (!a->holding || a->broken)
		return; /* not holding yet: P will see the row */
	if (a->held.n == ATTEMPT_EVENTS_MAX) {
		a->broken = REFUSED_HELD;
		held_free(&a->held);
		return;
	}
	held_add(&a->held, p, d, row);
}

void recover_forget(struct client *c)
{
	if (!c->recoverable)
		return;
	attempt_free(&c->recoverable->attempt);
	offset_free(c);
}

void recover_reply(struct buf *out, const struct client *c)
{
	if (c->recoverable)
		json_member_str(out, "pid", offset_pid(c));
}

/* ---- life ---- */

void attempts_start(struct recovery *rec)
{
	static const struct recovery_hooks hooks = {
		.sent = offset_due,
		.synced = offset_synced,
		.hold = recover_hold,
		.forget = recover_forget,
	};
	struct attempts *as = rec->attempts = NEW(struct attempts);
	list_init(&as->wait_key);
	rec->on_key = attempts_key;
	rec->people->recovery = &hooks;
}

void attempts_stop(struct recovery *rec)
{
	free(rec->attempts);
	rec->attempts = NULL;
}
