#include "recovery/offset_token.h"

#include "base/mem.h"
#include "base/text.h"
#include "test.h"

#define FUZZ_ROUNDS 200000

static const unsigned char key[TOKEN_KEY] = "0123456789abcdef0123456789abcdef",
			   other_key[TOKEN_KEY] = "0123456789abcdef0123456789abcdeF";
static const unsigned char epoch[TOKEN_EPOCH] = {1, 0, 255, 3, 4, 5, 6, 7};
#define ANN SLICE("0b0e7c9e-6a86-4d0c-8a56-0a2b6a9d8a01")
#define EVE SLICE("0b0e7c9e-6a86-4d0c-8a56-0a2b6a9d8a02")
#define PID SLICE("abcdefghijklmnopqrstuvwx")
#define SOCKET SLICE("AAAAAAAAAAbbbbbbbbbb")
#define CHATS "6d2c2c0e-0000-4fff-8abc-00000000000109876543-21ab-cdef-0123-456789abcdef"
#define SNAPSHOT "1000:1010:1001,1009"
#define MARK "mark.17.0123456789abcdef"

static bool write_at(struct buf *out, const struct db_position *at, const struct token_about *about)
{
	struct token_head head;
	bool good = token_head(&head, epoch, at) && token_put(out, key, &head, about);
	token_head_fini(&head);
	return good;
}

static bool write_about(struct buf *out, const char *snapshot, const struct token_about *about)
{
	return write_at(out, &(struct db_position){.snapshot = snapshot, .mark = MARK, .now_us = 1764083167123456},
	                about);
}

static bool write_token(struct buf *out, struct slice user, struct slice pid, const char *snapshot, struct slice chats)
{
	return write_about(out, snapshot,
	                   &(struct token_about){.user = user, .pid = pid, .socket = SOCKET, .chats = chats});
}

static bool write_head(struct buf *out, struct slice bytes)
{
	struct token_head head = {0};
	buf_slice(&head.bytes, bytes);
	bool good = token_put(out, key, &head, &(struct token_about){.user = ANN, .pid = PID, .socket = SOCKET});
	token_head_fini(&head);
	return good;
}

/* Bytes of exactly their size, so that a sanitizer sees the first one read too far. */
static bool reads(struct recovery_token *t, const unsigned char *k, struct slice user, struct slice pid,
                  struct slice text)
{
	char *copy = text.n ? mem_dup(text.p, text.n) : NULL;
	bool good = token_read(t, k, user, pid, slice_of(copy, text.n));
	free(copy);
	return good;
}

static bool refuses(const unsigned char *k, struct slice user, struct slice pid, struct slice text)
{
	struct recovery_token t;
	bool good = reads(&t, k, user, pid, text);
	token_fini(&t);
	return !good;
}

TEST(what_is_written_is_read)
{
	static const struct {
		const char *name, *snapshot, *chats;
	} rows[] = {{"chats", SNAPSHOT, CHATS}, {"none", SNAPSHOT, ""}, {"nothing in flight", "7:7:", CHATS}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = {0};
		struct recovery_token t;
		CHECK_ROW(rows[i].name);
		CHECK(write_token(&text, ANN, PID, rows[i].snapshot, slice_str(rows[i].chats)));
		for (size_t c = 0; c < text.n; c++) /* goes into JSON and URLs as it is */
			CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text.p[c]));
		CHECK(reads(&t, key, ANN, PID, buf_view(&text)));
		CHECK(memcmp(t.epoch, epoch, TOKEN_EPOCH) == 0);
		CHECK(t.issued_us == 1764083167123456);
		CHECK(slice_eq(buf_view(&t.mark), SLICE(MARK)));
		CHECK_SLICE(slice_of(t.socket, TOKEN_SOCKET), SOCKET);
		CHECK_SLICE(buf_view(&t.snapshot), slice_str(rows[i].snapshot));
		CHECK_SLICE(buf_view(&t.chats), slice_str(rows[i].chats));
		token_fini(&t);
		buf_fini(&text);
	}
}

TEST(messages_that_no_pong_confirmed)
{
	static const struct {
		const char *chats, *messages;
	} rows[] = {{CHATS, CHATS}, {"", CHATS}, {CHATS, ""}};
	struct buf many = {0}, text = {0};
	struct recovery_token t;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		text.n = 0;
		CHECK(write_about(&text, SNAPSHOT,
		                  &(struct token_about){.user = ANN,
		                                        .pid = PID,
		                                        .socket = SOCKET,
		                                        .chats = slice_str(rows[i].chats),
		                                        .messages = slice_str(rows[i].messages)}));
		CHECK(reads(&t, key, ANN, PID, buf_view(&text)));
		CHECK_SLICE(buf_view(&t.chats), slice_str(rows[i].chats));
		CHECK_SLICE(buf_view(&t.messages), slice_str(rows[i].messages));
		token_fini(&t);
		for (size_t n = 0; n < text.n; n++)
			CHECK(refuses(key, ANN, PID, slice_of(text.p, n)));
	}
	struct token_about about = {.user = ANN, .pid = PID, .socket = SOCKET, .chats = SLICE(CHATS)};
	for (size_t n = 1; n <= TOKEN_MESSAGES + 1; n++) {
		buf_str(&many, "6d2c2c0e-0000-4fff-8abc-000000000001");
		about.messages = buf_view(&many);
		text.n = 0;
		CHECK_INT(write_about(&text, SNAPSHOT, &about), n <= TOKEN_MESSAGES);
		CHECK(text.n <= TOKEN_MAX_TEXT);
		CHECK(n > TOKEN_MESSAGES || !refuses(key, ANN, PID, buf_view(&text)));
	}
	about.messages = SLICE("6d2c2c0e-0000-4fff-8abc-00000000000G");
	CHECK(!write_about(&text, SNAPSHOT, &about));
	CHECK_INT(text.n, 0);
	buf_fini(&many);
	buf_fini(&text);
}

/* However many rows there are, as many chats fit. */
TEST(rows_ahead_of_the_snapshot)
{
	struct db_row rows[DB_AHEAD_MOST];
	struct buf text = {0}, chats = {0}, messages = {0};
	struct db_position at = {.snapshot = SNAPSHOT, .mark = MARK, .now_us = 1764083167123456, .ahead = rows};
	struct token_about about = {.user = ANN, .pid = PID, .socket = SOCKET};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i] = (struct db_row){i ? UINT64_MAX - i : 0, i, i ? INT64_MAX - (int64_t)i : 0};
	for (int i = 0; i < TOKEN_MESSAGES; i++)
		buf_str(&messages, "6d2c2c0e-0000-4fff-8abc-000000000001");
	buf_add(&chats, messages.p, (size_t)40 * TOKEN_UUID);
	about.chats = buf_view(&chats);
	about.messages = buf_view(&messages);
	for (at.nahead = 0; at.nahead <= DB_AHEAD_MOST; at.nahead++) {
		struct recovery_token t;
		text.n = 0;
		CHECK(write_at(&text, &at, &about));
		CHECK(text.n <= TOKEN_MAX_TEXT);
		CHECK(reads(&t, key, ANN, PID, buf_view(&text)));
		CHECK_INT(t.nahead, at.nahead);
		for (size_t i = 0; i < t.nahead; i++)
			CHECK(t.ahead[i].id == rows[i].id && t.ahead[i].at_us == rows[i].at_us);
		CHECK_SLICE(buf_view(&t.mark), SLICE(MARK));
		CHECK_SLICE(slice_of(t.socket, TOKEN_SOCKET), SOCKET);
		CHECK_SLICE(buf_view(&t.chats), buf_view(&chats));
		CHECK_SLICE(buf_view(&t.messages), buf_view(&messages));
		token_fini(&t);
	}
	for (size_t n = 0; n < text.n; n++)
		CHECK(refuses(key, ANN, PID, slice_of(text.p, n)));
	buf_fini(&text);
	buf_fini(&chats);
	buf_fini(&messages);
}

TEST(for_one_user_one_private_id_and_one_key)
{
	struct buf text = {0};
	CHECK(write_token(&text, ANN, PID, SNAPSHOT, SLICE(CHATS)));
	struct slice good = buf_view(&text);
	CHECK(!refuses(key, ANN, PID, good));
	CHECK(refuses(key, EVE, PID, good));
	CHECK(refuses(key, ANN, SLICE("abcdefghijklmnopqrstuvwy"), good));
	CHECK(refuses(key, ANN, SLICE(""), good));
	CHECK(refuses(other_key, ANN, PID, good));
	/* a byte that moves from the end of the user to the front of the id makes another pair */
	CHECK(refuses(key, slice_of(ANN.p, ANN.n - 1), SLICE("1abcdefghijklmnopqrstuvwx"), good));
	buf_fini(&text);
}

TEST(cut_or_longer)
{
	struct buf text = {0};
	CHECK(write_token(&text, ANN, PID, SNAPSHOT, SLICE(CHATS)));
	for (size_t n = 0; n < text.n; n++)
		CHECK(refuses(key, ANN, PID, slice_of(text.p, n)));
	static const char *const tails[] = {"A", "AA", "AAAA", "=", "==", " ", "\n", "+", "/"};
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		struct buf longer = {0};
		CHECK_ROW(tails[i]);
		buf_slice(&longer, buf_view(&text));
		buf_str(&longer, tails[i]);
		CHECK(refuses(key, ANN, PID, buf_view(&longer)));
		longer.n = 0;
		buf_str(&longer, tails[i]);
		buf_slice(&longer, buf_view(&text));
		CHECK(refuses(key, ANN, PID, buf_view(&longer)));
		buf_fini(&longer);
	}
	buf_fini(&text);
}

TEST(every_bit_counts)
{
	struct buf text = {0}, raw = {0};
	CHECK(write_token(&text, ANN, PID, SNAPSHOT, SLICE(CHATS)));
	CHECK(base64_decode(&raw, buf_view(&text)));
	for (size_t bit = 0; bit < raw.n * 8; bit++) {
		struct buf changed = {0};
		raw.p[bit / 8] = (char)(raw.p[bit / 8] ^ 1 << bit % 8);
		base64_encode(&changed, buf_view(&raw));
		while (changed.n && changed.p[changed.n - 1] == '=')
			changed.n--;
		for (size_t i = 0; i < changed.n; i++)
			changed.p[i] = changed.p[i] == '+' ? '-' : changed.p[i] == '/' ? '_' : changed.p[i];
		CHECK(refuses(key, ANN, PID, buf_view(&changed)));
		raw.p[bit / 8] = (char)(raw.p[bit / 8] ^ 1 << bit % 8);
		buf_fini(&changed);
	}
	buf_fini(&text);
	buf_fini(&raw);
}

TEST(over_the_cap)
{
	struct buf chats = {0}, text = {0};
	size_t most = 0;
	for (size_t n = 0; n < 100; n++, buf_str(&chats, "6d2c2c0e-0000-4fff-8abc-000000000001")) {
		text.n = 0;
		if (write_token(&text, ANN, PID, SNAPSHOT, buf_view(&chats)))
			most = n;
		else
			CHECK_INT(text.n, 0);
		CHECK(text.n <= TOKEN_MAX_TEXT);
	}
	CHECK(most >= 40 && most <= 48);
	char snapshot[40000];
	int at = sprintf(snapshot, "1000:99000:");
	for (int i = 0; i < 2000; i++)
		at += sprintf(snapshot + at, "%s%d", i ? "," : "", 1000 + 3 * i);
	text.n = 0;
	CHECK(!write_token(&text, ANN, PID, snapshot, SLICE("")));
	CHECK(!write_token(&text, ANN, PID, "1:2", SLICE("")));
	CHECK(!write_token(&text, ANN, PID, SNAPSHOT, SLICE("6d2c2c0e-0000-4fff-8abc-00000000000")));
	CHECK(!write_token(&text, ANN, PID, SNAPSHOT, SLICE("6d2c2c0e-0000-4fff-8abc-00000000000G")));
	CHECK(!write_token(&text, ANN, PID, SNAPSHOT,
	                   SLICE("6D2C2C0E-0000-4fff-8abc-000000000001"))); /* rooms have one spelling */
	CHECK_INT(text.n, 0);
	buf_fini(&chats);
	buf_fini(&text);
}

/* Mutations of good texts, and any letters: nothing but the good ones is taken. */
TEST(mutations)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n\"\\\xff";
	uint64_t x = 88172645463325252u;
	struct buf good = {0};
	CHECK(write_token(&good, ANN, PID, SNAPSHOT, SLICE(CHATS)));
	for (int round = 0; round < FUZZ_ROUNDS; round++) {
		char text[1200];
		size_t n = good.n;
		memcpy(text, good.p, n);
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		for (size_t i = 0; i <= x % 4; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			size_t at = (size_t)(x >> 8) % n;
			char c = letters[(x >> 40) % (sizeof(letters) - 1)];
			switch (x >> 60 & 3) {
			case 0: /* out */
				memmove(text + at, text + at + 1, n - at - 1);
				n--;
				break;
			case 1: /* in */
				memmove(text + at + 1, text + at, n - at);
				text[at] = c;
				n++;
				break;
			default:
				text[at] = c;
			}
		}
		struct slice changed = slice_of(text, n);
		if (!slice_eq(changed, buf_view(&good)))
			CHECK(refuses(key, ANN, PID, changed));
	}
	buf_fini(&good);
}

/* Under a good MAC as well, a body that is none is refused: another version of the program may have written it. */
TEST(authentic_but_no_body)
{
#define HEAD(version, rest)                                                  \
	{                                                                    \
		version "ABCDEFGH" rest, sizeof(version "ABCDEFGH" rest) - 1 \
	}
#define FIVE "\x07\x01\x07\x01\x07\x01\x07\x01\x07\x01"
	static const struct slice heads[] = {
		{"", 0},
		{"\x02", 1},
		HEAD("\x04", "\x01\x05\x00\x00\x01m"),
		HEAD("\x03", "\x01\x01\x00\x00\x01m"),
		HEAD("\x03", "\x01\x05\x00\x00\x01m"),     /* of rows, but has no such part */
		HEAD("\x03", "\x01\x05\x00\x00\x01m\x00"), /* none of them has the other version */
		HEAD("\x03", "\x01\x05\x00\x00\x01m\x19" FIVE FIVE FIVE FIVE FIVE), /* too many */
		HEAD("\x03", "\x01\x05\x00\x00\x01m\x01\x07"),                      /* cut short before the time */
		HEAD("\x03", "\x01\x05\x00\x00\x01m\x01\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		HEAD("\x01", "\x01\x05\x00\x00"), /* of the version before: it names no mark */
		HEAD("\x02", ""),
		HEAD("\x02", "\x01\x00\x00\x00\x01m"),
		HEAD("\x02", "\x01\x05\x01\x05\x01m"),
		HEAD("\x02", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05\x00\x00\x01m"),
		HEAD("\x02", "\x01\x05\x00\x00\x00"),  /* an empty mark */
		HEAD("\x02", "\x01\x05\x00\x00\x51m"), /* a longer one than there is */
	};
	struct buf text = {0};
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		text.n = 0;
		CHECK(write_head(&text, heads[i]));
		CHECK(refuses(key, ANN, PID, buf_view(&text)));
	}
	text.n = 0;
	CHECK(write_head(&text, (struct slice)HEAD("\x02", "\x01\x05\x00\x00\x01m")));
	CHECK(!refuses(key, ANN, PID, buf_view(&text)));
	text.n = 0;
	CHECK(write_head(&text, (struct slice)HEAD("\x03", "\x01\x05\x00\x00\x01m\x01\x07\x01")));
	CHECK(!refuses(key, ANN, PID, buf_view(&text)));
	buf_fini(&text);
}
