/*
 * What services write: messages, notifications, likes, and what is read. Each is chosen among what may be done at this
 * moment, gets its numbers, and follows from them as a statement.
 */
#include "verify/run.h"

#include "db/array.h"
#include <stdio.h>

#define BURST 20
#define RECENT 200 /* what is read was said a moment ago */

#define MESSAGES_SQL                                                                    \
	"insert into platform.messages (chat_id, sender_id, type, content, client_id) " \
	"select $1::uuid, $2::uuid, 'text', u.content, u.id "                           \
	"from unnest($3::text[], $4::text[]) with ordinality u (content, id, n) order by u.n"
#define NOTICES_SQL                                                            \
	"insert into platform.notifications (user_id, type, title, body, id) " \
	"select $2::uuid, 'mention', $1::text, u.content, u.id::uuid "         \
	"from unnest($3::text[], $4::text[]) with ordinality u (content, id, n) order by u.n"
#define READ_SQL                                                                                                                          \
	"insert into platform.message_receipts (message_id, user_id, read_at) values ($1::uuid, $2::uuid, pg_catalog.clock_timestamp()) " \
	"on conflict (message_id, user_id) do update set read_at = excluded.read_at"
#define SEEN_SQL                                                                                            \
	"update platform.notifications n set read_at = pg_catalog.clock_timestamp() where n.id = $1::uuid " \
	"and n.user_id = $2::uuid"
#define POST_SQL "insert into platform.posts (id, author_id, content) values ($1::uuid, $2::uuid, 'bellwire verify')"
#define LIKE_SQL "insert into platform.post_likes (post_id, user_id) values ($1::uuid, $2::uuid)"
#define UNLIKE_SQL "delete from platform.post_likes l where l.post_id = $1::uuid and l.user_id = $2::uuid"

/* ---- chosen ---- */

void deed_messages(struct verify *v, uint32_t *first, uint32_t *n)
{
	unsigned chat = chance(CHATS), sender;
	do
		sender = chance(PEOPLE);
	while (!person_in(v, chat, sender));
	*n = chance(12) == 0 ? BURST : 1;
	for (uint32_t i = 0, at; i < *n; i++) {
		struct saying *s = saying_new(v, KIND_MESSAGE, sender, &at);
		s->chat = (uint8_t)chat;
		s->people = (uint8_t)v->members[chat];
		*first = i ? *first : at;
	}
	v->counts.by_sql += *n;
	v->counts.bursts += *n > 1;
}

static void deed_notices(struct verify *v, uint32_t *first, uint32_t *n)
{
	unsigned person = chance(PEOPLE);
	*n = chance(6) == 0 ? BURST / 4 : 1;
	for (uint32_t i = 0, at; i < *n; i++) {
		struct saying *s = saying_new(v, KIND_NOTICE, person, &at);
		s->people = (uint8_t)(1u << person);
		*first = i ? *first : at;
		s->deed = *first;
	}
}

/* The like, and the notification that it makes for the author of the post. */
static void deed_like(struct verify *v, uint32_t *first, uint32_t *n)
{
	unsigned author = chance(2) ? 0 : 2, doer = chance(PEOPLE);
	uint32_t at;
	struct saying *like = saying_new(v, KIND_LIKED, doer, first);
	like->author = (uint8_t)author;
	like->people = (uint8_t)(v->followers[author] | 1u << author);
	*n = 1;
	if (author == doer)
		return;
	struct saying *notice = saying_new(v, KIND_NOTICE, author, &at);
	notice->about = *first;
	notice->people = (uint8_t)(1u << author);
	*n = 2;
}

static uint32_t deed_sequel(struct verify *v, enum kind kind, uint32_t about, uint32_t *first)
{
	if (about == NO_SAYING)
		return 0;
	*first = sequel_saying(v, kind, about, false);
	return 1;
}

/* The first that fits, from a random place among the last ones. */
static uint32_t deed_recent(const struct verify *v,
                            bool (*fits)(const struct verify *v, const struct saying *s, unsigned person,
                                         uint64_t witnesses),
                            unsigned person, uint64_t witnesses)
{
	uint32_t among = v->nsaid < RECENT ? v->nsaid : RECENT;
	if (!among)
		return NO_SAYING;
	uint32_t low = v->nsaid - among, from = chance(among);
	for (uint32_t i = 0; i < among; i++) {
		uint32_t n = low + (from + i) % among;
		if (v->said[n].fate == FATE_KEPT && fits(v, &v->said[n], person, witnesses))
			return n;
	}
	return NO_SAYING;
}

static bool is_readable(const struct verify *v, const struct saying *s, unsigned person, uint64_t witnesses)
{
	return s->kind == KIND_MESSAGE && *s->id && person_in(v, s->chat, person) && s->doer != person &&
	       s->read[person] == NO_SAYING && s->taken & witnesses;
}

static bool is_unseen(const struct verify *v, const struct saying *s, unsigned person, uint64_t witnesses)
{
	(void)v, (void)witnesses;
	return s->kind == KIND_NOTICE && s->about == NO_SAYING && s->next == NO_SAYING && s->doer == person;
}

static bool is_liked(const struct verify *v, const struct saying *s, unsigned person, uint64_t witnesses)
{
	(void)v, (void)person, (void)witnesses;
	return s->kind == KIND_LIKED && s->next == NO_SAYING && s->found;
}

uint32_t deed_readable(const struct verify *v, unsigned person, uint64_t witnesses)
{
	return deed_recent(v, is_readable, person, witnesses);
}

uint32_t deed_unseen(const struct verify *v, unsigned person)
{
	return deed_recent(v, is_unseen, person, 0);
}

static uint32_t deed_read(struct verify *v, uint32_t *first)
{
	unsigned person = chance(PEOPLE);
	uint32_t m = deed_readable(v, person, witnesses_of(v, 1u << person));
	if (m == NO_SAYING)
		return 0;
	*first = receipt_saying(v, KIND_READ, m, person, false);
	return 1;
}

void deed_else(struct verify *v, uint32_t *first, uint32_t *n)
{
	switch (chance(8)) {
	case 0:
		*n = deed_read(v, first);
		break;
	case 1:
		*n = deed_sequel(v, KIND_SEEN, deed_unseen(v, chance(PEOPLE)), first);
		break;
	case 2:
		*n = deed_sequel(v, KIND_UNLIKED, deed_recent(v, is_liked, 0, 0), first);
		break;
	case 3:
	case 4:
		deed_like(v, first, n);
		break;
	default:
		deed_notices(v, first, n);
	}
}

/* ---- as statements ---- */

static void deed_uuid(const struct verify *v, uint32_t n, struct buf *out)
{
	char id[37];
	saying_uuid(v, n, id);
	buf_str(out, id);
}

/* The contents and the ids of n of them, in the last two texts. */
static void deed_texts(const struct verify *v, uint32_t first, uint32_t n, struct deed *d)
{
	struct buf text = {0};
	struct buf *contents = &d->text[2], *ids = &d->text[3];
	db_array_begin(contents);
	db_array_begin(ids);
	for (uint32_t i = first; i < first + n; i++) {
		saying_content(v, i, &text);
		db_array_add(contents, buf_view(&text));
		text.n = 0;
		if (v->said[i].kind == KIND_MESSAGE)
			buf_printf(&text, "%s-%u", v->tag, i);
		else
			deed_uuid(v, i, &text);
		db_array_add(ids, buf_view(&text));
	}
	db_array_end(contents);
	db_array_end(ids);
	buf_fini(&text);
}

static const char *deed_sql(enum kind k)
{
	static const char *const sql[KIND_MAX] = {
		[KIND_MESSAGE] = MESSAGES_SQL, [KIND_NOTICE] = NOTICES_SQL, [KIND_READ] = READ_SQL,
		[KIND_SEEN] = SEEN_SQL,        [KIND_LIKED] = LIKE_SQL,     [KIND_UNLIKED] = UNLIKE_SQL,
	};
	return sql[k];
}

/* The parameters: what it is about, who does it, and lists. */
void deed_of(const struct verify *v, uint32_t first, uint32_t n, struct deed *d)
{
	const struct saying *s = &v->said[first];
	*d = (struct deed){
		.write = deed_sql(s->kind), .prepare = s->kind == KIND_LIKED ? POST_SQL : NULL, .nvalues = 2};
	buf_str(&d->text[1], v->people[s->doer].id);
	switch (s->kind) {
	case KIND_MESSAGE:
	case KIND_NOTICE:
		d->nvalues = 4;
		buf_str(&d->text[0], s->kind == KIND_MESSAGE ? v->chats[s->chat] : "bellwire verify");
		deed_texts(v, first, n, d);
		break;
	case KIND_READ:
		buf_str(&d->text[0], v->said[s->about].id);
		break;
	default:
		deed_uuid(v, s->kind == KIND_LIKED ? first : s->about, &d->text[0]);
	}
	for (int i = 0; i < d->nvalues; i++) {
		buf_char(&d->text[i], '\0');
		d->values[i] = d->text[i].p;
	}
	d->author = v->people[s->author].id;
}

void deed_fini(struct deed *d)
{
	for (unsigned i = 0; i < ARRAY_LEN(d->text); i++)
		buf_fini(&d->text[i]);
}
