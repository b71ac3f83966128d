#include "auth/auth.h"

#include "issuer.h"
#include "test.h"

#define SUB "0b7e4a52-7f0c-4a55-9b1e-3f3c2f9d1a10"
#define SUB_UPPER "0B7E4A52-7F0C-4A55-9B1E-3F3C2F9D1A10"
#define S "\"sub\":\"" SUB "\""
#define EXP ",\"exp\":2000"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define NOW 1000000 /* ms: one second before exp 1001 */

static const struct auth_config hs256 = {.algorithm = "HS256", .secret = SECRET};

static struct auth *open_auth(const struct auth_config *cfg)
{
	char error[200] = "";
	struct auth *a = auth_new(cfg, error, sizeof error);
	if (!a)
		UNIT_FAIL("auth_new: %s", error);
	return a;
}

/* A copy of exact size: a sanitizer then sees the first byte that is read behind it. */
static enum auth_result check_at(const struct auth *a, struct slice token, uint64_t now, struct auth_claims *claims)
{
	char *copy = token.n ? mem_dup(token.p, token.n) : NULL;
	memset(claims, 'x', sizeof *claims);
	enum auth_result r = auth_check(a, slice_of(copy, token.n), now, claims);
	free(copy);
	CHECK_STR(claims->sub, r == AUTH_OK || r == AUTH_EXPIRED ? SUB : "");
	if (r != AUTH_OK && r != AUTH_EXPIRED)
		CHECK_INT(claims->exp_ms, 0);
	return r;
}

static void expect(const struct auth *a, struct slice token, enum auth_result result)
{
	struct auth_claims claims;
	CHECK_STR(auth_result_label(check_at(a, token, NOW, &claims)), auth_result_label(result));
}

/* ---- form ---- */

TEST(what_is_not_three_base64url_parts_is_malformed)
{
	/* H, P and M stand for the header, the payload and the MAC of a good token */
	static const char *const rows[] = {
		"",        ".",      "..",      "...",          "H",      "H.P",     "H.P.",
		"H..M",    ".P.M",   "..M",     "H..",          ".P.",    "H.P.M.",  "H.P.M.M",
		".H.P.M",  "H.P..M", "H.P.M=",  "H=.P.M",       "H.P=.M", " H.P.M",  "H.P.M ",
		"H.P.M\n", "H.P. M", "H.P.+",   "H.P.M/",       "H.P.M+", "H.P.M*",  "H.P.A",
		"A.P.M",   "H.A.M",  "H.P.MAA", "Bearer H.P.M", "H.P.AB", "H.P.AAB", "H.P.\xc3\xa9M",
		"H,P,M",
	};
	struct auth *a = open_auth(&hs256);
	struct buf good = hs256_token(HS256, SLICE("{" S EXP "}"));
	expect(a, buf_view(&good), AUTH_OK);
	char *dot1 = memchr(good.p, '.', good.n), *dot2 = memrchr(good.p, '.', good.n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i]);
		struct buf t = {0};
		bool word = strncmp(rows[i], "Bearer", 6) == 0;
		buf_add(&t, rows[i], word ? 7 : 0);
		for (const char *c = rows[i] + (word ? 7 : 0); *c; c++) {
			if (*c == 'H')
				buf_add(&t, good.p, (size_t)(dot1 - good.p));
			else if (*c == 'P')
				buf_add(&t, dot1 + 1, (size_t)(dot2 - dot1 - 1));
			else if (*c == 'M')
				buf_add(&t, dot2 + 1, (size_t)(good.p + good.n - dot2 - 1));
			else
				buf_char(&t, *c);
		}
		expect(a, buf_view(&t), AUTH_MALFORMED);
		buf_fini(&t);
	}
	CHECK_ROW("a zero byte");
	buf_char(&good, '\0');
	expect(a, buf_view(&good), AUTH_MALFORMED);
	buf_fini(&good);
	auth_free(&a);
}

TEST(nothing_shorter_and_nothing_changed_is_accepted)
{
	struct auth *a = open_auth(&hs256);
	struct buf good = hs256_token(HS256, SLICE("{" S EXP "}"));
	struct auth_claims claims;
	for (size_t n = 0; n < good.n; n++)
		CHECK(check_at(a, slice_of(good.p, n), NOW, &claims) != AUTH_OK);
	static const char others[] = "AQgwBCx019-_.=";
	for (size_t i = 0; i < good.n; i++)
		for (const char *c = others; *c; c++) {
			char was = good.p[i];
			good.p[i] = *c;
			CHECK((check_at(a, buf_view(&good), NOW, &claims) == AUTH_OK) == (was == *c));
			good.p[i] = was;
		}
	buf_fini(&good);
	auth_free(&a);
}

TEST(over_8_kib_is_malformed)
{
	struct auth *a = open_auth(&hs256);
	size_t longest = 0, shortest = SIZE_MAX;
	for (int pad = 5900; pad < 6200; pad++) {
		struct buf payload = {0};
		buf_printf(&payload, "{" S EXP ",\"pad\":\"%0*d\"}", pad, 0);
		struct buf t = hs256_token(HS256, buf_view(&payload));
		bool fits = t.n <= 8192;
		expect(a, buf_view(&t), fits ? AUTH_OK : AUTH_MALFORMED);
		if (fits && t.n > longest)
			longest = t.n;
		if (!fits && t.n < shortest)
			shortest = t.n;
		buf_fini(&t);
		buf_fini(&payload);
	}
	CHECK(longest >= 8191 && shortest <= 8194);

	struct buf huge = {0}; /* its characters would be good */
	memset(buf_room(&huge, 10000000), 'A', 10000000);
	huge.n = 10000000;
	huge.p[100] = huge.p[200] = '.';
	expect(a, buf_view(&huge), AUTH_MALFORMED);
	buf_fini(&huge);
	auth_free(&a);
}

/* ---- header ---- */

TEST(the_header_is_an_object_with_the_pinned_algorithm_and_no_crit)
{
	static const struct {
		const char *header;
		enum auth_result result;
	} rows[] = {
		{HS256, AUTH_OK},
		{"{\"alg\":\"HS256\"}", AUTH_OK},
		{" {\"kid\":\"7\", \"alg\":\"HS256\"} ", AUTH_OK},
		{"{\"alg\":\"none\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"None\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"HS384\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"HS512\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"hs256\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"HS256 \"}", AUTH_ALGORITHM},
		{"{\"alg\":\"HS25\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"RS256\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"ES256\"}", AUTH_ALGORITHM},
		{"{\"alg\":\"EdDSA\"}", AUTH_ALGORITHM},
		{"{\"alg\":null}", AUTH_ALGORITHM},
		{"{\"alg\":1}", AUTH_ALGORITHM},
		{"{\"alg\":[\"HS256\"]}", AUTH_ALGORITHM},
		{"{\"ALG\":\"HS256\"}", AUTH_ALGORITHM},
		{"{}", AUTH_ALGORITHM},
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"crit\":[]}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"crit\":null}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", AUTH_MALFORMED},
		{"{\"alg\":\"none\",\"alg\":\"HS256\"}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\\u0000\"}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\"", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\"}x", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\"}{}", AUTH_MALFORMED},
		{"{\"alg\":\"HS256\",\"x\":\"\xff\"}", AUTH_MALFORMED},
		{"[\"alg\",\"HS256\"]", AUTH_MALFORMED},
		{"\"HS256\"", AUTH_MALFORMED},
		{"null", AUTH_MALFORMED},
		{"x", AUTH_MALFORMED},
	};
	struct auth *a = open_auth(&hs256);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].header);
		struct buf t = hs256_token(rows[i].header, SLICE("{" S EXP "}"));
		expect(a, buf_view(&t), rows[i].result);
		buf_fini(&t);
	}
	auth_free(&a);
}

TEST(deep_nesting_is_malformed)
{
	struct auth *a = open_auth(&hs256);
	struct buf header = {0};
	buf_str(&header, "{\"alg\":\"HS256\",\"x\":");
	for (int i = 0; i < 5000; i++)
		buf_char(&header, '[');
	buf_char(&header, '\0');
	struct buf t = hs256_token(header.p, SLICE("{" S EXP "}"));
	CHECK(t.n <= 8192);
	expect(a, buf_view(&t), AUTH_MALFORMED);
	buf_fini(&t);
	buf_fini(&header);
	auth_free(&a);
}

/* ---- claims ---- */

struct claims_row {
	const char *payload;
	enum auth_result result;
	uint64_t exp_ms; /* 0: not looked at */
};

static void expect_claims(const struct auth_config *cfg, const struct claims_row *rows, size_t n)
{
	struct auth *a = open_auth(cfg);
	for (size_t i = 0; i < n; i++) {
		CHECK_ROW(rows[i].payload);
		struct buf t = hs256_token(HS256, slice_str(rows[i].payload));
		struct auth_claims claims;
		CHECK_STR(auth_result_label(check_at(a, buf_view(&t), NOW, &claims)),
		          auth_result_label(rows[i].result));
		if (rows[i].exp_ms)
			CHECK_INT(claims.exp_ms, rows[i].exp_ms);
		buf_fini(&t);
	}
	CHECK_ROW("");
	auth_free(&a);
}

TEST(times_are_numbers_in_range)
{
	static const struct claims_row rows[] = {
		{"{" S ",\"exp\":2000}", AUTH_OK, 2000000},
		{"{" S ",\"exp\":2000.25}", AUTH_OK, 2000250},
		{"{" S ",\"exp\":2e3}", AUTH_OK, 2000000},
		{"{" S ",\"exp\":1767225600.001}", AUTH_OK, 1767225600001},
		{"{" S ",\"exp\":2173083103.976}", AUTH_OK, 2173083103976}, /* times 1000 a double is just below it */
		{"{" S ",\"exp\":253402300799}", AUTH_OK, 253402300799000},
		{"{" S ",\"exp\":1001}", AUTH_OK, 1001000},
		{"{" S ",\"exp\":1000.001}", AUTH_OK, 1000001},
		{"{" S ",\"exp\":1000}", AUTH_EXPIRED, 1000000},
		{"{" S ",\"exp\":1000.0}", AUTH_EXPIRED, 1000000},
		{"{" S ",\"exp\":999.999}", AUTH_EXPIRED, 999999},
		{"{" S ",\"exp\":1}", AUTH_EXPIRED, 1000},
		{"{" S ",\"exp\":0}", AUTH_EXPIRED, 0},
		{"{" S "}", AUTH_NO_EXP, 0},
		{"{" S ",\"Exp\":2000}", AUTH_NO_EXP, 0},
		{"{" S ",\"exp\":\"2000\"}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":null}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":true}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":[2000]}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":{}}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":-1}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":-0.5}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":253402300800}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":1767225600000}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":9223372036854775807}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":9223372036854775808}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":18446744073709553616}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":1e300}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":1e999}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":NaN}", AUTH_MALFORMED, 0},
		{"{" S ",\"exp\":Infinity}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"nbf\":1000}", AUTH_OK, 0},
		{"{" S EXP ",\"nbf\":0}", AUTH_OK, 0},
		{"{" S EXP ",\"nbf\":999.5}", AUTH_OK, 0},
		{"{" S EXP ",\"nbf\":1000.001}", AUTH_NOT_YET, 0},
		{"{" S EXP ",\"nbf\":1001}", AUTH_NOT_YET, 0},
		{"{" S EXP ",\"nbf\":\"1\"}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"nbf\":null}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"nbf\":false}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"nbf\":-1}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"nbf\":1e300}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"iat\":900}", AUTH_OK, 0},
		{"{" S EXP ",\"iat\":1500}", AUTH_OK, 0},
		{"{" S EXP ",\"iat\":\"900\"}", AUTH_MALFORMED, 0},
	};
	expect_claims(&hs256, rows, ARRAY_LEN(rows));
}

TEST(leeway_moves_both_ends)
{
	static const struct claims_row rows[] = {
		{"{" S ",\"exp\":996}", AUTH_OK, 996000},          {"{" S ",\"exp\":995.001}", AUTH_OK, 995001},
		{"{" S ",\"exp\":995}", AUTH_EXPIRED, 995000},     {"{" S EXP ",\"nbf\":1005}", AUTH_OK, 0},
		{"{" S EXP ",\"nbf\":1005.001}", AUTH_NOT_YET, 0},
	};
	struct auth_config cfg = hs256;
	cfg.leeway_s = 5;
	expect_claims(&cfg, rows, ARRAY_LEN(rows));
	static const struct claims_row all[] = {{"{" S ",\"exp\":0}", AUTH_OK, 0}};
	cfg.leeway_s = UINT32_MAX;
	expect_claims(&cfg, all, ARRAY_LEN(all));
}

TEST(the_subject_is_a_uuid)
{
	static const struct claims_row rows[] = {
		{"{\"sub\":\"" SUB "\"" EXP "}", AUTH_OK, 0},
		{"{\"sub\":\"" SUB_UPPER "\"" EXP "}", AUTH_OK, 0},
		{"{\"exp\":2000}", AUTH_NO_SUBJECT, 0},
		{"{\"sub\":\"\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"alice\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"" SUB "0\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\" " SUB "\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"{" SUB "}\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"0b7e4a52-7f0c-4a55-9b1e-3f3c2f9d1a1\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"0b7e4a52-7f0c-4a55-9b1e-3f3c2f9d1a1g\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"0b7e4a527f0c4a559b1e3f3c2f9d1a10\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"0b7e4a527-f0c-4a55-9b1e-3f3c2f9d1a10\"" EXP "}", AUTH_SUBJECT, 0},
		{"{\"sub\":\"" SUB "\\u0000\"" EXP "}", AUTH_MALFORMED, 0},
		{"{\"sub\":7" EXP "}", AUTH_MALFORMED, 0},
		{"{\"sub\":null" EXP "}", AUTH_MALFORMED, 0},
		{"{\"sub\":[\"" SUB "\"]" EXP "}", AUTH_MALFORMED, 0},
		{"{\"sub\":\"" SUB "\",\"sub\":\"00000000-0000-0000-0000-000000000000\"" EXP "}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"\\u0073ub\":\"00000000-0000-0000-0000-000000000000\"}", AUTH_MALFORMED, 0},
		{"{" S EXP EXP "}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"x\":{\"y\":1,\"y\":2}}", AUTH_MALFORMED, 0},
		{"[{" S EXP "}]", AUTH_MALFORMED, 0},
		{"\"" SUB "\"", AUTH_MALFORMED, 0},
		{"null", AUTH_MALFORMED, 0},
		{"{" S EXP, AUTH_MALFORMED, 0},
		{"{" S EXP "}{}", AUTH_MALFORMED, 0},
		{"{" S EXP ",\"name\":\"\xc0\xaf\"}", AUTH_MALFORMED, 0},
	};
	expect_claims(&hs256, rows, ARRAY_LEN(rows));
}

TEST(another_claim_is_the_user_where_it_is_named)
{
	static const struct claims_row rows[] = {
		{"{\"uid\":\"" SUB "\"" EXP "}", AUTH_OK, 0},
		{"{\"uid\":\"" SUB "\",\"sub\":\"auth0|7\"" EXP "}", AUTH_OK, 0},
		{"{" S EXP "}", AUTH_NO_SUBJECT, 0},
		{"{" S ",\"uid\":\"7\"" EXP "}", AUTH_SUBJECT, 0},
		{"{" S ",\"uid\":7" EXP "}", AUTH_MALFORMED, 0},
	};
	struct auth_config cfg = hs256;
	cfg.user_claim = "uid";
	expect_claims(&cfg, rows, ARRAY_LEN(rows));
	char error[200], *token = auth_sign(&cfg, SUB, 2000, error, sizeof error);
	struct auth *a = open_auth(&cfg);
	expect(a, slice_str(token), AUTH_OK);
	auth_free(&a);
	free(token);
}

TEST(a_bearer_in_front_is_taken_off)
{
	static const char *const rows[][2] = {
		{"a.b.c", "a.b.c"}, {"Bearer a.b.c", "a.b.c"},  {"bearer   a.b.c", "a.b.c"},
		{"Bearer ", ""},    {"Bearer", "Bearer"},       {"Bearera.b", "Bearera.b"},
		{"", ""},           {" Bearer a", " Bearer a"}, {"Bearer Bearer a", "Bearer a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i][0]);
		CHECK(slice_eq(auth_without_bearer(slice_str(rows[i][0])), slice_str(rows[i][1])));
	}
}

#define ISS ",\"iss\":\"us\""
#define AUD ",\"aud\":\"chat\""

TEST(issuer_and_audience_when_configured)
{
	static const struct claims_row rows[] = {
		{"{" S EXP ISS AUD "}", AUTH_OK, 0},
		{"{" S EXP ISS ",\"aud\":[\"chat\"]}", AUTH_OK, 0},
		{"{" S EXP ISS ",\"aud\":[\"x\",\"chat\"]}", AUTH_OK, 0},
		{"{" S EXP ISS ",\"aud\":[\"chat\",\"x\"]}", AUTH_OK, 0},
		{"{" S EXP AUD "}", AUTH_ISSUER, 0},
		{"{" S EXP AUD ",\"iss\":\"them\"}", AUTH_ISSUER, 0},
		{"{" S EXP AUD ",\"iss\":\"US\"}", AUTH_ISSUER, 0},
		{"{" S EXP AUD ",\"iss\":\"us \"}", AUTH_ISSUER, 0},
		{"{" S EXP AUD ",\"iss\":\"\"}", AUTH_ISSUER, 0},
		{"{" S EXP AUD ",\"iss\":[\"us\"]}", AUTH_MALFORMED, 0},
		{"{" S EXP AUD ",\"iss\":null}", AUTH_MALFORMED, 0},
		{"{" S EXP AUD ",\"iss\":1}", AUTH_MALFORMED, 0},
		{"{" S EXP ISS "}", AUTH_AUDIENCE, 0},
		{"{" S EXP ISS ",\"aud\":\"chats\"}", AUTH_AUDIENCE, 0},
		{"{" S EXP ISS ",\"aud\":\"cha\"}", AUTH_AUDIENCE, 0},
		{"{" S EXP ISS ",\"aud\":[]}", AUTH_AUDIENCE, 0},
		{"{" S EXP ISS ",\"aud\":[\"x\",\"y\"]}", AUTH_AUDIENCE, 0},
		{"{" S EXP ISS ",\"aud\":[\"chat\",1]}", AUTH_MALFORMED, 0},
		{"{" S EXP ISS ",\"aud\":[[\"chat\"]]}", AUTH_MALFORMED, 0},
		{"{" S EXP ISS ",\"aud\":{\"chat\":true}}", AUTH_MALFORMED, 0},
		{"{" S EXP ISS ",\"aud\":null}", AUTH_MALFORMED, 0},
	};
	struct auth_config cfg = hs256;
	cfg.issuer = "us";
	cfg.audience = "chat";
	expect_claims(&cfg, rows, ARRAY_LEN(rows));

	static const struct claims_row unchecked[] = {
		{"{" S EXP "}", AUTH_OK, 0},
		{"{" S EXP ISS AUD "}", AUTH_OK, 0},
	};
	expect_claims(&hs256, unchecked, ARRAY_LEN(unchecked));
}

#define OLD ",\"exp\":10"

TEST(expired_is_said_only_of_a_token_right_in_everything_else)
{
	static const struct claims_row rows[] = {
		{"{" S OLD ISS AUD "}", AUTH_EXPIRED, 10000},
		{"{\"sub\":\"" SUB_UPPER "\"" OLD ISS AUD "}", AUTH_EXPIRED, 10000},
		{"{" S OLD AUD "}", AUTH_ISSUER, 0},
		{"{" S OLD ISS "}", AUTH_AUDIENCE, 0},
		{"{" S OLD ISS ",\"aud\":\"x\"}", AUTH_AUDIENCE, 0},
		{"{\"sub\":\"x\"" OLD ISS AUD "}", AUTH_SUBJECT, 0},
		{"{\"aud\":\"chat\"" OLD ISS "}", AUTH_NO_SUBJECT, 0},
		{"{" S OLD ISS AUD ",\"nbf\":1001}", AUTH_NOT_YET, 0},
		{"{" S OLD ISS AUD ",\"nbf\":\"1\"}", AUTH_MALFORMED, 0},
		{"{" S OLD ISS AUD ",\"iat\":\"1\"}", AUTH_MALFORMED, 0},
	};
	struct auth_config cfg = hs256;
	cfg.issuer = "us";
	cfg.audience = "chat";
	expect_claims(&cfg, rows, ARRAY_LEN(rows));

	cfg.secret = OTHER_SECRET;
	struct auth *a = open_auth(&cfg);
	struct buf t = hs256_token(HS256, slice_str(rows[0].payload));
	expect(a, buf_view(&t), AUTH_SIGNATURE);
	buf_fini(&t);
	auth_free(&a);
}

TEST(labels_differ)
{
	for (int i = AUTH_OK; i < AUTH_RESULT_MAX; i++)
		for (int j = AUTH_OK; j < i; j++)
			CHECK(strcmp(auth_result_label((enum auth_result)i), auth_result_label((enum auth_result)j)) !=
			      0);
}
