/*
 * The limits of a session of Socket.IO, besides those of eio/eio_limits.h. A field and its default are neighbours; server/app/config.h
 * makes a setting of a field, by a row of kind LIMIT.
 */
#ifndef SIO_SIO_LIMITS_H
#define SIO_SIO_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct sio_limits {
	uint64_t connect_timeout_ms;       /* from the handshake to the first socket that is accepted: 45000 (N8) */
	unsigned max_attachments;          /* of one packet: 10 (S5) */
	unsigned max_sockets_per_session;  /* at once, accepted or not */
	unsigned max_connects_per_session; /* in the whole life of a session */
	size_t max_authorization;          /* bytes of a handshake's Authorization header; a longer one is not kept */
};
static const struct sio_limits sio_default_limits = {
	.connect_timeout_ms = 45000,
	.max_attachments = 10,
	.max_sockets_per_session = 8,
	.max_connects_per_session = 32,
	.max_authorization = 8200,
};

#endif
