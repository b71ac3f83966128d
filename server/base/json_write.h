/*
 * Writes JSON objects into a buffer, member by member, in the order of the calls.
 *
 *   json_open(b);
 *   json_member_str(b, "socket_id", id);
 *   json_member_raw(b, "data", data);
 *   json_close(b);
 *
 * Each member writes the comma before it, except behind an opening brace. Objects nest: json_member(b, "user"),
 * json_open(b), ..., json_close(b). Keys are not escaped: they are ASCII without quotes and backslashes.
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buf.h"

void json_open(struct buf *b);
void json_close(struct buf *b);

void json_member(struct buf *b, const char *key); /* comma, key and colon; the caller adds the value */
void json_member_str(struct buf *b, const char *key, struct slice value); /* quoted and escaped; valid UTF-8 */
void json_member_raw(struct buf *b, const char *key, struct slice json);  /* valid JSON, as it is */
void json_member_u64(struct buf *b, const char *key, uint64_t value);
void json_member_bool(struct buf *b, const char *key, bool value);
void json_member_time(struct buf *b, const char *key, uint64_t wall_ms); /* quoted, as iso_time writes it */
void json_members_raw(struct buf *b, struct slice members);              /* "key":value,"key":value; none when empty */

#endif
