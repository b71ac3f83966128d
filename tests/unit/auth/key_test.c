#include "auth/auth.h"

#include "issuer.h"
#include "test.h"
#include <openssl/err.h>

#define SUB "0b7e4a52-7f0c-4a55-9b1e-3f3c2f9d1a10"
#define PAYLOAD "{\"sub\":\"" SUB "\",\"exp\":2000}"
#define NOW 1000000

/* How the third part is made. */
enum signing {
	MAC_256,
	MAC_384,
	MAC_512,
	MAC_OTHER_SECRET,
	MAC_PUBLIC_PEM, /* with the file of the public key as the secret */
	MAC_CUT,
	MAC_LONGER,
	RSA_PKCS1,
	RSA_PSS,
	RSA_SHA512,
	EC_RAW,
	EC_DER,
	EC_RAW_CUT,
	EC_RAW_LONGER,
	EC_ZERO,
	EC_FULL, /* r and s of ones only: over the order of the curve */
	ED,
	ED_CUT,
	ZEROS, /* 64 */
	OTHER_TEXT,
	LONG, /* 3 KiB */
};

struct keys {
	EVP_PKEY *rsa, *ec, *ed;
	char *rsa_file, *ec_file, *ed_file;
};

static void keys_init(struct keys *k)
{
	k->rsa = EVP_RSA_gen(2048);
	k->ec = EVP_EC_gen("P-256");
	k->ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	CHECK(k->rsa && k->ec && k->ed);
	k->rsa_file = pem_file(k->rsa, false);
	k->ec_file = pem_file(k->ec, false);
	k->ed_file = pem_file(k->ed, false);
}

static void keys_fini(struct keys *k)
{
	EVP_PKEY_free(k->rsa);
	EVP_PKEY_free(k->ec);
	EVP_PKEY_free(k->ed);
	pem_remove(k->rsa_file);
	pem_remove(k->ec_file);
	pem_remove(k->ed_file);
}

static void mac_with_file(struct buf *sig, const char *path, struct slice text)
{
	char pem[4096];
	FILE *f = fopen(path, "re");
	CHECK(f);
	size_t n = fread(pem, 1, sizeof pem, f);
	fclose(f);
	CHECK(n > 32);
	sign_mac(sig, EVP_sha256(), slice_of(pem, n), text);
}

static void make_signature(struct buf *sig, const struct keys *k, enum signing how, const char *key_file,
                           struct slice text)
{
	struct slice secret = slice_str(SECRET);
	switch (how) {
	case MAC_256:
		sign_mac(sig, EVP_sha256(), secret, text);
		break;
	case MAC_384:
		sign_mac(sig, EVP_sha384(), secret, text);
		break;
	case MAC_512:
		sign_mac(sig, EVP_sha512(), secret, text);
		break;
	case MAC_OTHER_SECRET:
		sign_mac(sig, EVP_sha256(), slice_str(OTHER_SECRET), text);
		break;
	case MAC_PUBLIC_PEM:
		mac_with_file(sig, key_file ? key_file : k->rsa_file, text);
		break;
	case MAC_CUT:
		sign_mac(sig, EVP_sha256(), secret, text);
		sig->n = 16;
		break;
	case MAC_LONGER:
		sign_mac(sig, EVP_sha256(), secret, text);
		buf_char(sig, 0);
		break;
	case RSA_PKCS1:
		sign_pkey(sig, k->rsa, EVP_sha256(), RSA_PKCS1_PADDING, text);
		break;
	case RSA_PSS:
		sign_pkey(sig, k->rsa, EVP_sha256(), RSA_PKCS1_PSS_PADDING, text);
		break;
	case RSA_SHA512:
		sign_pkey(sig, k->rsa, EVP_sha512(), RSA_PKCS1_PADDING, text);
		break;
	case EC_RAW:
		sign_ecdsa(sig, k->ec, text);
		break;
	case EC_DER:
		sign_pkey(sig, k->ec, EVP_sha256(), 0, text);
		break;
	case EC_RAW_CUT:
		sign_ecdsa(sig, k->ec, text);
		sig->n = 63;
		break;
	case EC_RAW_LONGER:
		sign_ecdsa(sig, k->ec, text);
		buf_char(sig, 0);
		break;
	case EC_ZERO:
	case ZEROS:
		memset(buf_room(sig, 64), 0, 64);
		sig->n = 64;
		break;
	case EC_FULL:
		memset(buf_room(sig, 64), 0xff, 64);
		sig->n = 64;
		break;
	case ED:
		sign_pkey(sig, k->ed, NULL, 0, text);
		break;
	case ED_CUT:
		sign_pkey(sig, k->ed, NULL, 0, text);
		sig->n = 63;
		break;
	case OTHER_TEXT:
		break; /* by the caller */
	case LONG:
		memset(buf_room(sig, 3072), 1, 3072);
		sig->n = 3072;
		break;
	}
}

static enum auth_result check(const struct auth *a, struct slice token)
{
	struct auth_claims claims;
	enum auth_result r = auth_check(a, token, NOW, &claims);
	CHECK_STR(claims.sub, r == AUTH_OK ? SUB : "");
	CHECK_INT(ERR_peek_error(), 0); /* TLS connections would take it for their error */
	return r;
}

TEST(signatures)
{
	static const struct {
		const char *name, *configured, *alg;
		enum signing how;
		enum auth_result result;
	} rows[] = {
		{"HS256", "HS256", "HS256", MAC_256, AUTH_OK},
		{"HS256 is the default", NULL, "HS256", MAC_256, AUTH_OK},
		{"HS512 in the header", "HS256", "HS512", MAC_512, AUTH_ALGORITHM},
		{"SHA-384 under HS256", "HS256", "HS256", MAC_384, AUTH_SIGNATURE},
		{"SHA-512 under HS256", "HS256", "HS256", MAC_512, AUTH_SIGNATURE},
		{"another secret", "HS256", "HS256", MAC_OTHER_SECRET, AUTH_SIGNATURE},
		{"half a MAC", "HS256", "HS256", MAC_CUT, AUTH_SIGNATURE},
		{"a MAC and a byte", "HS256", "HS256", MAC_LONGER, AUTH_SIGNATURE},
		{"zeros for a MAC", "HS256", "HS256", ZEROS, AUTH_SIGNATURE},
		{"a long MAC", "HS256", "HS256", LONG, AUTH_SIGNATURE},
		{"RSA for HS256", "HS256", "RS256", RSA_PKCS1, AUTH_ALGORITHM},
		{"none", "HS256", "none", MAC_256, AUTH_ALGORITHM},
		{"RS256", "RS256", "RS256", RSA_PKCS1, AUTH_OK},
		{"PSS under RS256", "RS256", "RS256", RSA_PSS, AUTH_SIGNATURE},
		{"SHA-512 under RS256", "RS256", "RS256", RSA_SHA512, AUTH_SIGNATURE},
		{"PS256 in the header", "RS256", "PS256", RSA_PSS, AUTH_ALGORITHM},
		{"RS512 in the header", "RS256", "RS512", RSA_SHA512, AUTH_ALGORITHM},
		{"the RSA key as a secret", "RS256", "HS256", MAC_PUBLIC_PEM, AUTH_ALGORITHM},
		{"the RSA key as a secret, RS256 said", "RS256", "RS256", MAC_PUBLIC_PEM, AUTH_SIGNATURE},
		{"zeros for RSA", "RS256", "RS256", ZEROS, AUTH_SIGNATURE},
		{"a long RSA signature", "RS256", "RS256", LONG, AUTH_SIGNATURE},
		{"none for RS256", "RS256", "none", RSA_PKCS1, AUTH_ALGORITHM},
		{"ES256", "ES256", "ES256", EC_RAW, AUTH_OK},
		{"DER under ES256", "ES256", "ES256", EC_DER, AUTH_SIGNATURE},
		{"63 bytes", "ES256", "ES256", EC_RAW_CUT, AUTH_SIGNATURE},
		{"65 bytes", "ES256", "ES256", EC_RAW_LONGER, AUTH_SIGNATURE},
		{"r and s zero", "ES256", "ES256", EC_ZERO, AUTH_SIGNATURE},
		{"r and s over the order", "ES256", "ES256", EC_FULL, AUTH_SIGNATURE},
		{"the EC key as a secret", "ES256", "HS256", MAC_PUBLIC_PEM, AUTH_ALGORITHM},
		{"a long ES256 signature", "ES256", "ES256", LONG, AUTH_SIGNATURE},
		{"ES384 in the header", "ES256", "ES384", EC_RAW, AUTH_ALGORITHM},
		{"EdDSA", "EdDSA", "EdDSA", ED, AUTH_OK},
		{"63 bytes of EdDSA", "EdDSA", "EdDSA", ED_CUT, AUTH_SIGNATURE},
		{"zeros for EdDSA", "EdDSA", "EdDSA", ZEROS, AUTH_SIGNATURE},
		{"ES256 for EdDSA", "EdDSA", "ES256", EC_RAW, AUTH_ALGORITHM},
		{"ES256's bytes under EdDSA", "EdDSA", "EdDSA", EC_RAW, AUTH_SIGNATURE},
		{"the Ed25519 key as a secret", "EdDSA", "HS256", MAC_PUBLIC_PEM, AUTH_ALGORITHM},
		{"HS256, another payload", "HS256", "HS256", OTHER_TEXT, AUTH_SIGNATURE},
		{"RS256, another payload", "RS256", "RS256", OTHER_TEXT, AUTH_SIGNATURE},
		{"ES256, another payload", "ES256", "ES256", OTHER_TEXT, AUTH_SIGNATURE},
		{"EdDSA, another payload", "EdDSA", "EdDSA", OTHER_TEXT, AUTH_SIGNATURE},
	};
	struct keys k;
	keys_init(&k);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		const char *alg = rows[i].configured ? rows[i].configured : "HS256";
		char first = alg[0] == 'E' ? alg[1] : alg[0]; /* H, R, S, d */
		struct auth_config cfg = {.algorithm = rows[i].configured, .secret = SECRET};
		cfg.public_key_file = first == 'R'   ? k.rsa_file
		                      : first == 'S' ? k.ec_file
		                      : first == 'd' ? k.ed_file
		                                     : NULL;
		char error[200], *header = mem_printf("{\"alg\":\"%s\"}", rows[i].alg);
		struct auth *a = auth_new(&cfg, error, sizeof error);
		CHECK(a);
		struct buf t = {0}, sig = {0};
		enum signing how = rows[i].how;
		if (how == OTHER_TEXT) {
			put_head(&t, header, SLICE("{\"sub\":\"" SUB "\",\"exp\":1999}"));
			how = first == 'R' ? RSA_PKCS1 : first == 'S' ? EC_RAW : first == 'd' ? ED : MAC_256;
			make_signature(&sig, &k, how, NULL, buf_view(&t));
			t.n = 0;
			put_head(&t, header, SLICE(PAYLOAD));
		} else {
			put_head(&t, header, SLICE(PAYLOAD));
			make_signature(&sig, &k, how, cfg.public_key_file, buf_view(&t));
		}
		put_signature(&t, buf_view(&sig));
		CHECK_STR(auth_result_label(check(a, buf_view(&t))), auth_result_label(rows[i].result));
		CHECK_STR(auth_result_label(check(a, buf_view(&t))),
		          auth_result_label(rows[i].result)); /* the key works again */
		buf_fini(&t);
		buf_fini(&sig);
		free(header);
		auth_free(&a);
		CHECK(!a);
	}
	keys_fini(&k);
}

TEST(every_bit_of_a_signature_counts)
{
	struct keys k;
	keys_init(&k);
	const struct {
		const char *alg, *file;
		enum signing how;
	} rows[] = {{"HS256", NULL, MAC_256},
	            {"RS256", k.rsa_file, RSA_PKCS1},
	            {"ES256", k.ec_file, EC_RAW},
	            {"EdDSA", k.ed_file, ED}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].alg);
		struct auth_config cfg = {.algorithm = rows[i].alg, .secret = SECRET, .public_key_file = rows[i].file};
		char error[200], *header = mem_printf("{\"alg\":\"%s\"}", rows[i].alg);
		struct auth *a = auth_new(&cfg, error, sizeof error);
		CHECK(a);
		struct buf t = {0}, sig = {0};
		put_head(&t, header, SLICE(PAYLOAD));
		size_t head = t.n;
		make_signature(&sig, &k, rows[i].how, NULL, buf_view(&t));
		for (size_t bit = 0; bit < sig.n * 8; bit++) {
			sig.p[bit / 8] ^= (char)(1 << bit % 8);
			t.n = head;
			put_signature(&t, buf_view(&sig));
			CHECK_INT(check(a, buf_view(&t)), AUTH_SIGNATURE);
			sig.p[bit / 8] ^= (char)(1 << bit % 8);
		}
		t.n = head;
		put_signature(&t, buf_view(&sig));
		CHECK_INT(check(a, buf_view(&t)), AUTH_OK);
		buf_fini(&t);
		buf_fini(&sig);
		free(header);
		auth_free(&a);
	}
	keys_fini(&k);
}

/* r or s below 2^248 is shorter in DER: among enough signatures there are such. */
TEST(es256_with_leading_zeros)
{
	struct keys k;
	keys_init(&k);
	struct auth_config cfg = {.algorithm = "ES256", .public_key_file = k.ec_file};
	char error[200];
	struct auth *a = auth_new(&cfg, error, sizeof error);
	CHECK(a);
	int seen = 0;
	for (int i = 0; i < 5000 && seen < 3; i++) {
		struct buf t = {0}, sig = {0};
		put_head(&t, "{\"alg\":\"ES256\"}", SLICE(PAYLOAD));
		sign_ecdsa(&sig, k.ec, buf_view(&t));
		seen += sig.p[0] == 0 || sig.p[32] == 0;
		put_signature(&t, buf_view(&sig));
		CHECK_INT(check(a, buf_view(&t)), AUTH_OK);
		buf_fini(&t);
		buf_fini(&sig);
	}
	CHECK_INT(seen, 3);
	auth_free(&a);
	keys_fini(&k);
}

TEST(unusable_configurations_are_refused_with_the_reason)
{
	struct keys k;
	keys_init(&k);
	EVP_PKEY *rsa1024 = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384"),
		 *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
		 *k1 = EVP_EC_gen("secp256k1");
	char *rsa1024_file = pem_file(rsa1024, false), *p384_file = pem_file(p384, false),
	     *x25519_file = pem_file(x25519, false), *ed448_file = pem_file(ed448, false),
	     *k1_file = pem_file(k1, false), *private_file = pem_file(k.rsa, true), *empty = pem_file(NULL, false);
	const struct {
		const char *name;
		struct auth_config cfg;
		const char *reason;
	} rows[] = {
		{"no secret", {.algorithm = "HS256"}, "needs a secret"},
		{"nothing at all", {0}, "needs a secret"},
		{"an empty secret", {.secret = ""}, "shorter than 32"},
		{"31 bytes", {.secret = "0123456789abcdef0123456789abcde"}, "shorter than 32"},
		{"none", {.algorithm = "none", .secret = SECRET}, "algorithm none"},
		{"HS512", {.algorithm = "HS512", .secret = SECRET}, "algorithm HS512"},
		{"hs256", {.algorithm = "hs256", .secret = SECRET}, "algorithm hs256"},
		{"an empty algorithm", {.algorithm = "", .secret = SECRET}, "algorithm "},
		{"RS256 with a secret", {.algorithm = "RS256", .secret = SECRET}, "needs a public key file"},
		{"HS256 with a key file", {.algorithm = "HS256", .public_key_file = k.rsa_file}, "needs a secret"},
		{"no such file", {.algorithm = "RS256", .public_key_file = "/nonexistent/key.pem"}, "No such file"},
		{"an empty file", {.algorithm = "RS256", .public_key_file = empty}, "no public key"},
		{"a directory", {.algorithm = "RS256", .public_key_file = "/tmp"}, "no public key"},
		{"a private key", {.algorithm = "RS256", .public_key_file = private_file}, "no public key"},
		{"EC for RS256", {.algorithm = "RS256", .public_key_file = k.ec_file}, "RSA key"},
		{"RSA for ES256", {.algorithm = "ES256", .public_key_file = k.rsa_file}, "P-256"},
		{"Ed25519 for ES256", {.algorithm = "ES256", .public_key_file = k.ed_file}, "P-256"},
		{"EC for EdDSA", {.algorithm = "EdDSA", .public_key_file = k.ec_file}, "Ed25519"},
		{"1024 bits", {.algorithm = "RS256", .public_key_file = rsa1024_file}, "2048"},
		{"P-384", {.algorithm = "ES256", .public_key_file = p384_file}, "P-256"},
		{"secp256k1", {.algorithm = "ES256", .public_key_file = k1_file}, "P-256"},
		{"X25519", {.algorithm = "EdDSA", .public_key_file = x25519_file}, "Ed25519"},
		{"Ed448", {.algorithm = "EdDSA", .public_key_file = ed448_file}, "Ed25519"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		char error[200] = "";
		CHECK(!auth_new(&rows[i].cfg, error, sizeof error));
		if (!strstr(error, rows[i].reason))
			UNIT_FAIL("the reason is \"%s\"", error);
		CHECK(!strstr(error, "0123456789"));
		CHECK_INT(ERR_peek_error(), 0);
	}
	char *files[] = {rsa1024_file, p384_file, x25519_file, ed448_file, k1_file, private_file, empty};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		pem_remove(files[i]);
	EVP_PKEY *pkeys[] = {rsa1024, p384, x25519, ed448, k1};
	for (size_t i = 0; i < ARRAY_LEN(pkeys); i++)
		EVP_PKEY_free(pkeys[i]);
	keys_fini(&k);
}

TEST(a_signed_token_is_accepted)
{
	static const struct auth_config rows[] = {
		{.secret = SECRET},
		{.algorithm = "HS256", .secret = SECRET, .issuer = "us", .audience = "chat"},
		{.algorithm = "HS256",
	         .secret = SECRET "\xc3\xa9 and more than a block of SHA-256 holds, which is 64 bytes",
	         .issuer = "\"\\ \xc3\xa9"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char error[200] = "",
		     *token = auth_sign(&rows[i], "0B7E4A52-7F0C-4A55-9B1E-3F3C2F9D1A10", 2000, error, sizeof error);
		if (!token)
			UNIT_FAIL("auth_sign: %s", error);
		struct auth *a = auth_new(&rows[i], error, sizeof error);
		struct auth_claims claims;
		CHECK_INT(auth_check(a, slice_str(token), 1999999, &claims), AUTH_OK);
		CHECK_STR(claims.sub, SUB);
		CHECK_INT(claims.exp_ms, 2000000);
		CHECK_INT(auth_check(a, slice_str(token), 2000000, &claims), AUTH_EXPIRED);
		CHECK_STR(claims.sub, SUB);
		free(token);
		auth_free(&a);
	}
}

TEST(what_cannot_be_signed)
{
	static const struct {
		const char *name;
		struct auth_config cfg;
		const char *sub;
		uint64_t exp_s;
		const char *reason;
	} rows[] = {
		{"RS256", {.algorithm = "RS256", .secret = SECRET}, SUB, 2000, "HS256 only"},
		{"no secret", {0}, SUB, 2000, "needs a secret"},
		{"31 bytes", {.secret = "0123456789abcdef0123456789abcde"}, SUB, 2000, "shorter than 32"},
		{"no sub", {.secret = SECRET}, NULL, 2000, "uuid"},
		{"sub is a name", {.secret = SECRET}, "alice", 2000, "uuid"},
		{"exp too late", {.secret = SECRET}, SUB, 253402300800, "9999"},
		{"exp far too late", {.secret = SECRET}, SUB, UINT64_MAX, "9999"},
		{"iss not UTF-8", {.secret = SECRET, .issuer = "\xff"}, SUB, 2000, "UTF-8"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name);
		char error[200] = "";
		CHECK(!auth_sign(&rows[i].cfg, rows[i].sub, rows[i].exp_s, error, sizeof error));
		if (!strstr(error, rows[i].reason))
			UNIT_FAIL("the reason is \"%s\"", error);
	}
}
