#include "emitter/message.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

#define FUZZ_ROUNDS 200000

/* Bytes of exactly their size, so that a sanitizer sees the first one read too far. */
static enum emitter_outcome parse(struct emitter_message *m, struct slice in, bool attached, const char **why)
{
	char *copy = mem_dup(in.p, in.n);
	enum emitter_outcome outcome = emitter_message_parse(m, slice_of(copy, in.n), attached, why);
	free(copy);
	return outcome;
}

static void put(struct buf *out, const char *name, const struct buf *b)
{
	if (!b->n)
		return;
	buf_printf(out, " %s=", name);
	for (size_t i = 0; i < b->n; i++)
		buf_char(out, b->p[i] == '\n' ? '|' : b->p[i]);
}

/* A message in a line; why it was not taken otherwise. */
static void describe(struct buf *out, struct slice in, bool attached)
{
	struct emitter_message m;
	const char *why;
	enum emitter_outcome outcome = parse(&m, in, attached, &why);
	if (outcome != EMITTER_DONE) {
		buf_printf(out, "%s: %s", emitter_outcome_label(outcome), why);
	} else if (m.attachment) {
		buf_printf(out, "%d row %llu", m.verb, (unsigned long long)m.attachment);
	} else {
		buf_printf(out, "%d%s", m.verb, m.everyone ? " everyone" : "");
		put(out, "rooms", &m.rooms);
		put(out, "except", &m.except);
		put(out, "change", &m.change);
		buf_str(out, m.is_volatile ? " volatile" : "");
		buf_str(out, m.close ? " close" : "");
		put(out, "event", &m.event);
		put(out, "data", &m.data);
	}
	emitter_message_fini(&m);
}

struct row {
	const char *in, *out;
};

static void check(const struct row *rows, size_t n, bool attached)
{
	for (size_t i = 0; i < n; i++) {
		struct buf out = {0};
		CHECK_ROW(rows[i].in);
		describe(&out, slice_str(rows[i].in), attached);
		CHECK_SLICE(buf_view(&out), slice_str(rows[i].out));
		buf_fini(&out);
	}
}

#define EMIT(array, opts)                                                                               \
	"{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":" array ",\"nsp\":\"/\"},\"opts\":" opts \
	"},\"uid\":\"emitter\"}"
#define ALL "{\"rooms\":[],\"flags\":{},\"except\":[]}"
#define TO_A "{\"rooms\":[\"a\"],\"flags\":{},\"except\":[]}"
#define CHANGE(type, rooms)                                                                        \
	"{\"type\":" type ",\"data\":{\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"rooms\":" rooms \
	"},\"uid\":\"emitter\"}"
#define A16 "aaaaaaaaaaaaaaaa"
#define A256 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16

static const struct row taken[] = {
	{EMIT("[\"ev\",{\"x\":1}]", ALL), "3 everyone event=ev data={\"x\":1}"},
	{EMIT("[\"ev\",{}]",
              "{\"rooms\":[\"user:1\",\"b\"],\"except\":[\"user:9\",\"c\"],\"flags\":{\"volatile\":true,\"compress\":false}}"),
         "3 rooms=user:1|b except=user:9|c volatile event=ev data={}"},
	/* what Node servers write: uid, nsp at the top, no nsp and no type in the packet (G6) */
	{"{\"uid\":\"5f3a\",\"nsp\":\"/\",\"type\":3,\"data\":{\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"packet\":{\"data\":[\"ev\",{}]},\"requestId\":\"7\"}}",
         "3 rooms=a event=ev data={}"},
	/* MessagePack of undefined members */
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"a\"],\"flags\":null,\"except\":null}"), "3 rooms=a event=ev data={}"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"a\"],\"flags\":{\"volatile\":null}}"), "3 rooms=a event=ev data={}"},
	{" { \"type\" : 3 , \"data\" : { \"packet\" : { \"data\" : [ \"ev\" , { \"a b\" : [ 1 , 2 ] } ] } , \"opts\" : { \"rooms\" : [ ] } } } ",
         "3 everyone event=ev data={\"a b\":[1,2]}"},
	{EMIT("[\"\\u0065v\\u00e9\",{\"n\":55.755800000000001}]", TO_A),
         "3 rooms=a event=ev\xc3\xa9 data={\"n\":55.755800000000001}"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"\\u0061\",\"\xd0\xb0\"]}"), "3 rooms=a|\xd0\xb0 event=ev data={}"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"" A256 "\"]}"), "3 rooms=" A256 " event=ev data={}"},
	{EMIT("[\"error\",{\"code\":\"RATE_LIMIT\",\"message\":\"slow down\"}]", TO_A),
         "3 rooms=a event=error data={\"code\":\"RATE_LIMIT\",\"message\":\"slow down\"}"},
	{CHANGE("4", "[\"x\",\"y:z\"]"), "4 rooms=a change=x|y:z"},
	{CHANGE("5", "[\"x\"]"), "5 rooms=a change=x"},
	{CHANGE("4", "[]"), "4 rooms=a"},
	{CHANGE("4",
                "[\"chat\",\"users:1\",\"aaaaaaaaaaaaaaaaaaa\",\"aaaaaaaaaaaaaaaaaaaaa\",\"aaaaaaaaaa:aaaaaaaaa\"]"),
         "4 rooms=a change=chat|users:1|aaaaaaaaaaaaaaaaaaa|aaaaaaaaaaaaaaaaaaaaa|aaaaaaaaaa:aaaaaaaaa"},
	{"{\"type\":6,\"data\":{\"opts\":{\"rooms\":[],\"except\":[\"a\"]},\"close\":true},\"uid\":\"emitter\"}",
         "6 everyone except=a close"},
	{"{\"type\":6,\"data\":{\"opts\":{\"rooms\":[\"a\"]},\"close\":false}}", "6 rooms=a"},
	{"{\"type\":6,\"data\":{\"opts\":{\"rooms\":[\"a\"]}}}", "6 rooms=a"},
	{"{\"uid\":\"emitter\",\"type\":3,\"attachmentId\":\"17\"}", "3 row 17"},
	{"{\"uid\":\"emitter\",\"type\":4,\"attachmentId\":9223372036854775807}", "4 row 9223372036854775807"},
};

static const struct row others[] = {
	{"{\"type\":1,\"uid\":\"5f3a\"}", "ignored: "},
	{"{\"type\":2}", "ignored: "},
	{"{\"type\":7,\"data\":{}}", "ignored: "},
	{"{\"type\":8,\"attachmentId\":\"1\"}", "ignored: "},
	{"{\"type\":9,\"data\":{\"packet\":[\"name\",1]},\"uid\":\"emitter\"}", "ignored: "},
	{"{\"type\":9,\"attachmentId\":\"1\"}", "ignored: "},
	{"{\"type\":13}", "ignored: "},
	{"{\"type\":0}", "ignored: "},
	{"{\"type\":7,\"data\":\"\\ud800\"}", "ignored: "},
};

static const struct row invalid[] = {
	{"", "invalid: no JSON object"},
	{"{", "invalid: no JSON object"},
	{"[]", "invalid: no JSON object"},
	{"3", "invalid: no JSON object"},
	{"\"x\"", "invalid: no JSON object"},
	{"null", "invalid: no JSON object"},
	{"{}x", "invalid: no JSON object"},
	{"{\"type\":3,\"data\":\"\xff\"}", "invalid: no JSON object"},
	{"{\"type\":3,\"data\":\"\x1e\"}", "invalid: no JSON object"},
	{"{}", "invalid: no type"},
	{"{\"type\":null}", "invalid: no type"},
	{"{\"type\":\"3\"}", "invalid: no type"},
	{"{\"type\":3.0}", "invalid: no type"},
	{"{\"type\":-3}", "invalid: no type"},
	{"{\"type\":3e0}", "invalid: no type"},
	{"{\"type\":36893488147419103235}", "invalid: no type"},
	{"{\"type\":3}", "invalid: no data"},
	{"{\"type\":3,\"data\":[]}", "invalid: no data"},
	{"{\"type\":3,\"data\":{}}", "invalid: no packet.data"},
	{"{\"type\":3,\"data\":{\"packet\":[]}}", "invalid: no packet.data"},
	{"{\"type\":3,\"data\":{\"packet\":{\"data\":{}}}}", "invalid: no packet.data"},
	{"{\"type\":3,\"data\":{\"packet\":{\"data\":[\"ev\",{}]}}}", "invalid: no opts.rooms"},
	{"{\"type\":3,\"data\":{\"packet\":{\"data\":[\"ev\",{}],\"type\":3},\"opts\":{\"rooms\":[]}}}",
         "invalid: a packet that is no event"},
	{"{\"type\":3,\"data\":{\"packet\":{\"data\":[\"ev\",{}],\"type\":\"2\"},\"opts\":{\"rooms\":[]}}}",
         "invalid: a packet that is no event"},
	{EMIT("[\"ev\",{}]", "{}"), "invalid: no opts.rooms"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":null}"), "invalid: no opts.rooms"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":\"a\"}"), "invalid: no opts.rooms"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[1]}"), "invalid: a name is no string"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[null]}"), "invalid: a name is no string"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"\"]}"), "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"\\u0001\"]}"),
         "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"a\\nuser:1\"]}"),
         "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"\\u007f\"]}"),
         "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[\"" A256 "a\"]}"),
         "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[],\"except\":\"a\"}"), "invalid: opts.except is no list"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[],\"except\":[{}]}"), "invalid: a name is no string"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[],\"flags\":[]}"), "invalid: opts.flags is not what it should be"},
	{EMIT("[\"ev\",{}]", "{\"rooms\":[],\"flags\":{\"volatile\":1}}"),
         "invalid: opts.flags is not what it should be"},
	{EMIT("[]", ALL), "invalid: an event without a name"},
	{EMIT("[1,{}]", ALL), "invalid: a name is no string"},
	{EMIT("[{},{}]", ALL), "invalid: a name is no string"},
	{EMIT("[\"\",{}]", ALL), "invalid: a name is empty, too long or has control characters"},
	{EMIT("[\"a\\u0000\",{}]", ALL), "invalid: U+0000"},
	{EMIT("[\"ev\",{\"a\":\"\\ud800\"}]", ALL), "invalid: a lone surrogate"},
	{EMIT("[\"ev\",{\"a\":1,\"\\u0061\":2}]", ALL), "invalid: a key twice"},
	{EMIT("[\"ev\",{\"a\":1e999}]", ALL), "invalid: a number out of range"},
	{EMIT("[\"ev\",{\"_placeholder\":true,\"num\":0}]", ALL), "invalid: an object with _placeholder"},
	{"{\"type\":3,\"type\":4}", "invalid: a key twice"},
	{"{\"type\":4,\"data\":{\"opts\":{\"rooms\":[]}}}", "invalid: no rooms to join or leave"},
	{CHANGE("4", "\"x\""), "invalid: no rooms to join or leave"},
	{CHANGE("5", "[7]"), "invalid: a name is no string"},
	{CHANGE("4", "[\"x\\nchat:1\"]"), "invalid: a name is empty, too long or has control characters"},
	{"{\"type\":5,\"data\":{\"rooms\":[\"x\"]}}", "invalid: no opts.rooms"},
	{"{\"type\":6,\"data\":{}}", "invalid: no opts.rooms"},
	{"{\"type\":6,\"data\":{\"opts\":{\"rooms\":[]},\"close\":\"yes\"}}",
         "invalid: a flag is neither true nor false"},
	{"{\"type\":3,\"attachmentId\":\"\"}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":\"0\"}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":\"-1\"}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":\"1; drop table x\"}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":\"9223372036854775808\"}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":1e3}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":{}}", "invalid: attachmentId is no row's"},
	{"{\"type\":3,\"attachmentId\":true}", "invalid: attachmentId is no row's"},
};

static const struct row refused[] = {
	/* V5 */
	{EMIT("[\"ev\"]", ALL), "refused: not exactly one argument, an object"},
	{EMIT("[\"ev\",1]", ALL), "refused: not exactly one argument, an object"},
	{EMIT("[\"ev\",null]", ALL), "refused: not exactly one argument, an object"},
	{EMIT("[\"ev\",[]]", ALL), "refused: not exactly one argument, an object"},
	{EMIT("[\"ev\",{},{}]", ALL), "refused: not exactly one argument, an object"},
	/* S6, G8 */
	{EMIT("[\"connect\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"connect_error\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"disconnect\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"disconnecting\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"newListener\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"remove\\u004cistener\",{}]", TO_A), "refused: a reserved event name"},
	{EMIT("[\"connected\",{\"user_id\":\"x\"}]", TO_A), "refused: an event that only the edge sends"},
	{EMIT("[\"sync:required\",{}]", TO_A), "refused: an event that only the edge sends"},
	{EMIT("[\"sync\\u003arequired\",{}]", ALL), "refused: an event that only the edge sends"},
	{EMIT("[\"error\",{\"length\":92,\"severity\":\"ERROR\",\"code\":\"22023\",\"file\":\"async.c\",\"routine\":\"Async_Notify\"}]",
              TO_A),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"error\",{\"code\":\"22023\",\"message\":\"x\"}]", TO_A),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"error\",{\"code\":\"INTERNAL\"}]", TO_A),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"error\",{\"code\":\"INTERNAL\",\"message\":1}]", TO_A),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"error\",{\"code\":1,\"message\":\"x\"}]", TO_A),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"error\",{\"code\":\"INTERNAL\",\"message\":\"x\"}]", ALL),
         "refused: an error that is not the product's, or for everybody"},
	{EMIT("[\"err\\u006fr\",{}]", ALL), "refused: an error that is not the product's, or for everybody"},
	/* rooms that follow rows, and those of sockets */
	{CHANGE("4", "[\"participants:0f8fad5b-d9cb-469f-a165-70867728950e\"]"),
         "refused: a room that follows rows, or a socket's own"},
	{CHANGE("4", "[\"ok\",\"chat:0f8fad5b-d9cb-469f-a165-70867728950e\"]"),
         "refused: a room that follows rows, or a socket's own"},
	{CHANGE("4", "[\"user:0f8fad5b-d9cb-469f-a165-70867728950e\",\"ok\"]"),
         "refused: a room that follows rows, or a socket's own"},
	{CHANGE("4", "[\"followers:\"]"), "refused: a room that follows rows, or a socket's own"},
	{CHANGE("4", "[\"\\u0063hat:1\"]"), "refused: a room that follows rows, or a socket's own"},
	{CHANGE("4", "[\"Zz09_-aaaaaaaaaaaaaa\"]"), "refused: a room that follows rows, or a socket's own"},
	{CHANGE("5", "[\"user:1\"]"), "refused: a room that follows rows, or a socket's own"},
	{CHANGE("5", "[\"chat:1\"]"), "refused: a room that follows rows, or a socket's own"},
};

TEST(what_is_taken)
{
	check(taken, ARRAY_LEN(taken), false);
}

TEST(what_is_not_for_us)
{
	check(others, ARRAY_LEN(others), false);
}

TEST(what_is_no_message)
{
	check(invalid, ARRAY_LEN(invalid), false);
}

TEST(what_is_not_allowed)
{
	check(refused, ARRAY_LEN(refused), false);
}

TEST(a_row_does_not_name_another)
{
	static const struct row rows[] = {
		{"{\"type\":3,\"attachmentId\":\"17\"}", "invalid: a row that names another row"},
		{EMIT("[\"ev\",{}]", TO_A), "3 rooms=a event=ev data={}"},
	};
	check(rows, ARRAY_LEN(rows), true);
}

TEST(cut_at_every_byte)
{
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		struct slice whole = json_trim(slice_str(taken[i].in));
		CHECK_ROW(taken[i].in);
		for (size_t n = 0; n < whole.n; n++) {
			struct buf out = {0};
			describe(&out, slice_of(whole.p, n), false);
			CHECK_SLICE(buf_view(&out), SLICE("invalid: no JSON object"));
			buf_fini(&out);
		}
	}
}

/* text: head, n times middle, tail */
static void repeated(struct buf *text, const char *head, const char *middle, size_t n, const char *tail)
{
	text->n = 0;
	buf_str(text, head);
	for (size_t i = 0; i < n; i++)
		buf_str(text, middle);
	buf_str(text, tail);
}

static void check_text(const struct buf *text, const char *begins)
{
	struct buf out = {0};
	describe(&out, buf_view(text), true);
	CHECK_ROW(begins);
	CHECK_SLICE(slice_of(out.p, strlen(begins) < out.n ? strlen(begins) : out.n), slice_str(begins));
	buf_fini(&out);
}

#define DATA_HEAD "{\"type\":3,\"data\":{\"opts\":{\"rooms\":[]},\"packet\":{\"data\":[\"ev\",{\"a\":"
#define DATA_TAIL "}]}}}"

TEST(limits)
{
	struct buf text = {0};
	/* the object around is on levels 1 to 5 */
	repeated(&text, DATA_HEAD, "[", 59, "");
	for (int i = 0; i < 59; i++)
		buf_char(&text, ']');
	buf_str(&text, DATA_TAIL);
	check_text(&text, "3 everyone");
	repeated(&text, DATA_HEAD, "[", 60, "");
	for (int i = 0; i < 60; i++)
		buf_char(&text, ']');
	buf_str(&text, DATA_TAIL);
	check_text(&text, "invalid: nested too deep");
	repeated(&text, DATA_HEAD, "[", 100000, "");
	check_text(&text, "invalid: no JSON object");

	repeated(&text, DATA_HEAD "\"", "x", EMITTER_DATA_MOST - 8, "\"" DATA_TAIL); /* {"a":""} */
	check_text(&text, "3 everyone");
	repeated(&text, DATA_HEAD "\"", "x", EMITTER_DATA_MOST - 7, "\"" DATA_TAIL);
	check_text(&text, "refused: data over 256 KiB");
	repeated(&text, DATA_HEAD "\"", "x", EMITTER_DATA_MOST - 8,
	         "\"    " DATA_TAIL); /* white space does not count */
	check_text(&text, "3 everyone");

	repeated(&text, "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[\"a\"", ",\"a\"", EMITTER_ROOMS_MOST - 1, "]}}}");
	check_text(&text, "6 rooms=a|a");
	repeated(&text, "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[\"a\"", ",\"a\"", EMITTER_ROOMS_MOST, "]}}}");
	check_text(&text, "invalid: too many rooms");
	repeated(&text, "{\"type\":4,\"data\":{\"opts\":{\"rooms\":[]},\"rooms\":[\"a\"", ",\"a\"",
	         EMITTER_CHANGE_MOST - 1, "]}}");
	check_text(&text, "4 everyone change=a|a");
	repeated(&text, "{\"type\":4,\"data\":{\"opts\":{\"rooms\":[]},\"rooms\":[\"a\"", ",\"a\"", EMITTER_CHANGE_MOST,
	         "]}}");
	check_text(&text, "invalid: too many rooms");
	buf_fini(&text);
}

/* xorshift64*: the same everywhere */
static uint32_t below(uint64_t *random, size_t limit)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (uint32_t)((*random * 0x2545f4914f6cdd1du >> 32) % limit);
}

/* The lists are as hub_send takes them: no empty name, none with control characters. */
static bool good_list(const struct buf *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] == '\n' ? i == 0 || i + 1 == b->n || b->p[i + 1] == '\n' : (unsigned char)b->p[i] < 0x20)
			return false;
	return true;
}

/* A message that is taken can be carried out without further checks. */
TEST(fuzz)
{
	static const struct {
		const struct row *rows;
		size_t n;
	} tables[] = {{taken, ARRAY_LEN(taken)},
	              {invalid, ARRAY_LEN(invalid)},
	              {refused, ARRAY_LEN(refused)},
	              {taken, ARRAY_LEN(taken)}};
	static const char spice[] = "{}[]\",:\\u0123456789abctfn \n\x01\x1e\x7f\xc3\xff";
	uint64_t random = 1;
	size_t kept = 0;
	for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
		size_t t = below(&random, ARRAY_LEN(tables));
		struct buf in = {0};
		buf_str(&in, tables[t].rows[below(&random, tables[t].n)].in);
		for (unsigned k = below(&random, 4); k && in.n > 1; k--) {
			size_t at = below(&random, in.n);
			if (below(&random, 3)) {
				in.p[at] = spice[below(&random, sizeof(spice) - 1)];
			} else { /* a piece of it leaves */
				size_t n = 1 + below(&random, in.n - at);
				memmove(in.p + at, in.p + at + n, in.n - at - n);
				in.n -= n;
			}
		}
		struct emitter_message m;
		const char *why;
		enum emitter_outcome outcome = parse(&m, buf_view(&in), false, &why);
		if (outcome == EMITTER_DONE && !m.attachment) {
			kept++;
			CHECK(good_list(&m.rooms) && good_list(&m.except) && good_list(&m.change));
			CHECK(m.everyone == (m.rooms.n == 0));
			if (m.verb == EMITTER_EMIT) {
				enum json_kind kind;
				unsigned flaws = 0;
				CHECK(m.event.n > 0 && json_scan(buf_view(&m.data), &kind, &flaws) &&
				      kind == JSON_OBJECT && flaws == 0);
			}
		} else if (outcome != EMITTER_DONE) {
			CHECK(outcome == EMITTER_IGNORED || *why);
		}
		emitter_message_fini(&m);
		buf_fini(&in);
	}
	CHECK(kept > FUZZ_ROUNDS / 20);
}
