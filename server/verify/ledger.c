/*
 * What was done, each thing with a number from which all of it follows: its text, its id, and what belongs to it. So a
 * client that hears something knows what, before anybody has the answer to its commit.
 */
#include "verify/run.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include <stdio.h>

#define UUID_HEAD 24 /* characters of the run's name in a uuid of its own; the number follows */
#define UUID_LEN 36

static const struct {
	const char *label, *event, *text;
} kinds[KIND_MAX] = {
#define X(NAME, label, event, text) {#label, event, text},
	KINDS(X)
#undef X
};

const char *kind_label(enum kind k)
{
	return kinds[k].label;
}

const char *kind_text(enum kind k)
{
	return kinds[k].text;
}

bool kind_of_event(struct slice name, enum kind *k)
{
	for (unsigned i = 0; i < KIND_MAX; i++)
		if (slice_eq(name, slice_str(kinds[i].event))) {
			*k = (enum kind)i;
			return true;
		}
	return false;
}

/* ---- new ones ---- */

struct saying *saying_new(struct verify *v, enum kind kind, unsigned doer, uint32_t *n)
{
	if (v->nsaid == v->said_cap) {
		v->said_cap = v->said_cap ? 2 * v->said_cap : 1024;
		v->said = mem_realloc(v->said, v->said_cap * sizeof(*v->said));
	}
	*n = v->nsaid++;
	struct saying *s = &v->said[*n];
	*s = (struct saying){.kind = kind, .doer = (uint8_t)doer, .since = *n, .deed = *n};
	s->about = s->next = NO_SAYING;
	s->born_us = s->asked_us = loop_clock_us();
	for (unsigned p = 0; p < PEOPLE; p++)
		s->told[p] = s->read[p] = NO_SAYING;
	v->counts.done[kind]++;
	return s;
}

/* What the database says was done, and nobody here has done: the client that hears it was there since `about`. */
static void saying_claim(struct verify *v, struct saying *s)
{
	s->claimed = true;
	s->fate = FATE_UNSURE;
	s->since = v->said[s->about].since;
	s->decided_ms = now_ms(v);
}

uint32_t receipt_saying(struct verify *v, enum kind kind, uint32_t message, unsigned person, bool claimed)
{
	uint32_t n;
	struct saying *s = saying_new(v, kind, person, &n), *m = &v->said[message];
	s->about = message;
	s->chat = m->chat;
	s->people = (uint8_t)(1u << m->doer);
	*(kind == KIND_READ ? &m->read[person] : &m->told[person]) = n;
	if (claimed)
		saying_claim(v, s);
	return n;
}

uint32_t sequel_saying(struct verify *v, enum kind kind, uint32_t about, bool claimed)
{
	uint32_t n;
	struct saying *s = saying_new(v, kind, v->said[about].doer, &n), *first = &v->said[about];
	s->about = about;
	s->chat = first->chat;
	s->people = first->people;
	first->next = n;
	if (claimed)
		saying_claim(v, s);
	return n;
}

void saying_lost(struct verify *v, uint64_t witnesses)
{
	for (uint32_t n = v->unsettled; n < v->nsaid; n++)
		v->said[n].steady &= ~witnesses;
}

/* ---- what follows from a number ---- */

/* Every sixteenth is emoji up to the limit, every fifth in several scripts, the rest short. */
void saying_content(const struct verify *v, uint32_t n, struct buf *out)
{
	static const char emoji[] = "\xf0\x9f\x94\x94", words[] = " \"\\ тест, 試験, اختبار \n\t";
	out->n = 0;
	buf_printf(out, "verify %s %u", v->tag, n);
	if (n % 16 == 7) {
		buf_char(out, ' ');
		while (out->n + 4 <= v->content_max)
			buf_add(out, emoji, 4);
	} else if (n % 5 == 0) {
		buf_str(out, words);
		buf_str(out, ".");
	}
}

void saying_uuid(const struct verify *v, uint32_t n, char out[37])
{
	snprintf(out, UUID_LEN + 1, "%.*s%012x", UUID_HEAD, v->run, n);
}

void person_name(const struct verify *v, unsigned person, char out[PERSON_NAME])
{
	snprintf(out, PERSON_NAME, "bellwire verify %s %u", v->tag, person);
}

static void saying_what(const struct verify *v, uint32_t n, struct buf *out)
{
	const struct saying *s = &v->said[n];
	switch (s->kind) {
	case KIND_DELIVERED:
	case KIND_READ:
		buf_printf(out, "message %u %s person %u", s->about,
		           s->kind == KIND_READ ? "read by" : "told as delivered to", s->doer);
		break;
	case KIND_SEEN:
		buf_printf(out, "notification %u of person %u read", s->about, s->doer);
		break;
	case KIND_UNLIKED:
		buf_printf(out, "like %u of person %u taken back", s->about, s->doer);
		break;
	case KIND_TYPING:
		buf_printf(out, "typing %u of person %u in chat %u%s", n, s->doer, s->chat,
		           s->about == NO_SAYING ? "" : ", its end");
		break;
	default:
		buf_printf(out, "%s %u %s person %u", s->kind == KIND_LIKED ? "like" : kind_label(s->kind), n,
		           s->kind == KIND_NOTICE ? "of" : "from", s->doer);
	}
}

void saying_line(const struct verify *v, uint32_t n, struct buf *out)
{
	static const char *const fates[] = {"not decided", "unsure", "committed", "rolled back", "lost"};
	const struct saying *s = &v->said[n];
	saying_what(v, n, out);
	if (s->seq)
		buf_printf(out, ", seq %llu", (unsigned long long)s->seq);
	buf_printf(out, ", %s, %s\n", s->by_client ? "by a client" : "by SQL", fates[s->fate]);
}

/* ---- numbers from what is heard ---- */

static bool unquoted(struct slice quoted, struct slice *id)
{
	if (quoted.n != UUID_LEN + 2)
		return false;
	*id = slice_of(quoted.p + 1, UUID_LEN);
	return true;
}

int person_of(const struct verify *v, struct slice quoted)
{
	struct slice id;
	for (unsigned p = 0; unquoted(quoted, &id) && p < PEOPLE; p++)
		if (slice_eq(id, slice_str(v->people[p].id)))
			return (int)p;
	return -1;
}

int chat_of(const struct verify *v, struct slice quoted)
{
	struct slice id;
	for (unsigned c = 0; unquoted(quoted, &id) && c < CHATS; c++)
		if (slice_eq(id, slice_str(v->chats[c])))
			return (int)c;
	return -1;
}

bool number_of_uuid(const struct verify *v, struct slice quoted, uint32_t *n)
{
	struct slice id;
	unsigned char raw[6];
	uint64_t x = 0;
	if (!unquoted(quoted, &id) || memcmp(id.p, v->run, UUID_HEAD) != 0 ||
	    !hex_decode(raw, sizeof raw, slice_of(id.p + UUID_HEAD, UUID_LEN - UUID_HEAD)))
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		x = x << 8 | raw[i];
	*n = (uint32_t)x;
	return x < v->nsaid;
}

/* The number in the text of one of ours. */
static bool number_of_text(const struct verify *v, struct slice data, const char *key, uint32_t *n)
{
	struct buf text = {0};
	struct slice quoted, rest;
	char head[32];
	uint64_t x = UINT64_MAX;
	int len = snprintf(head, sizeof head, "verify %s ", v->tag);
	if (json_get(data, key, &quoted) && json_unescape(&text, quoted) &&
	    slice_starts(buf_view(&text), slice_of(head, (size_t)len))) {
		rest = slice_of(text.p + len, text.n - (size_t)len);
		if (!u64_take(&rest, &x))
			x = UINT64_MAX;
	}
	buf_fini(&text);
	*n = (uint32_t)x;
	return x < v->nsaid;
}

/* Receipts are about messages of a moment ago. */
static bool message_of_id(const struct verify *v, struct slice quoted, uint32_t *n)
{
	struct slice id;
	for (*n = v->nsaid; unquoted(quoted, &id) && (*n)-- > 0;)
		if (v->said[*n].kind == KIND_MESSAGE && memcmp(v->said[*n].id, id.p, UUID_LEN) == 0)
			return true;
	return false;
}

/* The message itself tells its id; an ack and the rows do, too. */
static enum finding find_message(struct verify *v, struct slice data, uint32_t *n)
{
	struct slice id;
	if (!number_of_text(v, data, "content", n) || v->said[*n].kind != KIND_MESSAGE)
		return FINDING_FALSE;
	struct saying *s = &v->said[*n];
	if (!*s->id && json_get(data, "id", &id) && unquoted(id, &id))
		memcpy(s->id, id.p, UUID_LEN);
	return FINDING_KNOWN;
}

static enum finding find_receipt(struct verify *v, enum kind kind, struct slice data, uint32_t *n)
{
	struct slice id, who;
	uint32_t m;
	bool whole = json_get(data, "message_id", &id) &&
	             json_get(data, kind == KIND_READ ? "read_by" : "delivered_to", &who);
	int person = whole ? person_of(v, who) : -1;
	if (person < 0 || !message_of_id(v, id, &m) || v->said[m].doer == (unsigned)person)
		return FINDING_FALSE;
	*n = kind == KIND_READ ? v->said[m].read[person] : v->said[m].told[person];
	if (*n == NO_SAYING)
		*n = receipt_saying(v, kind, m, (unsigned)person, true);
	return FINDING_KNOWN;
}

/* The installation may write notifications of its own, to new people for instance. */
static enum finding find_notice(const struct verify *v, struct slice data, uint32_t *n)
{
	struct slice id, more;
	if (json_get(data, "id", &id) && number_of_uuid(v, id, n))
		return v->said[*n].kind == KIND_NOTICE ? FINDING_KNOWN : FINDING_FALSE;
	if (!json_get(data, "data", &more) || json_kind_of(more) != JSON_OBJECT || !json_get(more, "post_id", &id) ||
	    !number_of_uuid(v, id, n))
		return FINDING_FOREIGN;
	if (v->said[*n].kind != KIND_LIKED || *n + 1 >= v->nsaid || v->said[*n + 1].kind != KIND_NOTICE)
		return FINDING_FALSE;
	*n += 1;
	return FINDING_KNOWN;
}

/* A like, the end of one, or that a notification was read: by the uuid that we have given. */
static enum finding find_by_uuid(struct verify *v, enum kind kind, struct slice data, uint32_t *n)
{
	const char *key = kind == KIND_SEEN ? "notification_id" : "post_id";
	enum kind first = kind == KIND_SEEN ? KIND_NOTICE : KIND_LIKED;
	struct slice id;
	if (!json_get(data, key, &id) || !number_of_uuid(v, id, n))
		return FINDING_FOREIGN;
	if (v->said[*n].kind != first)
		return FINDING_FALSE;
	if (kind == KIND_LIKED)
		return FINDING_KNOWN;
	uint32_t about = *n;
	*n = v->said[about].next;
	if (*n == NO_SAYING)
		*n = sequel_saying(v, kind, about, true);
	return FINDING_KNOWN;
}

static enum finding find_typing(const struct verify *v, struct slice data, uint32_t *n)
{
	struct slice chat, user, is;
	if (!json_get(data, "chat_id", &chat) || !json_get(data, "user_id", &user) || !json_get(data, "is_typing", &is))
		return FINDING_FALSE;
	int c = chat_of(v, chat), p = person_of(v, user);
	if (c < 0 || p < 0 || v->typing[c][p] == NO_SAYING)
		return FINDING_FALSE;
	*n = v->typing[c][p];
	if (!slice_eq(is, SLICE("true")))
		*n = v->said[*n].next;
	return *n == NO_SAYING ? FINDING_FALSE : FINDING_KNOWN;
}

enum finding saying_find(struct verify *v, enum kind kind, struct slice data, uint32_t *n)
{
	if (json_kind_of(data) != JSON_OBJECT)
		return FINDING_FALSE;
	switch (kind) {
	case KIND_MESSAGE:
		return find_message(v, data, n);
	case KIND_DELIVERED:
	case KIND_READ:
		return find_receipt(v, kind, data, n);
	case KIND_NOTICE:
		return find_notice(v, data, n);
	case KIND_TYPING:
		return find_typing(v, data, n);
	default:
		return find_by_uuid(v, kind, data, n);
	}
}

/* ---- is it as it was written? ---- */

static bool text_is(struct slice data, const char *key, struct slice want)
{
	struct buf text = {0};
	struct slice quoted;
	bool is = json_get(data, key, &quoted) && json_unescape(&text, quoted) && slice_eq(buf_view(&text), want);
	buf_fini(&text);
	return is;
}

static bool raw_is(struct slice data, const char *key, const char *want)
{
	struct slice value;
	return json_get(data, key, &value) && slice_eq(value, slice_str(want));
}

static bool has_time(struct slice data, const char *key)
{
	struct slice value;
	return json_get(data, key, &value) && value.n == sizeof "\"2026-01-10T12:00:00.000Z\"" - 1;
}

static bool content_is(const struct verify *v, uint32_t n, struct slice data, const char *key)
{
	struct buf want = {0};
	saying_content(v, n, &want);
	bool is = text_is(data, key, buf_view(&want));
	buf_fini(&want);
	return is;
}

static bool seq_is(struct saying *s, struct slice data)
{
	struct slice seq;
	uint64_t x;
	if (!json_get(data, "seq", &seq) || !u64_parse(seq, &x) || (s->seq && s->seq != x))
		return false;
	s->seq = x;
	return true;
}

static bool doer_is_named(const struct verify *v, const struct saying *s, struct slice data)
{
	char name[PERSON_NAME];
	person_name(v, s->doer, name);
	return text_is(data, "user_name", slice_str(name));
}

static bool notice_is_whole(const struct verify *v, uint32_t n, struct slice data)
{
	const struct saying *s = &v->said[n];
	struct slice more;
	if (s->about == NO_SAYING)
		return content_is(v, n, data, "body") && text_is(data, "type", SLICE("mention"));
	return text_is(data, "type", SLICE("post_liked")) && json_get(data, "data", &more) &&
	       text_is(more, "user_id", slice_str(v->people[v->said[s->about].doer].id));
}

bool saying_is_whole(struct verify *v, uint32_t n, struct slice data)
{
	struct saying *s = &v->said[n];
	struct slice doer = slice_str(v->people[s->doer].id);
	switch (s->kind) {
	case KIND_MESSAGE:
		return content_is(v, n, data, "content") && seq_is(s, data);
	case KIND_DELIVERED:
	case KIND_READ:
		return text_is(data, "chat_id", slice_str(v->chats[s->chat])) &&
		       has_time(data, s->kind == KIND_READ ? "read_at" : "delivered_at");
	case KIND_NOTICE:
		return notice_is_whole(v, n, data);
	case KIND_SEEN:
		return raw_is(data, "is_read", "true") && has_time(data, "read_at");
	case KIND_LIKED:
	case KIND_UNLIKED:
		return text_is(data, "user_id", doer) && raw_is(data, "likes_count", s->kind == KIND_LIKED ? "1" : "0");
	default:
		return doer_is_named(v, s, data);
	}
}
