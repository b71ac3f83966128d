/*
 * The check of a token: its three parts, the header, the signature (key.c), the claims. Called by
 * people/tokens.c for each token of a client, and by `bellwire token --check`.
 */
#include "auth/auth.h"

#include "auth/key.h"
#include "auth/keyring.h"
#include "base/mem.h"
#include "base/text.h"
#include <jansson.h>
#include <math.h>
#include <openssl/sha.h>
#include <strings.h>

#define TOKEN_MAX 8192

struct auth {
	struct auth_key *key; /* of the settings; NULL: they have none */
	char *issuer, *audience, *user_claim;
	uint64_t leeway_ms;
	bool user_elsewhere;
};

/* ---- the three parts ---- */

struct parts {
	struct buf header, payload, signature; /* decoded */
	struct slice signed_text;              /* header and payload as they came, with the dot; borrowed */
};

static void parts_fini(struct parts *parts)
{
	buf_fini(&parts->header);
	buf_fini(&parts->payload);
	buf_fini(&parts->signature);
}

static bool parts_split(struct slice token, struct parts *parts)
{
	*parts = (struct parts){0};
	if (token.n == 0 || token.n > TOKEN_MAX)
		return false;
	const char *end = token.p + token.n;
	const char *first = memchr(token.p, '.', token.n);
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	if (!second)
		return false;
	parts->signed_text = slice_of(token.p, (size_t)(second - token.p));
	return base64url_decode(&parts->header, slice_of(token.p, (size_t)(first - token.p))) &&
	       base64url_decode(&parts->payload, slice_of(first + 1, (size_t)(second - first - 1))) &&
	       base64url_decode(&parts->signature,
	                        slice_of(second + 1, (size_t)(end - second - 1))); /* fails at a third dot */
}

/* NULL: not an object, or a key comes twice. Of two `sub`, two readers may take different ones. */
static json_t *object_decode(const struct buf *text)
{
	json_t *o = json_loadb(text->p, text->n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

/* ---- the header ---- */

static bool string_is(const json_t *v, const char *expected)
{
	return json_is_string(v) &&
	       strcmp(json_string_value(v), expected) == 0; /* no \u0000 is in it: jansson refuses that */
}

/* The row that has the token's kid; else the key of the settings. */
static enum auth_result choose_key(const struct auth *a, const struct auth_keys *keys, const json_t *header,
                                   uint64_t now, const struct auth_key **key)
{
	const json_t *kid = json_object_get(header, "kid");
	*key = NULL;
	if (json_is_string(kid)) {
		enum auth_result r = auth_keys_find(keys, slice_str(json_string_value(kid)), now, key);
		if (r != AUTH_OK)
			return r;
	}
	if (!*key)
		*key = a->key;
	return *key ? AUTH_OK : AUTH_KEY;
}

static enum auth_result check_header(const struct auth *a, const struct auth_keys *keys, const struct buf *text,
                                     uint64_t now, const struct auth_key **key)
{
	json_t *header = object_decode(text);
	if (!header)
		return AUTH_MALFORMED;
	enum auth_result r = choose_key(a, keys, header, now, key);
	if (r == AUTH_OK && !string_is(json_object_get(header, "alg"), auth_key_algorithm(*key)))
		r = AUTH_ALGORITHM;
	else if (r == AUTH_OK && json_object_get(header, "crit"))
		r = AUTH_MALFORMED; /* refused, since no extension is known here (RFC 7515 4.1.11) */
	json_decref(header);
	return r;
}

/* ---- the claims ---- */

static bool time_read(const json_t *v, uint64_t *ms)
{
	double s = json_number_value(v);
	if (!json_is_number(v) || !isfinite(s) || s < 0 || s > TIME_MAX_S)
		return false;
	*ms = json_is_integer(v) ? (uint64_t)json_integer_value(v) * 1000 : (uint64_t)llround(s * 1000);
	return true;
}

/* otherwise: the result where it is another string, or missing. */
static enum auth_result check_string(const json_t *v, const char *expected, enum auth_result otherwise)
{
	if (!expected)
		return AUTH_OK;
	if (v && !json_is_string(v))
		return AUTH_MALFORMED;
	return string_is(v, expected) ? AUTH_OK : otherwise;
}

static enum auth_result check_audience(const json_t *aud, const char *expected)
{
	if (!expected)
		return AUTH_OK;
	if (!json_is_array(aud))
		return check_string(aud, expected, AUTH_AUDIENCE);
	bool found = false;
	for (size_t i = 0; i < json_array_size(aud); i++) {
		const json_t *member = json_array_get(aud, i);
		if (!json_is_string(member))
			return AUTH_MALFORMED;
		found |= string_is(member, expected);
	}
	return found ? AUTH_OK : AUTH_AUDIENCE;
}

static enum auth_result read_subject(const json_t *sub, char out[37])
{
	if (sub && !json_is_string(sub))
		return AUTH_MALFORMED;
	if (!sub)
		return AUTH_NO_SUBJECT;
	struct slice s = slice_str(json_string_value(sub));
	if (!uuid_valid(s))
		return AUTH_SUBJECT;
	for (size_t i = 0; i < 36; i++)
		out[i] = s.p[i] >= 'A' && s.p[i] <= 'F' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
	out[36] = '\0';
	return AUTH_OK;
}

/* exp is judged last. A user whose token has expired is told so at his next socket, which takes a token that is right
 * in all else. */
static enum auth_result check_claims(const struct auth *a, const json_t *payload, uint64_t now,
                                     struct auth_claims *claims)
{
	const json_t *exp = json_object_get(payload, "exp"), *nbf = json_object_get(payload, "nbf"),
		     *iat = json_object_get(payload, "iat");
	uint64_t nbf_ms = 0, iat_ms;
	if ((exp && !time_read(exp, &claims->exp_ms)) || (nbf && !time_read(nbf, &nbf_ms)) ||
	    (iat && !time_read(iat, &iat_ms)))
		return AUTH_MALFORMED;
	enum auth_result r = check_string(json_object_get(payload, "iss"), a->issuer, AUTH_ISSUER);
	if (r == AUTH_OK)
		r = check_audience(json_object_get(payload, "aud"), a->audience);
	if (r == AUTH_OK && !a->user_elsewhere)
		r = read_subject(json_object_get(payload, a->user_claim ? a->user_claim : "sub"), claims->sub);
	if (r != AUTH_OK)
		return r;
	if (!exp)
		return AUTH_NO_EXP;
	if (now + a->leeway_ms < nbf_ms)
		return AUTH_NOT_YET;
	claims->until_ms = claims->exp_ms + a->leeway_ms;
	return now < claims->until_ms ? AUTH_OK : AUTH_EXPIRED;
}

/* ---- entry ---- */

static enum auth_result check_parts(const struct auth *a, const struct auth_keys *keys, const struct parts *parts,
                                    uint64_t now, struct auth_claims *claims)
{
	const struct auth_key *key;
	enum auth_result r = check_header(a, keys, &parts->header, now, &key);
	if (r != AUTH_OK)
		return r;
	if (!auth_key_verify(key, parts->signed_text, buf_view(&parts->signature)))
		return AUTH_SIGNATURE;
	json_t *payload = object_decode(&parts->payload);
	if (!payload)
		return AUTH_MALFORMED;
	r = check_claims(a, payload, now, claims);
	json_decref(payload);
	return r;
}

enum auth_result auth_check_with(const struct auth *a, const struct auth_keys *keys, struct slice token,
                                 uint64_t wall_ms, struct auth_claims *claims)
{
	*claims = (struct auth_claims){0};
	struct parts parts;
	enum auth_result r = parts_split(token, &parts) ? check_parts(a, keys, &parts, wall_ms, claims)
	                                                : AUTH_MALFORMED;
	parts_fini(&parts);
	if (r != AUTH_OK && r != AUTH_EXPIRED)
		*claims = (struct auth_claims){0}; /* the claims of a refused token are not given out */
	return r;
}

bool auth_payload(struct slice token, struct buf *out)
{
	struct parts parts;
	bool good = parts_split(token, &parts);
	if (good)
		buf_slice(out, buf_view(&parts.payload));
	parts_fini(&parts);
	return good;
}

void auth_digest(struct slice token, unsigned char out[32])
{
	SHA256((const unsigned char *)token.p, token.n, out);
}

const char *auth_result_label(enum auth_result r)
{
	static const char *const labels[] = {
#define X(NAME, label, why) #label,
		AUTH_RESULTS(X)
#undef X
	};
	return labels[r];
}

const char *auth_result_why(enum auth_result r)
{
	static const char *const whys[] = {
#define X(NAME, label, why) why,
		AUTH_RESULTS(X)
#undef X
	};
	return whys[r];
}

struct slice auth_without_bearer(struct slice token)
{
	if (token.n < 7 || strncasecmp(token.p, "Bearer ", 7) != 0)
		return token;
	size_t skip = 7;
	while (skip < token.n && token.p[skip] == ' ')
		skip++;
	return slice_of(token.p + skip, token.n - skip);
}

static char *copy_or_null(const char *s)
{
	return s ? mem_strndup(s, strlen(s)) : NULL;
}

struct auth *auth_new(const struct auth_config *cfg, char *error, size_t n)
{
	bool none = strcmp(auth_algorithm_or_default(cfg), "keys") == 0;
	struct auth_key *key = none ? NULL : auth_key_new(cfg, error, n);
	if (!key && !none)
		return NULL;
	struct auth *a = NEW(struct auth);
	a->key = key;
	a->issuer = copy_or_null(cfg->issuer);
	a->audience = copy_or_null(cfg->audience);
	a->user_claim = copy_or_null(cfg->user_claim);
	a->user_elsewhere = cfg->user_elsewhere;
	a->leeway_ms = (uint64_t)cfg->leeway_s * 1000;
	return a;
}

void auth_free(struct auth **a)
{
	if (!*a)
		return;
	auth_key_free(&(*a)->key);
	free((*a)->issuer);
	free((*a)->audience);
	free((*a)->user_claim);
	free(*a);
	*a = NULL;
}
