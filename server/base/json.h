/*
 * Checks JSON from outside before anything else looks at it (X1-X5, S4), and looks at what was checked. Nothing is
 * copied: values are slices of the source and are passed on as they were written.
 *
 * JSON can be bad in two ways. Broken grammar, invalid UTF-8 or a raw control character is no JSON: the session is
 * closed. A flaw is valid JSON that the product does not take: the event is answered with INVALID_DATA and the session
 * lives.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

enum json_flaw {
	JSON_LONE_SURROGATE = 1 << 0,
	JSON_NUL = 1 << 1, /* a string has \u0000 */
	JSON_DUPLICATE_KEY = 1 << 2,
	JSON_TOO_DEEP = 1 << 3,     /* nesting over JSON_MAX_DEPTH; the grammar is checked to the end all the same */
	JSON_NUMBER_RANGE = 1 << 4, /* too large for a double, or an exponent below -400 */
	JSON_PLACEHOLDER = 1 << 5,  /* an object has the key _placeholder, in whatever spelling */
};

#define JSON_MAX_DEPTH 64

enum json_kind { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One complete value, white space around it allowed. False: not JSON. Flaws that are found are added to *flaws. */
bool json_scan(struct slice text, enum json_kind *kind, unsigned *flaws) MUST_CHECK;

/* All functions below take text that json_scan has accepted, and no other. */

enum json_kind json_kind_of(struct slice value);
struct slice json_trim(struct slice value); /* without white space around it */

/* The elements of an array, in order, without white space around them. How many there are; max + 1 stands for more than
 * max. */
size_t json_elements(struct slice array, struct slice *out, size_t max);

/* One element after the other: *it = 0 begins, false at the end. */
bool json_next_element(struct slice array, size_t *it, struct slice *value);

/* One member after the other: *it = 0 begins, false at the end. key is the text between the quotes with its escapes. */
bool json_next_member(struct slice object, size_t *it, struct slice *key, struct slice *value);

/* The value of a key, in whatever spelling; false when the object has none. */
bool json_get(struct slice object, const char *key, struct slice *value);

bool json_key_eq(struct slice raw_key, struct slice plain); /* raw_key may have escapes (X8) */

/* Appends the text of a string value, which comes with its quotes. False: not a string, or it has a lone surrogate. */
bool json_unescape(struct buf *out, struct slice string);

void json_compact(struct buf *out, struct slice value); /* the same text without white space outside strings (S8) */

#endif
