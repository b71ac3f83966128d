/*
 * An offset as text (docs/recovery.md). It says up to which snapshot a socket has been sent everything, and which
 * rows ahead of it. Only an edge of this database can write it, and it is good for one user and one private id. Pure
 * functions over bytes.
 *
 *   base64url( version | epoch 8 | issued | snapshot | mark | rows | socket id 20 | joined chats, 16 each
 *              |<-------------- head, the same for all ----------->|
 *              | messages, 16 each | their number, one byte | MAC 16 )
 *
 * The rows are their number, and of each the id and the time. Where there are none the part is missing, and the version
 * is the one before, which edges of that time read. The messages are those that no pong has confirmed yet.
 *
 * The MAC also covers the user and the private id; the text has neither, because the client presents both.
 */
#ifndef RECOVERY_OFFSET_TOKEN_H
#define RECOVERY_OFFSET_TOKEN_H

#include "base/buf.h"
#include "db/db.h"

#define TOKEN_KEY 32
#define TOKEN_EPOCH 8
#define TOKEN_SOCKET 20
#define TOKEN_UUID 36
#define TOKEN_MESSAGES 64  /* at most */
#define TOKEN_BASE_MAX 832 /* bytes before base64, without messages and rows */
#define TOKEN_ROWS_MAX (1 + DB_AHEAD_MOST * 19)
#define TOKEN_MAX (TOKEN_BASE_MAX + TOKEN_ROWS_MAX + TOKEN_MESSAGES * 16 + 1)
#define TOKEN_MAX_TEXT ((TOKEN_MAX + 2) / 3 * 4)

struct recovery_token {
	unsigned char epoch[TOKEN_EPOCH]; /* by token_epoch */
	uint64_t issued_us;               /* by the database's clock */
	char socket[TOKEN_SOCKET];
	struct buf snapshot; /* pg_snapshot as text */
	struct buf mark;     /* the end of the history that the pump had seen */
	struct token_row {
		uint64_t id;
		int64_t at_us;
	} ahead[DB_AHEAD_MOST]; /* rows that were sent, though the snapshot does not see them */
	size_t nahead;
	struct buf chats;    /* uuids in lower case, TOKEN_UUID characters each */
	struct buf messages; /* the same */
};

struct token_head {
	struct buf bytes;
	size_t rows; /* how many of them say the rows */
};

/* An offset, taken apart: it is of one socket. */
struct token_about {
	struct slice user, pid, socket;
	struct slice chats, messages; /* as in recovery_token */
};

void token_epoch(unsigned char out[TOKEN_EPOCH], const char *name); /* the first bytes of the SHA-256 of the name */

/* False: its snapshot is none. Call token_head_fini in either case. */
bool token_head(struct token_head *h, const unsigned char epoch[TOKEN_EPOCH], const struct db_position *at) MUST_CHECK;
void token_head_fini(struct token_head *h);

/* False: without rows and messages the offset is longer than TOKEN_BASE_MAX, or it has too many messages, or something
 * that is no uuid; nothing was added. */
bool token_put(struct buf *out, const unsigned char key[TOKEN_KEY], const struct token_head *head,
               const struct token_about *about) MUST_CHECK;

/* False: the text is no offset, or not authentic for this user and pid. Call token_fini in either case. */
bool token_read(struct recovery_token *t, const unsigned char key[TOKEN_KEY], struct slice user, struct slice pid,
                struct slice text) MUST_CHECK;
void token_fini(struct recovery_token *t);

#endif
