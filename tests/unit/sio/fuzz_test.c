/*
 * Mutations of conversations, the same in every run, against a whole server: HTTP, WebSocket, Engine.IO and Socket.IO.
 * Bytes of any kind: nothing breaks, no counter is left over, and the answer is the same wherever the stream is cut.
 */
#include "fuzz.h"
#include "site.h"
#include "test.h"

#define ROUNDS 4000

#define UP "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n"

/* '\x81' or '\x82' and the bytes up to the next '\x83' become a frame. */
static const char *const corpus[] = {
	"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\nGET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n4hello",
	"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;a=b\r\n4he\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
	"OPTIONS /socket.io/?EIO=4 HTTP/1.1\r\nHost: h\r\nOrigin: http://a\r\nAccess-Control-Request-Headers: x\r\n\r\nHEAD /socket.io HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	UP "\x81"
	   "40{\"token\":\"t\"}\x83"
	   "\x81"
	   "42[\"message\",{\"a\":[1,2.5e3,null,true]}]\x83"
	   "\x81"
	   "421[\"m\"]\x83"
	   "\x81"
	   "41\x83"
	   "\x81"
	   "40/a,\x83",
	UP "\x81"
	   "40\x83"
	   "\x81"
	   "452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\x83"
	   "\x82"
	   "abc\x83"
	   "\x81"
	   "3\x83"
	   "\x81"
	   "bAQID\n\x83"
	   "\x81"
	   "42[\"e\"]\x83",
	UP "\x81"
	   "40/a,{}\x83"
	   "\x81"
	   "40/b\x83"
	   "\x81"
	   "42/a,7[\"x\",\"\\ud83d\\ude00\"]\x83"
	   "\x81"
	   "1\x83",
	UP "\x89"
	   "ping\x83"
	   "\x01"
	   "42[\"a\",\x83"
	   "\x80"
	   "1]\x83"
	   "\x88"
	   "\x03\xe8"
	   "bye\x83",
	UP "\x81"
	   "40\x83"
	   "\x81"
	   "2probe\x83",
	UP "\x81"
	   "40\x83"
	   "\x81"
	   "43[]\x83"
	   "\x81"
	   "6\x83"
	   "\x81"
	   "5\x83"
	   "\x81"
	   "44{}\x83",
};

static const char *const tokens[] = {
	"\r\n",
	"\r\n\r\n",
	"\n",
	"\r",
	" ",
	":",
	"\x81",
	"\x82",
	"\x83",
	"\x80",
	"\x88",
	"\x89",
	"\x8a",
	"\x01",
	"\x02",
	"Content-Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Upgrade: websocket\r\n",
	"Connection: close\r\n",
	"HTTP/1.0",
	"sid=",
	"&EIO=3",
	"%00",
	"%zz",
	"\x1e",
	"4",
	"40",
	"42[\"",
	"51-",
	"5999-",
	"[",
	"{",
	"\"",
	"/a,",
	"/",
	"99999999999999999999",
	"_placeholder",
	"\\ud800",
	"\\u0000",
	"\xff",
	"\xed\xa0\x80",
	"b====",
	"1",
	"2",
	"3",
	"0\r\n\r\n",
	"connect",
	"\x81"
	"40\x83",
	"\x88\x83",
	"GET ",
	"POST ",
};

static void mutate(struct fuzz *f)
{
	size_t at = below(f, f->n + 1);
	char one = (char)below(f, 256);
	switch (below(f, 6)) {
	case 0:
		splice(f, at, 1, slice_of(&one, 1));
		break;
	case 1:
		if (at < f->n)
			f->text[at] = (char)(f->text[at] ^ 1 << below(f, 8));
		break;
	case 2:
	case 3:
		splice(f, at, below(f, 4), slice_str(tokens[below(f, ARRAY_LEN(tokens))]));
		break;
	case 4:
		splice(f, at, 1 + below(f, 16), SLICE(""));
		break;
	default: /* a piece of another one */
		splice(f, at, 0, slice_str(corpus[below(f, ARRAY_LEN(corpus))]));
	}
}

/* Frames get a length and a mask; one time in eight the bytes are sent as they are. */
static void expand(struct fuzz *f, struct buf *out)
{
	bool raw = below(f, 8) == 0;
	for (size_t i = 0; i < f->n; i++) {
		unsigned char c = (unsigned char)f->text[i];
		const char *end = !raw && (c >= 0x80 || c < 3) && c != 0x83 ? memchr(f->text + i, '\x83', f->n - i)
		                                                            : NULL;
		size_t n = end ? (size_t)(end - f->text) - i - 1 : 0;
		buf_char(out, (char)c);
		if (!end || n > 125)
			continue;
		buf_char(out, (char)(0x80 | n));
		buf_add(out, "\0\0\0\0", 4);
		buf_add(out, f->text + i + 1, n);
		i += n + 1;
	}
}

/* Ids and dates differ from run to run. */
static void blur(struct buf *b)
{
	for (size_t i = 0; i + 7 + SIO_ID_LEN < b->n; i++)
		if (memcmp(b->p + i, "\"sid\":\"", 7) == 0)
			memset(b->p + i + 7, '-', SIO_ID_LEN);
	for (size_t i = 0; i + 37 < b->n; i++)
		if (memcmp(b->p + i, "\r\nDate: ", 8) == 0)
			memset(b->p + i + 8, '-', 29);
	strike_faults(b);
}

/* An end is told a moment later: before or behind other events of the same read. */
static void put_log(struct buf *out, struct slice log)
{
	while (log.n) {
		const char *end = memchr(log.p, '\n', log.n);
		size_t n = (size_t)(end - log.p) + 1;
		if (!slice_starts(log, SLICE("gone ")))
			buf_add(out, log.p, n);
		log = slice_of(log.p + n, log.n - n);
	}
}

/* The whole answer to `in`, written in pieces of `cut` bytes. */
static void converse(struct slice in, size_t cut, struct buf *answer, struct buf *log)
{
	struct site t;
	struct sio_config cfg = ordinary();
	cfg.eio.cors_origin = "*";
	start(&t, cfg);
	t.accepting = true;
	for (size_t at = 0; at < in.n; at += cut) {
		size_t n = in.n - at < cut ? in.n - at : cut;
		if (send(t.pair.fd, in.p + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break; /* it has closed */
		pair_turn(&t.pair);
	}
	pair_turn(&t.pair);
	pair_read(&t.pair);
	blur(&t.pair.got);
	buf_slice(answer, buf_view(&t.pair.got));
	put_log(log, buf_view(&t.log));
	finish(&t);
}

TEST(any_bytes_cut_anywhere)
{
	struct fuzz f = {.random = 0x736f636b65742e69u, .most = FUZZ_ROOM / 2};
	unsigned upgraded = 0, connected = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		static char name[32];
		struct slice seed = slice_str(corpus[below(&f, ARRAY_LEN(corpus))]);
		struct buf in = {0}, whole = {0}, cut = {0}, log = {0}, log_cut = {0};
		memcpy(f.text, seed.p, seed.n);
		f.n = seed.n;
		for (uint32_t k = below(&f, 4); k > 0; k--)
			mutate(&f);
		expand(&f, &in);
		snprintf(name, sizeof name, "round %u", round);
		CHECK_ROW(name);
		converse(buf_view(&in), FUZZ_ROOM * 4, &whole, &log);
		converse(buf_view(&in), 1 + below(&f, 40), &cut, &log_cut);
		upgraded += whole.n > 13 && memcmp(whole.p, "HTTP/1.1 101 ", 13) == 0;
		connected += log.n > 0;
		CHECK_SLICE(buf_view(&cut), buf_view(&whole));
		CHECK_SLICE(buf_view(&log_cut), buf_view(&log));
		buf_fini(&in);
		buf_fini(&whole);
		buf_fini(&cut);
		buf_fini(&log);
		buf_fini(&log_cut);
	}
	CHECK_ROW("");
	CHECK(upgraded > ROUNDS / 8 && connected > ROUNDS / 16); /* many conversations get far */
}
