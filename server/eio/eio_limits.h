/*
 * The limits of a session of Engine.IO. A field and its default are neighbours; server/app/config.h makes a setting of a
 * field, by a row of kind LIMIT.
 */
#ifndef EIO_EIO_LIMITS_H
#define EIO_EIO_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct eio_limits {
	uint64_t ping_interval_ms, ping_timeout_ms; /* 25000, 20000 (E2) */
	uint64_t upgrade_timeout_ms;                /* 10000 (U8) */
	uint64_t linger_ms;                         /* of a polling session that is closing: 30000 (C5) */
	size_t max_payload;                         /* of one message, for both transports: 1000000 (P9, W7) */
	unsigned max_poll_packets;                  /* in the answer to one GET: 16 (P13) */
	size_t max_queue_bytes;     /* of a polling session, then CLOSE_SLOW (X6); for WebSockets see conn_budget */
	unsigned max_queue_packets; /* likewise */
	unsigned max_sessions;      /* 0: no limit. A polling session has no connection between two polls */
	unsigned max_sessions_per_address;           /* 0: no limit. An address is a network: IPv6 counts by /64 */
	unsigned max_guests, max_guests_per_address; /* sessions that eio_settle was not called for; 0: no limit */
};
static const struct eio_limits eio_default_limits = {
	.ping_interval_ms = 25000,
	.ping_timeout_ms = 20000,
	.upgrade_timeout_ms = 10000,
	.linger_ms = 30000,
	.max_payload = 1000000,
	.max_poll_packets = 16,
	.max_queue_bytes = 4 << 20,
	.max_queue_packets = 4096,
};

#endif
