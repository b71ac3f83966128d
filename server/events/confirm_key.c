/*
 * Reads the message's id in a confirm value.
 */
#include "events/confirm_key.h"
#include "base/json.h"
#include "base/text.h"

/* The confirm value of a message as jsonb prints it: where each confirmation counts, and where the first one does. */
#define KEY_EACH "{\"wanted\": \"all\", \"message_id\": \""
#define KEY_FIRST "{\"but\": \""
#define KEY_WANTED "\", \"wanted\": 1, \"message_id\": \""
#define KEY_END "\"}"

bool confirm_message(const struct delivery *d, struct slice *uuid)
{
	struct slice v;
	if (json_kind_of(delivery_value(d)) != JSON_OBJECT || !json_get(delivery_value(d), "message_id", &v) ||
	    json_kind_of(v) != JSON_STRING || v.n != UUID_LEN + 2)
		return false;
	*uuid = slice_of(v.p + 1, UUID_LEN);
	return uuid_valid(*uuid);
}

static bool text_taken(struct slice *left, const char *text)
{
	struct slice t = slice_str(text);
	if (!slice_starts(*left, t))
		return false;
	*left = slice_of(left->p + t.n, left->n - t.n);
	return true;
}

static bool uuid_taken(struct slice *left, struct slice *uuid)
{
	if (left->n < UUID_LEN)
		return false;
	*uuid = slice_of(left->p, UUID_LEN);
	*left = slice_of(left->p + UUID_LEN, left->n - UUID_LEN);
	return uuid_valid(*uuid);
}

bool confirm_key(const struct delivery *d, struct slice *uuid, bool *first)
{
	struct slice left = delivery_value(d), but;
	*first = text_taken(&left, KEY_FIRST);
	if (*first ? !uuid_taken(&left, &but) || !text_taken(&left, KEY_WANTED) : !text_taken(&left, KEY_EACH))
		return false;
	return uuid_taken(&left, uuid) && slice_eq(left, SLICE(KEY_END));
}
