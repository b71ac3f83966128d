#include "eio/packet.h"

#include "base/mem.h"
#include "test.h"

static struct slice polling(struct packet *p)
{
	size_t off = 0;
	struct blob *b = packet_polling(p, &off);
	CHECK(off <= b->n);
	return slice_of(b->p + off, b->n - off);
}

static struct slice frame(struct packet *p, bool b64)
{
	struct blob *b = packet_frame(p, b64);
	return slice_of(b->p, b->n);
}

TEST(text_serves_both_forms_from_one_blob)
{
	static const struct {
		char type;
		struct slice data, polling, frame;
	} rows[] = {
		{'4', SLICE("hello"), SLICE("4hello"),
	         SLICE("\x81\x06"
	               "4hello")},
		{'6', SLICE(""), SLICE("6"),
	         SLICE("\x81\x01"
	               "6")},
		{'3', SLICE("probe"), SLICE("3probe"),
	         SLICE("\x81\x06"
	               "3probe")},
		{'4', SLICE("a\0\xc3\xa9"), SLICE("4a\0\xc3\xa9"),
	         SLICE("\x81\x05"
	               "4a\0\xc3\xa9")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet *p = packet_text(rows[i].type, rows[i].data);
		CHECK(!p->binary);
		CHECK_SLICE(polling(p), rows[i].polling);
		CHECK_SLICE(frame(p, false), rows[i].frame);
		CHECK_SLICE(frame(p, true), rows[i].frame);
		size_t off;
		CHECK(packet_polling(p, &off) == packet_frame(p, false));
		CHECK_INT(packet_size(p), rows[i].frame.n);
		packet_unref(&p);
		CHECK(!p);
	}
	struct packet *none = packet_text('2', slice_of(NULL, 0));
	CHECK_SLICE(polling(none), SLICE("2"));
	packet_unref(&none);
	packet_unref(&none);
}

TEST(frame_head_follows_the_size)
{
	static const struct {
		size_t n;
		struct slice head;
	} rows[] = {
		{124, SLICE("\x81\x7d")},
		{125, SLICE("\x81\x7e\x00\x7e")},
		{65534, SLICE("\x81\x7e\xff\xff")},
		{65535, SLICE("\x81\x7f\0\0\0\0\0\1\0\0")},
		{1000000, SLICE("\x81\x7f\0\0\0\0\0\x0f\x42\x41")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *data = mem_alloc(rows[i].n);
		memset(data, 'x', rows[i].n);
		struct packet *p = packet_text('4', slice_of(data, rows[i].n));
		struct slice f = frame(p, false);
		CHECK_INT(f.n, rows[i].head.n + 1 + rows[i].n);
		CHECK_SLICE(slice_of(f.p, rows[i].head.n), rows[i].head);
		CHECK_INT(polling(p).n, rows[i].n + 1);
		CHECK_SLICE(slice_of(polling(p).p + 1, rows[i].n), slice_of(data, rows[i].n));
		packet_unref(&p);
		free(data);
	}
}

TEST(binary_has_a_base64_form)
{
	static const struct {
		struct slice data, text;
	} rows[] = {
		{SLICE(""), SLICE("b")},
		{SLICE("\0"), SLICE("bAA==")},
		{SLICE("\x01\x02\x03"), SLICE("bAQID")},
		{SLICE("\xff\xfe\x1e\x80"), SLICE("b//4egA==")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet *p = packet_binary(rows[i].data);
		CHECK(p->binary && !p->b64_frame);
		struct slice f = frame(p, false);
		CHECK_SLICE(slice_of(f.p, 1), SLICE("\x82"));
		CHECK_SLICE(slice_of(f.p + 2, f.n - 2), rows[i].data);
		CHECK(!p->b64_frame); /* made when first needed */
		CHECK_SLICE(polling(p), rows[i].text);
		struct blob *made = p->b64_frame;
		f = frame(p, true);
		CHECK_SLICE(slice_of(f.p, 1), SLICE("\x81"));
		CHECK_SLICE(slice_of(f.p + 2, f.n - 2), rows[i].text);
		CHECK(p->b64_frame == made); /* and only once */
		packet_unref(&p);
	}
}

TEST(shared_until_the_last_reference)
{
	struct packet *a = packet_binary(SLICE("abc")), *b = packet_ref(a);
	CHECK(a == b && a->refs == 2);
	struct blob *kept = blob_ref(packet_frame(a, true));
	packet_unref(&a);
	CHECK(!a && b->refs == 1);
	CHECK_SLICE(polling(b), SLICE("bYWJj"));
	packet_unref(&b);
	CHECK_INT(kept->refs, 1); /* the queue of a connection keeps it longer than the packet does */
	CHECK_SLICE(slice_of(kept->p + 2, kept->n - 2), SLICE("bYWJj"));
	blob_unref(&kept);
}
