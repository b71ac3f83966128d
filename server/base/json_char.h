/*
 * Characters of JSON, for json_scan.c and json.c. Private to base/.
 */
#ifndef BASE_JSON_CHAR_H
#define BASE_JSON_CHAR_H

#include "base/number.h"

static inline bool json_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Four hex digits, or -1. */
static inline int32_t json_hex4(const char *p, const char *end)
{
	int32_t v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

#endif
