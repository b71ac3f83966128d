/*
 * An offset as text (docs/recovery.md). It says up to which snapshot a socket has been sent everything. Only an edge of
 * this database can write it, and it is good for one user and one private id. Pure functions over bytes.
 *
 *   base64url( version | epoch 8 | issued | snapshot | socket id 20 | joined chats, 16 each | MAC 16 )
 *              |<------ head, the same for all ---->|
 *
 * The MAC also covers the user and the private id; the text has neither, because the client presents both.
 */
#ifndef RECOVERY_OFFSET_TOKEN_H
#define RECOVERY_OFFSET_TOKEN_H

#include "base/buf.h"

#define TOKEN_KEY 32
#define TOKEN_EPOCH 8
#define TOKEN_SOCKET 20
#define TOKEN_UUID 36
#define TOKEN_MAX 768 /* bytes before base64 */
#define TOKEN_MAX_TEXT 1024

struct recovery_token {
	unsigned char epoch[TOKEN_EPOCH]; /* by token_epoch */
	uint64_t issued_us;               /* by the database's clock */
	char socket[TOKEN_SOCKET];
	struct buf snapshot; /* pg_snapshot as text */
	struct buf chats;    /* uuids in lower case, TOKEN_UUID characters each */
};

void token_epoch(unsigned char out[TOKEN_EPOCH], const char *name); /* the first bytes of the SHA-256 of the name */

bool token_head(struct buf *out, const unsigned char epoch[TOKEN_EPOCH], uint64_t issued_us,
                const char *snapshot) MUST_CHECK; /* false: no snapshot */

/* chats: as in recovery_token. False: the offset is longer than TOKEN_MAX, or a chat is no uuid; nothing was added. */
bool token_put(struct buf *out, const unsigned char key[TOKEN_KEY], struct slice user, struct slice pid,
               struct slice head, struct slice socket, struct slice chats) MUST_CHECK;

/* False: the text is no offset, or not authentic for this user and pid. Call token_fini in either case. */
bool token_read(struct recovery_token *t, const unsigned char key[TOKEN_KEY], struct slice user, struct slice pid,
                struct slice text) MUST_CHECK;
void token_fini(struct recovery_token *t);

#endif
