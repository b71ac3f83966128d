/*
 * A Socket.IO packet from the text of one Engine.IO message (S1-S6). Takes bytes, not sockets; copies nothing.
 */
#ifndef SIO_PARSER_H
#define SIO_PARSER_H

#include "base/json.h"

enum sio_type { SIO_CONNECT, SIO_DISCONNECT, SIO_EVENT, SIO_ACK, SIO_CONNECT_ERROR, SIO_BINARY_EVENT, SIO_BINARY_ACK };

struct sio_packet {
	enum sio_type type;
	unsigned attachments;
	struct slice nsp; /* "/" when absent */
	bool has_id;
	uint64_t id;
	struct slice json; /* the payload, without white space around it; empty when absent */
	unsigned flaws;    /* enum json_flaw */
};

/* False: the session is to be closed (parse error). */
bool sio_parse(struct slice text, unsigned max_attachments, struct sio_packet *out) MUST_CHECK;

/* S7: every placeholder of a binary packet's payload names one of n attachments. */
bool sio_placeholders_valid(struct slice json, unsigned n) MUST_CHECK;

bool sio_name_reserved(struct slice name); /* S6 */

#endif
