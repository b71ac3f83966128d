/*
 * The scanner that settles what JSON from outside is before anything else looks at it (X1-X5, S4). It copies nothing:
 * values are handed on as slices of the source, never re-printed.
 *
 * Two grades of bad: broken grammar (or invalid UTF-8, raw control characters) closes the session; a flaw is valid JSON that the
 * product does not take (INVALID_DATA, the session lives).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

enum json_flaw {
	JSON_LONE_SURROGATE = 1 << 0,
	JSON_NUL = 1 << 1, /* backslash u0000 */
	JSON_DUPLICATE_KEY = 1 << 2,
	JSON_TOO_DEEP = 1 << 3,     /* nesting over JSON_MAX_DEPTH; the grammar is still checked, with bounded memory */
	JSON_NUMBER_RANGE = 1 << 4, /* outside double range, or 1e-401 and below */
	JSON_PLACEHOLDER = 1 << 5,  /* an object has a key _placeholder (after unescaping) */
};

#define JSON_MAX_DEPTH 64

enum json_kind { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Scans one complete value with white space around it. False: not JSON. *flaws gathers what was found. */
bool json_scan(struct slice text, enum json_kind *kind, unsigned *flaws) MUST_CHECK;

/* The following want text that json_scan took. */

enum json_kind json_kind_of(struct slice value);
struct slice json_trim(struct slice value); /* without white space around it */

/* Elements of an array, in order, as slices without white space. Returns the number found, at most max + 1 when there are more. */
size_t json_elements(struct slice array, struct slice *out, size_t max);

/* The same one by one: it = 0 starts; false at the end. */
bool json_next_element(struct slice array, size_t *it, struct slice *value);

/* Members of an object: it = 0 starts; false at the end. key is the raw text between the quotes, escapes and all. */
bool json_next_member(struct slice object, size_t *it, struct slice *key, struct slice *value);

/* The value of a key (compared after unescaping); false when absent. */
bool json_get(struct slice object, const char *key, struct slice *value);

bool json_key_eq(struct slice raw_key, struct slice plain); /* escaped spelling against plain text (X8) */
bool json_unescape(
	struct buf *out,
	struct slice
		string); /* a string value with its quotes, to UTF-8; false: not a string or has a lone surrogate */
void json_compact(struct buf *out, struct slice value); /* the same text without white space outside strings (S8) */

#endif
