/*
 * A Socket.IO packet from the text of one Engine.IO message (S1-S6). Nothing is copied: slices point into the text.
 */
#ifndef SIO_PARSER_H
#define SIO_PARSER_H

#include "base/json.h"

enum sio_type { SIO_CONNECT, SIO_DISCONNECT, SIO_EVENT, SIO_ACK, SIO_CONNECT_ERROR, SIO_BINARY_EVENT, SIO_BINARY_ACK };

struct sio_packet {
	enum sio_type type;
	unsigned attachments;
	struct slice nsp; /* "/" when it is not written */
	bool has_id;
	uint64_t id;
	struct slice json; /* the payload without white space around it; empty: there is none */
	unsigned flaws;    /* bits of enum json_flaw */
};

/* False: malformed; the session is to be closed. */
bool sio_parse(struct slice text, unsigned max_attachments, struct sio_packet *out) MUST_CHECK;

/* S7: each placeholder in a binary packet's payload names one of n attachments. The payload has passed sio_parse. */
bool sio_placeholders_valid(struct slice json, unsigned n) MUST_CHECK;

bool sio_name_reserved(struct slice name); /* S6: a name that no client may emit */

#endif
