/*
 * Decimal and hexadecimal digits in ASCII. No other file of the tree turns digits into numbers.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/buf.h"

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 0 to 15 of a digit in either case, -1 of any other character. */
static inline int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Digits and nothing else; zeros in front are allowed. False (*v stays): empty, another character, or over 64 bits. */
bool u64_parse(struct slice s, uint64_t *v) MUST_CHECK;

/* The digits that *s begins with; *s moves past them. False (both stay): there is none, or the number is over 64
 * bits. */
bool u64_take(struct slice *s, uint64_t *v) MUST_CHECK;

void hex_encode(struct buf *out, struct slice bytes);               /* in lower case */
bool hex_decode(void *out, size_t n, struct slice text) MUST_CHECK; /* n bytes; false: not 2 * n digits. Either case */

#endif
