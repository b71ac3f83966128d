#include "auth/keyring.h"

#include "issuer.h"
#include "test.h"
#include <openssl/err.h>

#define SUB "0b7e4a52-7f0c-4a55-9b1e-3f3c2f9d1a10"
#define PAYLOAD "{\"sub\":\"" SUB "\",\"exp\":2000}"
#define NOW 1000000

static const struct auth_config settings = {.algorithm = "HS256", .secret = OTHER_SECRET};

static bool add(struct auth_keys *keys, const char *kid, const char *algorithm, const char *text, uint64_t from_ms,
                uint64_t until_ms, char error[200])
{
	return auth_keys_add(keys,
	                     &(struct auth_key_row){.kid = slice_str(kid),
	                                            .algorithm = slice_str(algorithm),
	                                            .text = slice_str(text),
	                                            .from_ms = from_ms,
	                                            .until_ms = until_ms},
	                     error, 200);
}

static void expect(const struct auth *a, const struct auth_keys *keys, const char *header, enum auth_result result)
{
	struct auth_claims claims;
	struct buf t = hs256_token(header, SLICE(PAYLOAD)); /* signed with SECRET */
	CHECK_STR(auth_result_label(auth_check_with(a, keys, buf_view(&t), NOW, &claims)), auth_result_label(result));
	CHECK_INT(ERR_peek_error(), 0);
	buf_fini(&t);
}

TEST(the_kid_chooses_the_row_and_a_row_that_is_known_is_not_passed_over)
{
	char error[200] = "";
	struct auth_keys *keys = auth_keys_new(true);
	CHECK(add(keys, "good", "HS256", SECRET, 0, 0, error));
	CHECK(add(keys, "ends", "HS256", SECRET, 0, NOW + 1, error));
	CHECK(add(keys, "ended", "HS256", SECRET, 0, NOW, error));
	CHECK(add(keys, "begins", "HS256", SECRET, NOW, 0, error));
	CHECK(add(keys, "to come", "HS256", SECRET, NOW + 1, 0, error));
	CHECK(add(keys, "other", "HS256", "another secret of thirty-two bytes", 0, 0, error));
	CHECK(!add(keys, "broken", "RS256", SECRET, 0, 0, error));
	static const struct {
		const char *header;
		enum auth_result with_settings, alone;
	} rows[] = {
		{"{\"alg\":\"HS256\",\"kid\":\"good\"}", AUTH_OK, AUTH_OK},
		{"{\"alg\":\"HS256\",\"kid\":\"ends\"}", AUTH_OK, AUTH_OK},
		{"{\"alg\":\"HS256\",\"kid\":\"ended\"}", AUTH_KEY, AUTH_KEY},
		{"{\"alg\":\"HS256\",\"kid\":\"begins\"}", AUTH_OK, AUTH_OK},
		{"{\"alg\":\"HS256\",\"kid\":\"to come\"}", AUTH_KEY, AUTH_KEY},
		{"{\"alg\":\"HS256\",\"kid\":\"other\"}", AUTH_SIGNATURE, AUTH_SIGNATURE},
		{"{\"alg\":\"HS256\",\"kid\":\"broken\"}", AUTH_KEY, AUTH_KEY},
		{"{\"alg\":\"RS256\",\"kid\":\"good\"}", AUTH_ALGORITHM, AUTH_ALGORITHM},
		{"{\"alg\":\"none\",\"kid\":\"good\"}", AUTH_ALGORITHM, AUTH_ALGORITHM},
		{"{\"alg\":\"HS256\",\"kid\":\"goo\"}", AUTH_SIGNATURE, AUTH_KEY}, /* the settings' key is another */
		{"{\"alg\":\"HS256\",\"kid\":7}", AUTH_SIGNATURE, AUTH_KEY},
		{"{\"alg\":\"HS256\"}", AUTH_SIGNATURE, AUTH_KEY},
		{"{\"alg\":\"HS256\",\"kid\":\"good\",\"crit\":[]}", AUTH_MALFORMED, AUTH_MALFORMED},
	};
	struct auth_config none = {.algorithm = "keys"};
	struct auth *a = auth_new(&settings, error, sizeof error), *alone = auth_new(&none, error, sizeof error);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].header);
		expect(a, keys, rows[i].header, rows[i].with_settings);
		expect(alone, keys, rows[i].header, rows[i].alone);
	}
	auth_keys_free(&keys);
	auth_free(&a);
	auth_free(&alone);
}

TEST(while_the_rows_are_not_read_only_tokens_without_kid_are_judged)
{
	char error[200] = "";
	struct auth_config cfg = {.algorithm = "HS256", .secret = SECRET};
	struct auth *a = auth_new(&cfg, error, sizeof error);
	struct auth_keys *keys = auth_keys_new(false);
	expect(a, keys, "{\"alg\":\"HS256\"}", AUTH_OK);
	expect(a, keys, "{\"alg\":\"HS256\",\"kid\":\"k\"}", AUTH_UNREAD);
	expect(a, NULL, "{\"alg\":\"HS256\",\"kid\":\"k\"}", AUTH_OK);
	auth_keys_free(&keys);
	auth_free(&a);
}

#define K "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" /* SECRET */
#define R "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk"
/* RFC 8037, A.2; RFC 7517, A.1 */
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"

TEST(what_is_a_key)
{
	static const struct {
		const char *algorithm, *text, *error; /* NULL: it is one */
	} rows[] = {
		{"HS256", SECRET, NULL},
		{"HS256", "{\"kty\":\"oct\",\"k\":\"" K "\"}", NULL},
		{"HS256", "{not json, but a secret of a good length}", NULL},
		{"HS256", "{\"kty\":\"oct\",\"k\":\"MDEy\"}", "shorter than 32"},
		{"HS256", "{\"kty\":\"oct\"}", "damaged"},
		{"HS256", "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K "\"}", "not one for HS256"},
		{"HS256", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", "a key in PEM"},
		{"HS256", "\n-----BEGIN RSA PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n", "a key in PEM"},
		{"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"}", NULL},
		{"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\",\"d\":\"" ED_X "\"}", "private"},
		{"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "damaged"},
		{"EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}", "not one for EdDSA"},
		{"HS256", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"}", "not one for HS256"},
		{"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", NULL},
		{"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
	         "damaged"}, /* no point */
		{"ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}", "damaged"},
		{"RS256", "{\"kty\":\"RSA\",\"n\":\"" R R R R R R "\",\"e\":\"AQAB\"}", "2048 bits"},
		{"RS256", "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", "damaged"},
		{"RS256", SECRET, "no public key in PEM"},
		{"RS256", "{\"kty\":\"oct\",\"k\":\"" K "\"}", "not one for RS256"},
		{"RS512", SECRET, "none of HS256"},
		{"keys", SECRET, "none of HS256"},
		{"", "", "none of HS256"},
	};
	struct auth_keys *keys = auth_keys_new(true);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char error[200] = "";
		CHECK_ROW(rows[i].text);
		CHECK_INT(add(keys, "k", rows[i].algorithm, rows[i].text, 0, 0, error), !rows[i].error);
		CHECK(!rows[i].error || strstr(error, rows[i].error));
		CHECK_INT(ERR_peek_error(), 0);
	}
	auth_keys_free(&keys);
}

TEST(a_json_web_key_of_a_secret_is_the_secret)
{
	char error[200] = "";
	struct auth_keys *keys = auth_keys_new(true);
	struct auth *a = auth_new(&settings, error, sizeof error);
	CHECK(add(keys, "k", "HS256", "{\"kty\":\"oct\",\"k\":\"" K "\",\"kid\":\"k\"}", 0, 0, error));
	expect(a, keys, "{\"alg\":\"HS256\",\"kid\":\"k\"}", AUTH_OK);
	auth_keys_free(&keys);
	auth_free(&a);
}
