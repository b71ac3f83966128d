/*
 * Parses a message, and decides whether it is allowed.
 */
#include "emitter/message.h"

#include "base/json.h"
#include "people/errors.h"
#include "people/room_names.h"
#include "sio/parser.h"
#include "sio/sio.h"

struct parse {
	struct emitter_message *m;
	enum emitter_outcome outcome;
	const char *why;
};

static bool invalid(struct parse *p, const char *why)
{
	p->outcome = EMITTER_INVALID;
	p->why = why;
	return false;
}

static bool refused(struct parse *p, const char *why)
{
	p->outcome = EMITTER_REFUSED;
	p->why = why;
	return false;
}

const char *emitter_outcome_label(enum emitter_outcome o)
{
	static const char *const labels[] = {
#define X(NAME, label) #label,
		EMITTER_OUTCOMES(X)
#undef X
	};
	return labels[o];
}

/* ---- looking ---- */

/* Finds a member. null counts as absent: MessagePack writes null where JSON.stringify leaves undefined out (G4). */
static bool member(struct slice object, const char *key, struct slice *v)
{
	return json_get(object, key, v) && json_kind_of(*v) != JSON_NULL;
}

static bool member_of(struct slice object, const char *key, enum json_kind kind, struct slice *v)
{
	return json_get(object, key, v) && json_kind_of(*v) == kind;
}

static bool digits(struct slice s, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(s.p[i] - '0'), v))
			return false;
	return s.n > 0;
}

static bool flag(struct parse *p, struct slice object, const char *key, bool *out)
{
	struct slice v;
	if (!member(object, key, &v))
		return true;
	*out = json_kind_of(v) == JSON_TRUE;
	return *out || json_kind_of(v) == JSON_FALSE || invalid(p, "a flag is neither true nor false");
}

static const char *flaw_text(unsigned flaws)
{
	static const char *const text[] = {
		"a lone surrogate",      "U+0000",
		"a key twice",           "nested too deep",
		"a number out of range", "an object with _placeholder",
	};
	for (unsigned i = 0; i < ARRAY_LEN(text); i++)
		if (flaws & 1u << i)
			return text[i];
	return "JSON that is not taken";
}

/* ---- names ---- */

/* A name may have no control characters: a newline would make it two names, and HUB_EVERYONE contains one. */
static bool good_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= EMITTER_NAME_MOST;
}

static bool name_of(struct parse *p, struct buf *out, struct slice v)
{
	size_t from = out->n;
	if (json_kind_of(v) != JSON_STRING)
		return invalid(p, "a name is no string");
	return (json_unescape(out, v) && out->n > from && good_name(slice_of(out->p + from, out->n - from))) ||
	       invalid(p, "a name is empty, too long or has control characters");
}

static bool names(struct parse *p, struct buf *out, struct slice array, size_t most, size_t *n)
{
	struct slice v;
	*n = 0;
	for (size_t it = 0; json_next_element(array, &it, &v); ++*n) {
		if (*n == most)
			return invalid(p, "too many rooms");
		if (*n)
			buf_char(out, '\n');
		if (!name_of(p, out, v))
			return false;
	}
	return true;
}

/* Reads the rooms in opts. A message without a list of rooms is refused, so that it is not sent to everybody by
 * mistake. */
static bool target(struct parse *p, struct slice data, struct slice *opts)
{
	struct emitter_message *m = p->m;
	struct slice rooms, except;
	size_t n;
	if (!member_of(data, "opts", JSON_OBJECT, opts) || !member_of(*opts, "rooms", JSON_ARRAY, &rooms))
		return invalid(p, "no opts.rooms");
	if (!names(p, &m->rooms, rooms, EMITTER_ROOMS_MOST, &n))
		return false;
	m->everyone = n == 0;
	if (!member(*opts, "except", &except))
		return true;
	if (json_kind_of(except) != JSON_ARRAY)
		return invalid(p, "opts.except is no list");
	return names(p, &m->except, except, EMITTER_ROOMS_MOST, &n);
}

/* ---- events ---- */

/* Whether this is an `error` object with a code of people/errors.def. The emitter publishes its own failures as an
 * error of the database, without `message` (G8). */
static bool is_own_error(struct slice data)
{
	struct slice v;
	if (!member_of(data, "message", JSON_STRING, &v) || !member_of(data, "code", JSON_STRING, &v))
		return false;
	for (enum error_code i = 0; i < ERROR_COUNTED; i++)
		if (json_key_eq(slice_of(v.p + 1, v.n - 2), error_name(i)))
			return true;
	return false;
}

static bool allowed(struct parse *p, struct slice data)
{
	const struct emitter_message *m = p->m;
	struct slice event = buf_view(&m->event);
	if (sio_name_reserved(event))
		return refused(p, "a reserved event name");
	if (slice_eq(event, SLICE("connected")) || slice_eq(event, SLICE("sync:required")))
		return refused(p, "an event that only the edge sends");
	if (slice_eq(event, SLICE("error")) && (m->everyone || !is_own_error(data)))
		return refused(p, "an error that is not the product's, or for everybody");
	return true;
}

static bool emit(struct parse *p, struct slice data)
{
	struct emitter_message *m = p->m;
	struct slice packet, opts, flags, v, array, args[2];
	if (!member_of(data, "packet", JSON_OBJECT, &packet) || !member_of(packet, "data", JSON_ARRAY, &array))
		return invalid(p, "no packet.data");
	if (member(packet, "type", &v) && !slice_eq(v, SLICE("2")))
		return invalid(p, "a packet that is no event");
	if (!target(p, data, &opts))
		return false;
	if (member(opts, "flags", &flags) &&
	    (json_kind_of(flags) != JSON_OBJECT || !flag(p, flags, "volatile", &m->is_volatile)))
		return invalid(p, "opts.flags is not what it should be");
	size_t n = json_elements(array, args, ARRAY_LEN(args));
	if (n == 0)
		return invalid(p, "an event without a name");
	if (!name_of(p, &m->event, args[0]))
		return false;
	if (n != 2 || json_kind_of(args[1]) != JSON_OBJECT)
		return refused(p, "not exactly one argument, an object"); /* V5 */
	if (!allowed(p, args[1]))
		return false;
	json_compact(&m->data, args[1]);
	return m->data.n <= EMITTER_DATA_MOST || refused(p, "data over 256 KiB");
}

/* ---- rooms ---- */

/*
 * Whether a room follows rows. The emitter may not join or leave such a room: a forged join would hear what is meant
 * for others, and a forged leave would miss what the rows promise. The id of a socket is such a room too. That socket
 * may be on another edge, so the form of the name decides.
 */
static bool room_is_ours(struct slice room)
{
	if (room_family(room) != ROOM_OTHER)
		return true;
	if (room.n != SIO_ID_LEN)
		return false;
	for (size_t i = 0; i < room.n; i++) {
		char c = room.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		      c == '-'))
			return false;
	}
	return true;
}

static bool change(struct parse *p, struct slice data)
{
	struct emitter_message *m = p->m;
	struct slice rooms, opts;
	size_t n;
	if (!member_of(data, "rooms", JSON_ARRAY, &rooms))
		return invalid(p, "no rooms to join or leave");
	if (!names(p, &m->change, rooms, EMITTER_CHANGE_MOST, &n) || !target(p, data, &opts))
		return false;
	for (size_t from = 0; from < m->change.n;) {
		const char *name = m->change.p + from, *end = memchr(name, '\n', m->change.n - from);
		size_t len = end ? (size_t)(end - name) : m->change.n - from;
		if (room_is_ours(slice_of(name, len)))
			return refused(p, "a room that follows rows, or a socket's own");
		from += len + 1;
	}
	return true;
}

/* ---- the message ---- */

/* The id of an attachment is a string, or a number where pg is configured to read bigint as a number. */
static bool attachment(struct parse *p, struct slice id, bool attached)
{
	struct slice v = json_kind_of(id) == JSON_STRING ? slice_of(id.p + 1, id.n - 2) : id;
	if (attached)
		return invalid(p, "a row that names another row");
	return (digits(v, &p->m->attachment) && p->m->attachment && p->m->attachment <= INT64_MAX) ||
	       invalid(p, "attachmentId is no row's");
}

static bool message(struct parse *p, struct slice text, bool attached)
{
	struct emitter_message *m = p->m;
	struct slice v, data, opts;
	enum json_kind kind;
	unsigned flaws = 0;
	uint64_t type;
	if (!json_scan(text, &kind, &flaws) || kind != JSON_OBJECT)
		return invalid(p, "no JSON object");
	text = json_trim(text);
	if (!member_of(text, "type", JSON_NUMBER, &v) || !digits(v, &type))
		return invalid(p, "no type");
	if (type < EMITTER_EMIT || type > EMITTER_DISCONNECT) { /* G7 */
		p->outcome = EMITTER_IGNORED;
		return false;
	}
	if (flaws)
		return invalid(p, flaw_text(flaws));
	m->verb = (enum emitter_verb)type;
	if (member(text, "attachmentId", &v))
		return attachment(p, v, attached);
	if (!member_of(text, "data", JSON_OBJECT, &data))
		return invalid(p, "no data");
	switch (m->verb) {
	case EMITTER_EMIT:
		return emit(p, data);
	case EMITTER_JOIN:
	case EMITTER_LEAVE:
		return change(p, data);
	case EMITTER_DISCONNECT:
		return target(p, data, &opts) && flag(p, data, "close", &m->close);
	}
	return false;
}

enum emitter_outcome emitter_message_parse(struct emitter_message *m, struct slice text, bool attached,
                                           const char **why)
{
	struct parse p = {.m = m, .why = ""};
	*m = (struct emitter_message){0};
	bool good = message(&p, text, attached);
	*why = p.why;
	return good ? EMITTER_DONE : p.outcome;
}

void emitter_message_fini(struct emitter_message *m)
{
	buf_fini(&m->rooms);
	buf_fini(&m->except);
	buf_fini(&m->change);
	buf_fini(&m->event);
	buf_fini(&m->data);
}
