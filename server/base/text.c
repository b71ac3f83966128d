/*
 * Text and bytes: UTF-8, base64, uuids, random ids, the wall clock. Called by ws/ (UTF-8 of messages), eio/ and auth/
 * (base64), and whoever needs an id or a time stamp.
 */
#include "base/text.h"

#include "base/number.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/*
 * UTF-8 (RFC 3629) as a machine whose state is one word: how many continuation bytes are owed, and the range of the
 * next one. The range of the second byte excludes overlong forms, surrogates and code points over U+10FFFF.
 *
 *   state: 0 at a boundary, else owed << 16 | lowest << 8 | highest of the next byte
 */
#define OWED(n, lo, hi) ((uint32_t)(n) << 16 | (uint32_t)(lo) << 8 | (uint32_t)(hi))

static uint32_t utf8_lead(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return OWED(1, 0x80, 0xbf);
	if (c == 0xe0)
		return OWED(2, 0xa0, 0xbf);
	if (c == 0xed)
		return OWED(2, 0x80, 0x9f);
	if (c >= 0xe1 && c <= 0xef)
		return OWED(2, 0x80, 0xbf);
	if (c == 0xf0)
		return OWED(3, 0x90, 0xbf);
	if (c >= 0xf1 && c <= 0xf3)
		return OWED(3, 0x80, 0xbf);
	if (c == 0xf4)
		return OWED(3, 0x80, 0x8f);
	return 0;
}

bool utf8_feed(uint32_t *state, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
	uint32_t st = *state;
	while (p < end) {
		if (st == 0) {
			uint64_t word;
			while (end - p >= 8 && (memcpy(&word, p, 8), (word & 0x8080808080808080u) == 0))
				p += 8;
			if (p == end)
				break;
			unsigned char c = *p++;
			if (c < 0x80)
				continue;
			st = utf8_lead(c);
			if (st == 0)
				return false;
			continue;
		}
		unsigned char c = *p++;
		if (c < (st >> 8 & 0xff) || c > (st & 0xff))
			return false;
		st = st >> 16 == 1 ? 0 : OWED((st >> 16) - 1, 0x80, 0xbf);
	}
	*state = st;
	return true;
}

bool utf8_valid(struct slice s)
{
	uint32_t state = 0;
	return utf8_feed(&state, s) && state == 0;
}

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	char *to = buf_room(out, (s.n + 2) / 3 * 4);
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
		             (left > 2 ? p[i + 2] : 0);
		*to++ = base64_letters[v >> 18];
		*to++ = base64_letters[v >> 12 & 63];
		*to++ = left > 1 ? base64_letters[v >> 6 & 63] : '=';
		*to++ = left > 2 ? base64_letters[v & 63] : '=';
	}
	out->n += (s.n + 2) / 3 * 4;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* E6: the Java client breaks lines; others leave the padding out or use the URL alphabet. */
bool base64_decode(struct buf *out, struct slice s)
{
	char *to = buf_room(out, s.n / 4 * 3 + 3), *from = to;
	uint32_t v = 0;
	unsigned have = 0, padding = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\r' || c == '\n' || c == ' ' || c == '\t')
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		int d = base64_value(c);
		if (d < 0 || padding)
			return false;
		v = v << 6 | (uint32_t)d;
		if (++have == 4) {
			*to++ = (char)(v >> 16);
			*to++ = (char)(v >> 8);
			*to++ = (char)v;
			have = 0;
			v = 0;
		}
	}
	if (have == 1 || padding > 2 || (padding && (have + padding) % 4 != 0))
		return false;
	if (have == 2)
		*to++ = (char)(v >> 4);
	if (have == 3) {
		*to++ = (char)(v >> 10);
		*to++ = (char)(v >> 2);
	}
	out->n += (size_t)(to - from);
	return true;
}

void base64url_encode(struct buf *out, struct slice s)
{
	size_t from = out->n;
	base64_encode(out, s);
	while (out->n > from && out->p[out->n - 1] == '=')
		out->n--;
	for (size_t i = from; i < out->n; i++)
		out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

bool base64url_decode(struct buf *out, struct slice s)
{
	if (s.n == 0 || s.n % 4 == 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (base64_value(s.p[i]) < 0 || s.p[i] == '+' || s.p[i] == '/')
			return false;
	int spare = s.n % 4 == 2 ? 0xf : s.n % 4 == 3 ? 0x3 : 0; /* bits behind the last byte */
	return (base64_value(s.p[s.n - 1]) & spare) == 0 && base64_decode(out, s);
}

bool uuid_valid(struct slice s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = s.p[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? c != '-' : hex_digit(c) < 0)
			return false;
	}
	return true;
}

void random_bytes(void *p, size_t n)
{
	char *to = p;
	while (n) {
		ssize_t got = getrandom(to, n, 0);
		if (got <= 0) {
			fputs("no random numbers from the kernel\n", stderr);
			abort();
		}
		to += got;
		n -= (size_t)got;
	}
}

void random_id(char *out, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[64];
	assert(n <= sizeof bytes);
	random_bytes(bytes, n);
	for (size_t i = 0; i < n; i++)
		out[i] = letters[bytes[i] & 63];
}

bool secret_eq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	volatile unsigned char differ = 0;
	for (size_t i = 0; i < a.n; i++)
		differ |= (unsigned char)(a.p[i] ^ b.p[i]);
	return differ == 0;
}

uint64_t clock_wall_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

void iso_time(char out[25], uint64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	gmtime_r(&s, &tm);
	static const char form[] = "0000-00-00T00:00:00.000Z";
	const struct {
		unsigned at, digits, value;
	} parts[] = {
		{0, 4, (unsigned)tm.tm_year + 1900}, {5, 2, (unsigned)tm.tm_mon + 1}, {8, 2, (unsigned)tm.tm_mday},
		{11, 2, (unsigned)tm.tm_hour},       {14, 2, (unsigned)tm.tm_min},    {17, 2, (unsigned)tm.tm_sec},
		{20, 3, (unsigned)(wall_ms % 1000)},
	};
	memcpy(out, form, sizeof form);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (unsigned k = parts[i].digits, v = parts[i].value; k-- > 0; v /= 10)
			out[parts[i].at + k] = (char)('0' + v % 10);
}
