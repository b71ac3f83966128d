#include "sio/encode.h"

#include "sio/parser.h"
#include "test.h"

static struct slice text_of(struct packet *p)
{
	size_t off = 0;
	struct blob *b = packet_polling(p, &off);
	return slice_of(b->p + off, b->n - off);
}

static void expect(struct packet *p, struct slice want)
{
	CHECK_SLICE(text_of(p), want);
	CHECK_INT(p->refs, 1);
	packet_unref(&p);
}

TEST(heads)
{
	static const struct {
		char type;
		unsigned attachments;
		const char *nsp, *text;
	} rows[] = {
		{'0', 0, "/", "0"},
		{'1', 0, "/", "1"},
		{'1', 0, "/custom", "1/custom,"}, /* always with the comma (S2) */
		{'2', 0, "/custom", "2/custom,"},
		{'5', 1, "/", "51-"},
		{'5', 10, "/custom", "510-/custom,"},
		{'4', 0, "/", "4"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = {0};
		CHECK_ROW(rows[i].text);
		sio_put_head(&b, rows[i].type, rows[i].attachments, rows[i].nsp);
		CHECK_SLICE(buf_view(&b), slice_str(rows[i].text));
		buf_fini(&b);
	}
}

TEST(packet_is_an_engine_message_and_takes_the_text)
{
	struct buf b = {0};
	buf_str(&b, "0{\"sid\":\"x\"}");
	struct packet *p = sio_packet_of(&b);
	CHECK(!b.p && b.n == 0);
	CHECK(!p->binary);
	expect(p, SLICE("40{\"sid\":\"x\"}"));
}

TEST(event_packets)
{
	static const struct {
		const char *nsp;
		struct slice name, data, text;
	} rows[] = {
		{"/", SLICE("message:new"), SLICE("{\"a\":1}"), SLICE("42[\"message:new\",{\"a\":1}]")},
		{"/", SLICE("a"), SLICE(""), SLICE("42[\"a\"]")},
		{"/custom", SLICE("a"), SLICE("null"), SLICE("42/custom,[\"a\",null]")},
		{"/", SLICE("q\"\\\n\0\xc3\xa9/"), SLICE("[]"), SLICE("42[\"q\\\"\\\\\\n\\u0000\xc3\xa9/\",[]]")},
		{"/", SLICE(""), SLICE("1.0"), SLICE("42[\"\",1.0]")}, /* data goes out as it came (S8) */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet *p = sio_event_packet(rows[i].nsp, rows[i].name, rows[i].data);
		/* our parser takes what we send */
		struct sio_packet back;
		struct slice text = text_of(p);
		CHECK(sio_parse(slice_of(text.p + 1, text.n - 1), 10, &back));
		CHECK(back.type == SIO_EVENT && !back.has_id);
		CHECK_SLICE(back.nsp, slice_str(rows[i].nsp));
		expect(p, rows[i].text);
	}
	expect(sio_raw_event_packet("/", SLICE("[1,\"2\",{\"3\":[true]}]")), SLICE("42[1,\"2\",{\"3\":[true]}]"));
	expect(sio_raw_event_packet("/x", SLICE("[\"a\",1e2]")), SLICE("42/x,[\"a\",1e2]"));
}
