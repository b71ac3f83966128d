/*
 * Tokens. The first byte of an input picks the key. Even: the rest is the token as it is. Odd: the rest is header and
 * payload with a newline between, and the target signs them, so that inputs reach the checks behind the signature.
 */
#include "target.h"

#include "auth/auth.h"
#include "base/text.h"
#include "auth/issuer.h"
#include <jansson.h>
#include <openssl/err.h>

#define NOW 1000000
#define LEEWAY_S 5

static const struct auth_config configs[] = {
	{.secret = SECRET},
	{.secret = SECRET, .issuer = "us", .audience = "chat", .leeway_s = LEEWAY_S},
};

static struct auth *auth_of(unsigned i)
{
	static struct auth *auths[ARRAY_LEN(configs)];
	char error[200];
	if (!auths[i])
		auths[i] = auth_new(&configs[i], error, sizeof error);
	CHECK(auths[i]);
	return auths[i];
}

static enum auth_result check(const struct auth *a, struct slice token, struct auth_claims *claims)
{
	char *exact = mem_dup(token.p, token.n);
	enum auth_result r = auth_check(a, slice_of(exact, token.n), NOW, claims);
	free(exact);
	CHECK(r <= AUTH_AUDIENCE);
	CHECK_INT(ERR_peek_error(), 0); /* a connection's TLS would take it for its own */
	if (r != AUTH_OK && r != AUTH_EXPIRED)
		CHECK(!claims->sub[0] && !claims->exp_ms && !claims->until_ms);
	return r;
}

/* The claims of an accepted token, read by another library. */
static void check_claims(const struct auth_config *cfg, struct slice payload, enum auth_result r,
                         const struct auth_claims *claims)
{
	json_t *o = json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(o));
	CHECK(uuid_valid(slice_str(claims->sub)));
	CHECK_INT(strcasecmp(json_string_value(json_object_get(o, "sub")), claims->sub), 0);
	double exp = json_number_value(json_object_get(o, "exp"));
	CHECK(json_is_number(json_object_get(o, "exp")));
	CHECK(exp * 1000 - 1 < (double)claims->exp_ms && (double)claims->exp_ms < exp * 1000 + 1);
	CHECK_INT(claims->until_ms, claims->exp_ms + cfg->leeway_s * 1000);
	CHECK_INT(r == AUTH_OK, claims->until_ms > NOW);
	if (cfg->issuer)
		CHECK_STR(json_string_value(json_object_get(o, "iss")), cfg->issuer);
	json_decref(o);
}

/*
 * A token with one bit changed has no valid signature. The last character is left alone: some of its bits may belong
 * to no byte.
 */
static void check_forgeries(const struct auth *a, const struct buf *token, const uint8_t *cuts)
{
	struct auth_claims claims;
	for (unsigned i = 0; i < CUT_BYTES; i++) {
		struct buf forged = {0};
		buf_slice(&forged, buf_view(token));
		forged.p[(cuts[i] * 257u + i) % (token->n - 1)] ^= 1;
		CHECK(check(a, buf_view(&forged), &claims) != AUTH_OK);
		buf_fini(&forged);
	}
	CHECK(check(a, slice_of(token->p, token->n - 2), &claims) != AUTH_OK);
}

static void check_signed(unsigned which, const struct input *in)
{
	struct auth_claims claims;
	const char *line = in->content.n ? memchr(in->content.p, '\n', in->content.n) : NULL;
	if (!line || memchr(in->content.p, '\0', (size_t)(line - in->content.p)))
		return;
	char *header = mem_strndup(in->content.p, (size_t)(line - in->content.p));
	struct slice payload = slice_of(line + 1, in->content.n - (size_t)(line - in->content.p) - 1);
	struct buf token = hs256_token(header, payload);
	enum auth_result r = check(auth_of(which), buf_view(&token), &claims);
	CHECK(r != AUTH_SIGNATURE);
	if (r == AUTH_OK || r == AUTH_EXPIRED)
		check_claims(&configs[which], payload, r, &claims);
	if (r == AUTH_OK)
		check_forgeries(auth_of(which), &token, in->cuts);
	buf_fini(&token);
	free(header);
}

static void check_raw(unsigned which, const struct input *in)
{
	struct auth_claims first, again;
	struct slice token = in->content.n ? in->content : SLICE("");
	enum auth_result r = check(auth_of(which), token, &first);
	CHECK_INT(check(auth_of(which), token, &again), r);
	CHECK_STR(again.sub, first.sub);
	CHECK_INT(again.exp_ms, first.exp_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = input_open(data, n);
	unsigned mode = input_mode(&in), which = mode >> 1 & 1;
	if (mode & 1)
		check_signed(which, &in);
	else
		check_raw(which, &in);
	input_close(&in);
	return 0;
}
