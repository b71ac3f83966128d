/*
 * Reads rules, and applies them. rt_private.relay (sql/edge/relay.sql) is the same for the database.
 */
#include "events/relay_rule.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/text.h"
#include "hub/hub.h"

#define RELAY_FIELDS_MOST 32

#define RELAY_KINDS(X)  \
	X(UUID, "uuid") \
	X(BOOLEAN, "boolean") X(NUMBER, "number") X(TEXT, "text") X(USER_ID, "user_id") X(USER_NAME, "user_name")
enum relay_kind {
#define X(NAME, word) RELAY_##NAME,
	RELAY_KINDS(X)
#undef X
		RELAY_NO_KIND
};

struct relay_field {
	char *name; /* owned */
	enum relay_kind kind;
};

/* "chat:{chat_id}" */
struct relay_place {
	char *prefix; /* owned: "chat:" */
	size_t field; /* index into fields: its value follows */
};

struct relay_rule {
	struct relay_place room, members;
	size_t nfields;
	struct relay_field fields[RELAY_FIELDS_MOST];
};

/* ---- reading ---- */

static enum relay_kind relay_kind_of(struct slice word)
{
	static const struct slice words[] = {
#define X(NAME, word) SLICE_INIT(word),
		RELAY_KINDS(X)
#undef X
	};
	size_t i = 0;
	while (i < RELAY_NO_KIND && !slice_eq(words[i], word))
		i++;
	return (enum relay_kind)i;
}

static bool relay_field_read(struct relay_rule *r, struct slice line)
{
	const char *space = memchr(line.p, ' ', line.n);
	if (!space || r->nfields == RELAY_FIELDS_MOST)
		return false;
	size_t n = (size_t)(space - line.p);
	struct relay_field *f = &r->fields[r->nfields++];
	f->name = mem_strndup(line.p, n);
	f->kind = relay_kind_of(slice_of(space + 1, line.n - n - 1));
	return f->kind != RELAY_NO_KIND;
}

static bool relay_place_read(const struct relay_rule *r, struct slice text, struct relay_place *p)
{
	const char *brace = memchr(text.p, '{', text.n);
	if (!brace || text.p[text.n - 1] != '}')
		return false;
	size_t n = (size_t)(brace - text.p);
	struct slice name = slice_of(brace + 1, text.n - n - 2);
	p->prefix = mem_strndup(text.p, n);
	while (p->field < r->nfields && !slice_eq(slice_str(r->fields[p->field].name), name))
		p->field++;
	if (p->field == r->nfields)
		return false;
	enum relay_kind kind = r->fields[p->field].kind;
	return kind == RELAY_UUID || kind == RELAY_USER_ID;
}

struct relay_rule *relay_rule_new(struct slice room, struct slice members, struct slice fields)
{
	struct relay_rule *r = NEW(struct relay_rule);
	struct slice line;
	bool good = room.n && members.n;
	while (good && hub_next_name(&fields, &line))
		good = relay_field_read(r, line);
	if (!good || !relay_place_read(r, room, &r->room) || !relay_place_read(r, members, &r->members))
		relay_rule_free(&r);
	return r;
}

void relay_rule_free(struct relay_rule **rp)
{
	struct relay_rule *r = *rp;
	if (!r)
		return;
	for (size_t i = 0; i < r->nfields; i++)
		free(r->fields[i].name);
	free(r->room.prefix);
	free(r->members.prefix);
	free(r);
	*rp = NULL;
}

/* ---- applying ---- */

void relay_text_fini(struct relay_text *t)
{
	buf_fini(&t->room);
	buf_fini(&t->members);
	buf_fini(&t->data);
}

/* In lower case, as Postgres writes a uuid. */
static bool relay_uuid(struct buf *out, struct slice value)
{
	if (!json_unescape(out, value) || !uuid_valid(buf_view(out)))
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] >= 'A' && out->p[i] <= 'F')
			out->p[i] += 'a' - 'A';
	return true;
}

/* A field of the payload: text gets the value's text, quoted says whether it is a string. */
static bool relay_payload_value(const struct relay_field *f, struct slice payload, struct buf *text, bool *quoted)
{
	struct slice v;
	if (!json_get(payload, f->name, &v))
		return false;
	enum json_kind kind = json_kind_of(v);
	*quoted = f->kind == RELAY_UUID || f->kind == RELAY_TEXT;
	if (*quoted)
		return kind == JSON_STRING && (f->kind == RELAY_UUID ? relay_uuid(text, v) : json_unescape(text, v));
	buf_slice(text, v);
	return f->kind == RELAY_NUMBER ? kind == JSON_NUMBER : kind == JSON_TRUE || kind == JSON_FALSE;
}

static void relay_place_put(const struct relay_place *p, size_t field, struct slice value, struct buf *out)
{
	if (p->field != field)
		return;
	buf_str(out, p->prefix);
	buf_slice(out, value);
}

bool relay_rule_apply(const struct relay_rule *r, struct slice payload, struct slice user_id, struct slice user_name,
                      struct relay_text *out)
{
	struct buf value = {0};
	bool good = true;
	json_open(&out->data);
	for (size_t i = 0; good && i < r->nfields; i++) {
		const struct relay_field *f = &r->fields[i];
		bool quoted = true;
		value.n = 0;
		if (f->kind == RELAY_USER_ID || f->kind == RELAY_USER_NAME)
			buf_slice(&value, f->kind == RELAY_USER_ID ? user_id : user_name);
		else
			good = relay_payload_value(f, payload, &value, &quoted);
		(quoted ? json_member_str : json_member_raw)(&out->data, f->name, buf_view(&value));
		relay_place_put(&r->room, i, buf_view(&value), &out->room);
		relay_place_put(&r->members, i, buf_view(&value), &out->members);
	}
	json_close(&out->data);
	buf_fini(&value);
	return good;
}
