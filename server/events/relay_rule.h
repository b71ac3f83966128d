/*
 * What a route says of a relayed event, as rt.relays sends it: where the event goes, whose members may send it, what it
 * has. Knows payloads, and no sockets.
 */
#ifndef EVENTS_RELAY_RULE_H
#define EVENTS_RELAY_RULE_H

#include "base/buf.h"

struct relay_rule;

/* An event by its rule. */
struct relay_text {
	struct buf room;    /* where it goes */
	struct buf members; /* the room whose members may send it */
	struct buf data;    /* the object that goes out; keys in the order of jsonb */
};
void relay_text_fini(struct relay_text *t);

/* room, members: "chat:{chat_id}"; fields: "chat_id uuid\nuser_id user_id\n...". NULL: not understood, as that of a
 * schema that is newer than this program may be. */
struct relay_rule *relay_rule_new(struct slice room, struct slice members, struct slice fields);
void relay_rule_free(struct relay_rule **r);

/* False: the payload has not what the rule wants, or the kind of a value is wrong. out is to be ended all the same. */
bool relay_rule_apply(const struct relay_rule *r, struct slice payload, struct slice user_id, struct slice user_name,
                      struct relay_text *out) MUST_CHECK;

#endif
