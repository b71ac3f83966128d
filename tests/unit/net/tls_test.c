/*
 * The TLS transport. The client is OpenSSL on memory, so that its bytes can be cut anywhere, or be other bytes
 * altogether.
 */
#include "net/tls.h"

#include "pair.h"
#include "test.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct line {
	struct pair pair; /* its conn speaks TLS and sends back what it gets */
	struct tls_context *tls;
	char cert[64], key[64];
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* of the client */
	size_t cut;    /* bytes that go over at once; 0: all */
	unsigned eofs, dead;
	enum close_reason why;
	bool finish_on_eof;
};

static size_t on_data(struct conn *c, void *owner, const char *p, size_t n)
{
	(void)owner;
	conn_send_copy(c, slice_of(p, n));
	return n;
}

static void on_eof(struct conn *c, void *owner)
{
	struct line *l = owner;
	l->eofs++;
	if (l->finish_on_eof)
		conn_finish(c, CLOSE_PEER);
}

static void on_dead(struct conn *c, void *owner, enum close_reason why)
{
	(void)c;
	struct line *l = owner;
	l->dead++;
	l->why = why;
	l->pair.conn = NULL;
}

static const struct conn_events events = {.on_data = on_data, .on_eof = on_eof, .on_dead = on_dead};

static const struct conn_events quiet = {.on_data = on_data};

static void write_pem(char path[64], const char *what, X509 *cert, EVP_PKEY *key)
{
	snprintf(path, 64, "/tmp/bellwire-tls-%d-%s.pem", (int)getpid(), what);
	FILE *f = fopen(path, "w");
	CHECK(f && (cert ? PEM_write_X509(f, cert) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)) == 1);
	fclose(f);
}

static X509 *certificate_new(EVP_PKEY *key, long seconds)
{
	X509 *cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), seconds);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
	                           -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static void make_certificate(struct line *l)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = certificate_new(key, 3600);
	write_pem(l->cert, "cert", cert, NULL);
	write_pem(l->key, "key", NULL, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void start(struct line *l, int version)
{
	char error[256];
	int fds[2];
	*l = (struct line){
		.pair = {.loop = loop_new(),
	                 .budget = {.max_queue_bytes = 1 << 20, .max_queue_items = 1000, .max_total_bytes = 4 << 20}}};
	make_certificate(l);
	l->tls = tls_context_new(l->cert, l->key, error, sizeof error);
	CHECK(l->tls);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	l->pair.fd = fds[1];
	l->pair.conn = conn_new(l->pair.loop, &l->pair.budget, fds[0], l->tls, "192.0.2.1");
	conn_set_events(l->pair.conn, &events, l);
	l->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(l->ctx, version);
	SSL_CTX_set_max_proto_version(l->ctx, version);
	l->ssl = SSL_new(l->ctx);
	SSL_set_bio(l->ssl, l->in = BIO_new(BIO_s_mem()), l->out = BIO_new(BIO_s_mem()));
	SSL_set_connect_state(l->ssl);
}

static void stop(struct line *l)
{
	pair_close(&l->pair);
	CHECK_INT(l->dead, 1);
	SSL_free(l->ssl);
	SSL_CTX_free(l->ctx);
	tls_context_unref(&l->tls);
	unlink(l->cert);
	unlink(l->key);
}

/* Carries over what either side has written. True: there was something. */
static bool carry(struct line *l)
{
	bool moved = false;
	char b[16384];
	int n;
	while ((n = BIO_read(l->out, b, l->cut ? (int)l->cut : (int)sizeof b)) > 0) {
		moved = true;
		if (send(l->pair.fd, b, (size_t)n, MSG_NOSIGNAL) != n)
			break;
		pair_turn(&l->pair);
	}
	pair_turn(&l->pair);
	pair_read(&l->pair);
	if (l->pair.got.n) {
		moved = true;
		CHECK(BIO_write(l->in, l->pair.got.p, (int)l->pair.got.n) == (int)l->pair.got.n);
		l->pair.got.n = 0;
	}
	return moved;
}

static void shake_hands(struct line *l)
{
	while (SSL_do_handshake(l->ssl) != 1)
		CHECK(carry(l));
	carry(l);
}

static void say_and_hear(struct line *l, const char *text)
{
	char back[64];
	CHECK_INT(SSL_write(l->ssl, text, (int)strlen(text)), strlen(text));
	int n = 0;
	while ((n = SSL_read(l->ssl, back, sizeof back)) <= 0)
		CHECK(carry(l));
	CHECK_SLICE(slice_of(back, (size_t)n), slice_str(text));
}

TEST(both_ways_in_one_piece_and_byte_by_byte)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		for (size_t cut = 0; cut < 2; cut++) {
			struct line l;
			start(&l, versions[i]);
			l.cut = cut;
			shake_hands(&l);
			say_and_hear(&l, "hello");
			say_and_hear(&l, "again");
			/* close_notify is the FIN of TLS; ours and a FIN answer it */
			l.finish_on_eof = true;
			SSL_shutdown(l.ssl);
			carry(&l);
			CHECK_INT(l.eofs, 1);
			char c;
			CHECK(SSL_read(l.ssl, &c, 1) <= 0);
			CHECK_INT(SSL_get_shutdown(l.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
			CHECK(l.pair.eof);
			stop(&l);
		}
}

/* A FIN without close_notify: nobody knows whether something is missing, so the peer has broken off. */
TEST(a_fin_without_close_notify_ends_the_connection)
{
	struct line l;
	start(&l, TLS1_3_VERSION);
	shake_hands(&l);
	shutdown(l.pair.fd, SHUT_WR);
	pair_turn(&l.pair);
	CHECK_INT(l.eofs, 0);
	CHECK_INT(l.dead, 1);
	CHECK_INT(l.why, CLOSE_TRANSPORT);
	stop(&l);
}

/* Bytes that are no TLS end the connection with that reason; no plain text but an alert is sent. */
TEST(garbage_is_cut)
{
	static const struct slice rows[] = {
		SLICE("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
		SLICE("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
		SLICE("\x16\x03\x01\xff\xff\x01\x00\x00\x00"),                     /* a record that is too long */
		SLICE("\x16\x03\x01\x00\x05\x02\x00\x00\x00\x00\x00\x00"),         /* a server's hello */
		SLICE("\x17\x03\x03\x00\x05hello"),                                /* data before any handshake */
		SLICE("\x14\x03\x03\x00\x01\x01\x14\x03\x03\x00\x01\x01"),         /* change cipher, twice */
		SLICE("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80"), /* SSL 2 */
		SLICE("\x15\x03\x01\x00\x02\x02\x28\x16\x03\x01"),                 /* a fatal alert */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct line l;
		CHECK_ROW(rows[i].p);
		start(&l, TLS1_3_VERSION);
		/* some of them wait for more bytes, so more are sent until it ends */
		for (int k = 0; k < 5000 && l.dead == 0; k++) {
			if (send(l.pair.fd, rows[i].p, rows[i].n, MSG_NOSIGNAL) < 0)
				break;
			pair_turn(&l.pair);
		}
		CHECK_INT(l.dead, 1);
		CHECK_INT(l.why, CLOSE_TLS);
		pair_read(&l.pair);
		CHECK(l.pair.got.n == 0 || l.pair.got.p[0] == 0x15);
		stop(&l);
	}
}

/* A spoilt record behind a good handshake ends the connection; nothing of the record is shown. */
TEST(a_spoilt_record_is_cut)
{
	struct line l;
	start(&l, TLS1_3_VERSION);
	shake_hands(&l);
	CHECK_INT(SSL_write(l.ssl, "hello", 5), 5);
	char b[256];
	int n = BIO_read(l.out, b, sizeof b);
	b[n - 1] ^= 1;
	CHECK_INT(send(l.pair.fd, b, (size_t)n, MSG_NOSIGNAL), n);
	pair_turn(&l.pair);
	CHECK_INT(l.dead, 1);
	CHECK_INT(l.pair.budget.bytes_in, 0);
	stop(&l);
}

/* A renegotiation costs the server more than the peer, so it is refused. */
TEST(renegotiation_is_refused)
{
	struct line l;
	start(&l, TLS1_2_VERSION);
	shake_hands(&l);
	say_and_hear(&l, "hello");
	CHECK_INT(SSL_renegotiate(l.ssl), 1);
	bool done = false;
	for (int i = 0; i < 10 && !done && !l.dead; i++) {
		done = SSL_do_handshake(l.ssl) == 1 && !SSL_renegotiate_pending(l.ssl);
		carry(&l);
	}
	CHECK(!done);
	stop(&l);
}

/* Two thousand hellos at once took a second, in which nobody else was served. */
TEST(a_crowd_of_hellos_is_served_a_few_at_a_turn)
{
	enum { CROWD = 100 };
	struct line l;
	int fds[CROWD][2], helloed = 0, turns = 0;
	char hello[4096], answer[4096];
	start(&l, TLS1_3_VERSION);
	SSL_do_handshake(l.ssl);
	int n = BIO_read(l.out, hello, sizeof hello);
	CHECK(n > 100);
	for (int i = 0; i < CROWD; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i]) == 0);
		struct conn *c = conn_new(l.pair.loop, &l.pair.budget, fds[i][0], l.tls, "192.0.2.1");
		conn_set_events(c, &quiet, NULL);
		CHECK_INT(send(fds[i][1], hello, (size_t)n, 0), n);
	}
	for (; helloed < CROWD; turns++) {
		int before = helloed;
		CHECK(turns < CROWD);
		ev_run(loop_ev(l.pair.loop), EVRUN_NOWAIT);
		for (int i = 0; i < CROWD; i++)
			helloed += recv(fds[i][1], answer, sizeof answer, 0) > 500; /* with the certificate */
		CHECK(helloed - before <= 16);
	}
	CHECK(turns > 6);
	for (int i = 0; i < CROWD; i++)
		close(fds[i][1]);
	stop(&l);
}

/* A chain in one file: the server's own certificate, then `others`, by the seconds that each has left. */
static int64_t chain_left(long own, const long *others, size_t n)
{
	char cert[64], key_file[64], error[256];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *first = certificate_new(key, own);
	write_pem(cert, "chain", first, NULL);
	write_pem(key_file, "chainkey", NULL, key);
	FILE *f = fopen(cert, "a");
	for (size_t i = 0; i < n; i++) {
		X509 *other = certificate_new(key, others[i]);
		CHECK(PEM_write_X509(f, other) == 1);
		X509_free(other);
	}
	fclose(f);
	struct tls_context *t = tls_context_new(cert, key_file, error, sizeof error);
	CHECK(t);
	int64_t left = tls_context_end_s(t) - time(NULL);
	tls_context_unref(&t);
	X509_free(first);
	EVP_PKEY_free(key);
	unlink(cert);
	unlink(key_file);
	return left;
}

TEST(chain_ends_with_the_first_certificate_that_ends)
{
	static const struct {
		long own, others[2], left;
	} rows[] = {
		{864000, {1728000, 2592000}, 864000},
		{864000, {1728000, 432000}, 432000},
		{864000, {-86400, 1728000}, -86400},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t left = chain_left(rows[i].own, rows[i].others, 2);
		CHECK(left <= rows[i].left && left > rows[i].left - 3600);
	}
	CHECK(chain_left(86400, NULL, 0) > 82800);
}
