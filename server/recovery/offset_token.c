/*
 * Offsets as text: the MAC, base64url, and the bytes.
 */
#include "recovery/offset_token.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "base/varint.h"
#include <openssl/sha.h>
#include <openssl/hmac.h>

#define VERSION 2
#define VERSION_AHEAD 3 /* with rows */
#define MAC 16
#define UUID_BYTES 16
#define MARK_MAX 80             /* bytes */
#define IN_FLIGHT_MAX TOKEN_MAX /* a transaction in flight takes at least a byte */

/* ---- the MAC ---- */

static void mac(unsigned char out[MAC], const unsigned char key[TOKEN_KEY], struct slice user, struct slice pid,
                struct slice body)
{
	static const struct slice what = {"bellwire offset",
	                                  15}; /* it keeps offsets apart from other uses of the key */
	struct buf b = {0};
	unsigned char full[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	const struct slice parts[] = {what, user, pid, body};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		varint_put(&b, parts[i].n); /* the length: no two lists of parts may be the same bytes */
		buf_slice(&b, parts[i]);
	}
	if (!HMAC(EVP_sha256(), key, TOKEN_KEY, (const unsigned char *)b.p, b.n, full, &n) || n < MAC)
		abort();
	memcpy(out, full, MAC);
	buf_fini(&b);
}

/* ---- letters ---- */

/* An offset has one spelling only, as base64url_decode takes only one. */
static bool token_decode(struct buf *raw, struct slice text)
{
	return text.n <= TOKEN_MAX_TEXT && base64url_decode(raw, text) && raw->n <= TOKEN_MAX;
}

static bool put_uuid(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'Z')
			return false;
	if (!uuid_valid(text))
		return false;
	for (size_t i = 0; i < TOKEN_UUID; i += 2) {
		i += text.p[i] == '-';
		buf_char(out, (char)(hex_digit(text.p[i]) << 4 | hex_digit(text.p[i + 1])));
	}
	return true;
}

static void take_uuid(struct buf *text, const char *raw)
{
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_char(text, '-');
		hex_encode(text, slice_of(raw + i, 1));
	}
}

/* ---- writing ---- */

void token_epoch(unsigned char out[TOKEN_EPOCH], const char *name)
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)name, strlen(name), sum);
	memcpy(out, sum, TOKEN_EPOCH);
}

bool token_head(struct token_head *h, const unsigned char epoch[TOKEN_EPOCH], const struct db_position *at)
{
	struct buf *out = &h->bytes;
	*h = (struct token_head){0};
	buf_char(out, at->nahead ? VERSION_AHEAD : VERSION);
	buf_add(out, epoch, TOKEN_EPOCH);
	varint_put(out, (uint64_t)at->now_us);
	if (!db_snapshot_pack(out, at->snapshot))
		return false;
	varint_put(out, strlen(at->mark));
	buf_str(out, at->mark);
	size_t before = out->n;
	if (at->nahead)
		varint_put(out, at->nahead);
	for (size_t i = 0; i < at->nahead; i++) {
		varint_put(out, at->ahead[i].id);
		varint_put(out, (uint64_t)at->ahead[i].at_us);
	}
	h->rows = out->n - before;
	return true;
}

void token_head_fini(struct token_head *h)
{
	buf_fini(&h->bytes);
}

static bool put_uuids(struct buf *out, struct slice texts)
{
	bool good = true;
	for (size_t i = 0; good && i < texts.n; i += TOKEN_UUID)
		good = put_uuid(out, slice_of(texts.p + i, TOKEN_UUID));
	return good;
}

static bool put_messages(struct buf *body, struct slice messages)
{
	bool good = put_uuids(body, messages);
	buf_char(body, (char)(messages.n / TOKEN_UUID));
	return good;
}

static bool about_fits(const struct token_about *a, const struct token_head *h)
{
	return a->socket.n == TOKEN_SOCKET && a->chats.n % TOKEN_UUID == 0 && a->messages.n % TOKEN_UUID == 0 &&
	       a->messages.n / TOKEN_UUID <= TOKEN_MESSAGES &&
	       h->bytes.n - h->rows + TOKEN_SOCKET + a->chats.n / TOKEN_UUID * UUID_BYTES + MAC <= TOKEN_BASE_MAX;
}

bool token_put(struct buf *out, const unsigned char key[TOKEN_KEY], const struct token_head *head,
               const struct token_about *about)
{
	struct buf body = {0};
	bool good = about_fits(about, head);
	if (good) {
		buf_slice(&body, buf_view(&head->bytes));
		buf_slice(&body, about->socket);
		good = put_uuids(&body, about->chats) && put_messages(&body, about->messages);
	}
	if (good) {
		unsigned char sum[MAC];
		mac(sum, key, about->user, about->pid, buf_view(&body));
		buf_add(&body, sum, MAC);
		base64url_encode(out, buf_view(&body));
	}
	buf_fini(&body);
	return good;
}

/* ---- reading ---- */

static bool token_take(struct slice *in, void *to, size_t n)
{
	if (in->n < n)
		return false;
	memcpy(to, in->p, n);
	*in = slice_of(in->p + n, in->n - n);
	return true;
}

/* Between its bounds; without one a token proves nothing. */
static bool take_mark(struct slice *in, struct buf *mark)
{
	uint64_t n;
	if (!varint_take(in, &n) || n == 0 || n > MARK_MAX || n > in->n)
		return false;
	buf_add(mark, in->p, n);
	*in = slice_of(in->p + n, in->n - n);
	return true;
}

static bool take_ahead(struct slice *in, struct recovery_token *t)
{
	uint64_t n, at_us;
	if (!varint_take(in, &n) || n == 0 || n > DB_AHEAD_MOST)
		return false;
	for (; t->nahead < n; t->nahead++) {
		struct token_row *r = &t->ahead[t->nahead];
		if (!varint_take(in, &r->id) || !varint_take(in, &at_us) || at_us > INT64_MAX)
			return false;
		r->at_us = (int64_t)at_us;
	}
	return true;
}

/* Takes the messages off the end of what follows the socket. */
static bool read_messages(struct recovery_token *t, struct slice *body)
{
	size_t n = body->n ? (unsigned char)body->p[body->n - 1] : 0;
	if (body->n == 0 || n > TOKEN_MESSAGES || body->n < n * UUID_BYTES + 1)
		return false;
	body->n -= n * UUID_BYTES + 1;
	for (size_t i = 0; i < n; i++)
		take_uuid(&t->messages, body->p + body->n + i * UUID_BYTES);
	return true;
}

static bool read_body(struct recovery_token *t, struct slice body)
{
	char version;
	if (!token_take(&body, &version, 1) || (version != VERSION && version != VERSION_AHEAD) ||
	    !token_take(&body, t->epoch, TOKEN_EPOCH) || !varint_take(&body, &t->issued_us) ||
	    t->issued_us > INT64_MAX || !db_snapshot_unpack(&body, &t->snapshot, IN_FLIGHT_MAX) ||
	    !take_mark(&body, &t->mark) || (version == VERSION_AHEAD && !take_ahead(&body, t)) ||
	    !token_take(&body, t->socket, TOKEN_SOCKET) || !read_messages(t, &body) || body.n % UUID_BYTES)
		return false;
	for (size_t i = 0; i < body.n; i += UUID_BYTES)
		take_uuid(&t->chats, body.p + i);
	return true;
}

bool token_read(struct recovery_token *t, const unsigned char key[TOKEN_KEY], struct slice user, struct slice pid,
                struct slice text)
{
	struct buf raw = {0};
	unsigned char want[MAC];
	*t = (struct recovery_token){0};
	bool good = token_decode(&raw, text) && raw.n > MAC;
	if (good) {
		struct slice body = slice_of(raw.p, raw.n - MAC);
		mac(want, key, user, pid, body);
		good = secret_eq(slice_of(want, MAC), slice_of(raw.p + body.n, MAC)) && read_body(t, body);
	}
	buf_fini(&raw);
	return good;
}

void token_fini(struct recovery_token *t)
{
	buf_fini(&t->snapshot);
	buf_fini(&t->mark);
	buf_fini(&t->chats);
	buf_fini(&t->messages);
}
