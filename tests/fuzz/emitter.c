/*
 * Messages of @socket.io/postgres-emitter. The first byte of an input says how to read the rest: bit 0, it is
 * MessagePack instead of JSON; bit 1, it came out of a row.
 */
#include "target.h"

#include "emitter/message.h"
#include "emitter/msgpack.h"
#include "base/text.h"
#include "json_peer.h"
#include <math.h>

#define OUT_MOST 65536

/* ---- the message ---- */

static void check_names(const struct buf *names, size_t most)
{
	size_t n = 0;
	for (struct slice left = buf_view(names); left.n; n++) {
		const char *end = memchr(left.p, '\n', left.n);
		size_t len = end ? (size_t)(end - left.p) : left.n;
		CHECK(len > 0 && len <= EMITTER_NAME_MOST && utf8_valid(slice_of(left.p, len)));
		left = slice_of(left.p + len + (end != NULL), left.n - len - (end != NULL));
	}
	CHECK(n <= most);
}

static void put_names(struct buf *out, const char *key, const struct buf *names)
{
	buf_printf(out, "\"%s\":[", key);
	for (struct slice left = buf_view(names); left.n;) {
		const char *end = memchr(left.p, '\n', left.n);
		size_t len = end ? (size_t)(end - left.p) : left.n;
		buf_json_str(out, slice_of(left.p, len));
		left = slice_of(left.p + len + (end != NULL), left.n - len - (end != NULL));
		if (end)
			buf_char(out, ',');
	}
	buf_str(out, "]");
}

/* The message that the emitter would have written for this. */
static void put_message(struct buf *out, const struct emitter_message *m)
{
	buf_printf(out, "{\"type\":%d,", m->verb);
	if (m->attachment) {
		buf_printf(out, "\"attachmentId\":\"%llu\"}", (unsigned long long)m->attachment);
		return;
	}
	buf_str(out, "\"data\":{\"opts\":{");
	put_names(out, "rooms", &m->rooms);
	buf_char(out, ',');
	put_names(out, "except", &m->except);
	buf_printf(out, ",\"flags\":{\"volatile\":%s}}", m->is_volatile ? "true" : "false");
	if (m->verb == EMITTER_EMIT) {
		buf_str(out, ",\"packet\":{\"type\":2,\"data\":[");
		buf_json_str(out, buf_view(&m->event));
		buf_char(out, ',');
		buf_slice(out, buf_view(&m->data));
		buf_str(out, "]}");
	} else if (m->verb == EMITTER_DISCONNECT) {
		buf_printf(out, ",\"close\":%s", m->close ? "true" : "false");
	} else {
		buf_char(out, ',');
		put_names(out, "rooms", &m->change);
	}
	buf_str(out, "}}");
}

static void same_message(const struct emitter_message *a, const struct emitter_message *b)
{
	CHECK_INT(b->verb, a->verb);
	CHECK_INT(b->attachment, a->attachment);
	CHECK_INT(b->everyone, a->everyone);
	CHECK_INT(b->is_volatile, a->is_volatile);
	CHECK_INT(b->close, a->close);
	CHECK_SLICE(buf_view(&b->rooms), buf_view(&a->rooms));
	CHECK_SLICE(buf_view(&b->except), buf_view(&a->except));
	CHECK_SLICE(buf_view(&b->change), buf_view(&a->change));
	CHECK_SLICE(buf_view(&b->event), buf_view(&a->event));
	CHECK_SLICE(buf_view(&b->data), buf_view(&a->data));
}

static void check_limits(const struct emitter_message *m)
{
	enum json_kind kind;
	unsigned flaws = 0;
	check_names(&m->rooms, EMITTER_ROOMS_MOST);
	check_names(&m->except, EMITTER_ROOMS_MOST);
	check_names(&m->change, EMITTER_CHANGE_MOST);
	CHECK_INT(m->everyone, !m->attachment && m->rooms.n == 0);
	CHECK(m->data.n <= EMITTER_DATA_MOST && m->event.n <= EMITTER_NAME_MOST);
	if (m->data.n)
		CHECK(json_scan(buf_view(&m->data), &kind, &flaws) && kind == JSON_OBJECT && !flaws);
}

static void check_message(struct slice text, bool attached)
{
	struct emitter_message first, again;
	struct buf out = {0};
	const char *why;
	enum emitter_outcome o = emitter_message_parse(&first, text, attached, &why);
	CHECK(o == EMITTER_DONE || o == EMITTER_IGNORED || o == EMITTER_INVALID || o == EMITTER_REFUSED);
	if (o == EMITTER_DONE) {
		CHECK(!attached || !first.attachment);
		check_limits(&first);
		put_message(&out, &first);
		CHECK_INT(emitter_message_parse(&again, buf_view(&out), attached, &why), EMITTER_DONE);
		same_message(&first, &again);
		emitter_message_fini(&again);
	}
	emitter_message_fini(&first);
	buf_fini(&out);
}

/* ---- MessagePack of JSON, for the way back ---- */

static void put_be(struct buf *out, unsigned tag, uint64_t v, unsigned bytes)
{
	buf_char(out, (char)tag);
	while (bytes--)
		buf_char(out, (char)(v >> 8 * bytes));
}

static void put_string(struct buf *out, struct slice s)
{
	put_be(out, 0xdb, s.n, 4);
	buf_slice(out, s);
}

static void put_value(struct buf *out, json_t *v);

static void put_object(struct buf *out, json_t *v)
{
	put_be(out, 0xdf, json_object_size(v), 4);
	for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
		put_string(out, slice_of(json_object_iter_key(it), json_object_iter_key_len(it)));
		put_value(out, json_object_iter_value(it));
	}
}

static void put_number(struct buf *out, const json_t *v)
{
	uint64_t bits;
	double d = json_real_value(v);
	if (json_is_integer(v)) {
		put_be(out, 0xd3, (uint64_t)json_integer_value(v), 8);
		return;
	}
	memcpy(&bits, &d, sizeof bits);
	put_be(out, 0xcb, bits, 8);
}

static void put_value(struct buf *out, json_t *v)
{
	switch (json_typeof(v)) {
	case JANSSON_OBJECT:
		put_object(out, v);
		break;
	case JANSSON_ARRAY:
		put_be(out, 0xdd, json_array_size(v), 4);
		for (size_t i = 0; i < json_array_size(v); i++)
			put_value(out, json_array_get(v, i));
		break;
	case JANSSON_STRING:
		put_string(out, slice_of(json_string_value(v), json_string_length(v)));
		break;
	case JANSSON_NULL:
		buf_char(out, (char)0xc0);
		break;
	case JANSSON_TRUE:
	case JANSSON_FALSE:
		buf_char(out, json_typeof(v) == JANSSON_TRUE ? (char)0xc3 : (char)0xc2);
		break;
	default:
		put_number(out, v);
	}
}

/* The JSON that came out is JSON, and encoded again it comes out again. */
static void check_json(const struct buf *text)
{
	enum json_kind kind;
	unsigned flaws = 0;
	struct buf packed = {0}, again = {0};
	CHECK(json_scan(buf_view(text), &kind, &flaws));
	CHECK(!(flaws & (JSON_LONE_SURROGATE | JSON_TOO_DEEP | JSON_NUMBER_RANGE)));
	json_t *v = json_loadb(text->p, text->n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	CHECK(v || flaws & (JSON_DUPLICATE_KEY | JSON_NUL) || strpbrk(text->p, "0123456789")); /* over 64 bits */
	if (v) {
		put_value(&packed, v);
		const char *why = msgpack_to_json(&again, buf_view(&packed), 2 * OUT_MOST);
		CHECK(!why);
		json_t *w = json_loadb(again.p, again.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		CHECK(json_equal(v, w));
		json_decref(w);
	}
	json_decref(v);
	buf_fini(&packed);
	buf_fini(&again);
}

static void check_msgpack(struct slice in, bool attached)
{
	struct buf text = {0};
	const char *why = msgpack_to_json(&text, in, OUT_MOST);
	CHECK(text.n <= OUT_MOST + 64 + 6 * in.n);
	if (!why) {
		buf_char(&text, '\0'); /* for strpbrk */
		text.n--;
		check_json(&text);
		check_message(buf_view(&text), attached);
	}
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = input_open(data, n);
	unsigned mode = input_mode(&in);
	if (mode & 1)
		check_msgpack(in.content.n ? in.content : SLICE(""), mode & 2);
	else
		check_message(in.content.n ? in.content : SLICE(""), mode & 2);
	input_close(&in);
	return 0;
}
