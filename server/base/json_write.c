/*
 * Writing JSON objects. Called by whoever answers or tells: eio/, sio/, app/, db/.
 */
#include "base/json_write.h"
#include "base/text.h"

void json_open(struct buf *b)
{
	buf_char(b, '{');
}

void json_close(struct buf *b)
{
	buf_char(b, '}');
}

static void put_comma(struct buf *b)
{
	if (b->n && b->p[b->n - 1] != '{')
		buf_char(b, ',');
}

void json_member(struct buf *b, const char *key)
{
	put_comma(b);
	buf_char(b, '"');
	buf_str(b, key);
	buf_str(b, "\":");
}

void json_member_str(struct buf *b, const char *key, struct slice value)
{
	json_member(b, key);
	buf_json_str(b, value);
}

void json_member_raw(struct buf *b, const char *key, struct slice json)
{
	json_member(b, key);
	buf_slice(b, json);
}

void json_member_u64(struct buf *b, const char *key, uint64_t value)
{
	json_member(b, key);
	buf_u64(b, value);
}

void json_member_bool(struct buf *b, const char *key, bool value)
{
	json_member(b, key);
	buf_str(b, value ? "true" : "false");
}

void json_member_time(struct buf *b, const char *key, uint64_t wall_ms)
{
	char text[25];
	iso_time(text, wall_ms);
	json_member_str(b, key, slice_str(text));
}

void json_members_raw(struct buf *b, struct slice members)
{
	if (members.n == 0)
		return;
	put_comma(b);
	buf_slice(b, members);
}
