/*
 * A run of bellwire verify without a database and without edges: its people, its chats, and witnesses that are there.
 * Persons 0, 1, 2 and the wanderer are in chat 0; 1 and 4 follow 0.
 */
#ifndef UNIT_PARTY_H
#define UNIT_PARTY_H

#include "test.h"
#include "base/mem.h"
#include "verify/run.h"
#include <stdio.h>

#define LONG_MS 60000

struct party {
	struct verify_options options;
	struct verify v;
};

static inline struct witness *party_witness(struct party *p, unsigned person)
{
	struct verify *v = &p->v;
	struct witness *w = &v->witnesses[v->nwitnesses];
	*w = (struct witness){.v = v, .i = v->nwitnesses++, .person = person, .present = true, .ever = true, .life = 1};
	w->engaged = true;
	w->last_notice = NO_SAYING;
	memset(w->here, 0xff, sizeof w->here);
	memset(w->last, 0xff, sizeof w->last);
	w->present_ms = now_ms(v);
	return w;
}

/* One witness a person, in their order. */
static inline struct party *party_new(void)
{
	struct party *p = NEW(struct party);
	struct verify *v = &p->v;
	p->options.within_ms = 5000;
	v->o = &p->options;
	v->loop = loop_new();
	v->wanderer = -1;
	v->database_up = true;
	v->content_max = 64;
	v->receipts_max = 10;
	memset(v->typing, 0xff, sizeof v->typing);
	strcpy(v->run, "01234567-89ab-4cde-8f01-000000000000");
	memcpy(v->tag, v->run, 8);
	for (unsigned i = 0; i < PEOPLE; i++)
		snprintf(v->people[i].id, sizeof v->people[i].id, "aaaaaaaa-0000-4000-8000-00000000000%u", i);
	for (unsigned i = 0; i < CHATS; i++)
		snprintf(v->chats[i], sizeof v->chats[i], "cccccccc-0000-4000-8000-00000000000%u", i);
	v->members[0] = 1 | 2 | 4 | 32;
	v->members[1] = 4 | 8;
	v->members[2] = 1 | 8;
	v->members[3] = 2 | 8;
	v->followers[0] = 2 | 16;
	for (unsigned i = 0; i < PEOPLE; i++)
		party_witness(p, i);
	v->places[0] = place_new("http://127.0.0.1:1", (char[64]){0}, 64);
	return p;
}

static inline void party_free(struct party *p)
{
	struct verify *v = &p->v;
	for (unsigned i = 0; i < v->nwitnesses; i++)
		free(v->witnesses[i].log.at);
	place_free(&v->places[0]);
	loop_free(&v->loop);
	free(v->said);
	free(v->asked.at);
	free(v->latencies.at);
	free(v->failure.what);
	free(v->trouble);
	buf_fini(&v->failure.expected);
	buf_fini(&v->failure.got);
	free(p);
}

static inline uint32_t party_message(struct party *p, unsigned chat, unsigned sender, enum fate fate)
{
	uint32_t n;
	struct saying *s = saying_new(&p->v, KIND_MESSAGE, sender, &n);
	s->chat = (uint8_t)chat;
	s->people = (uint8_t)p->v.members[chat];
	snprintf(s->id, sizeof s->id, "eeeeeeee-0000-4000-8000-%012x", n);
	if (fate != FATE_OPEN)
		judge_decide(&p->v, n, fate);
	return n;
}

static inline uint32_t party_notice(struct party *p, unsigned person, enum fate fate)
{
	uint32_t n;
	saying_new(&p->v, KIND_NOTICE, person, &n)->people = (uint8_t)(1u << person);
	if (fate != FATE_OPEN)
		judge_decide(&p->v, n, fate);
	return n;
}

/* Of a post of person 0. */
static inline uint32_t party_like(struct party *p, unsigned person, enum fate fate)
{
	uint32_t n;
	saying_new(&p->v, KIND_LIKED, person, &n)->people = (uint8_t)(p->v.followers[0] | 1);
	if (fate != FATE_OPEN)
		judge_decide(&p->v, n, fate);
	return n;
}

/* On and off. */
static inline uint32_t party_typing(struct party *p, unsigned chat, unsigned person)
{
	uint32_t n;
	struct saying *s = saying_new(&p->v, KIND_TYPING, person, &n);
	s->chat = (uint8_t)chat;
	s->people = (uint8_t)p->v.members[chat];
	sequel_saying(&p->v, KIND_TYPING, n, false);
	p->v.typing[chat][person] = n;
	return n;
}

/* What an edge would send of it. */
static inline void party_event(struct party *p, uint32_t n, struct buf *b)
{
	struct verify *v = &p->v;
	const struct saying *s = &v->said[n];
	struct buf text = {0};
	char id[37], name[PERSON_NAME];
	b->n = 0;
	saying_content(v, n, &text);
	switch (s->kind) {
	case KIND_MESSAGE:
		buf_printf(b, "{\"id\":\"%s\",\"chat_id\":\"%s\",\"seq\":%u,\"content\":", s->id, v->chats[s->chat],
		           n + 1);
		buf_json_str(b, buf_view(&text));
		break;
	case KIND_DELIVERED:
	case KIND_READ:
		buf_printf(
			b,
			"{\"message_id\":\"%s\",\"chat_id\":\"%s\",\"%s\":\"%s\",\"%s\":\"2026-01-10T12:00:00.000Z\"",
			v->said[s->about].id, v->chats[s->chat], s->kind == KIND_READ ? "read_by" : "delivered_to",
			v->people[s->doer].id, s->kind == KIND_READ ? "read_at" : "delivered_at");
		break;
	case KIND_NOTICE:
		saying_uuid(v, n, id);
		if (s->about == NO_SAYING) {
			buf_printf(b, "{\"id\":\"%s\",\"type\":\"mention\",\"data\":{},\"body\":", id);
			buf_json_str(b, buf_view(&text));
		} else {
			saying_uuid(v, s->about, id);
			buf_printf(
				b,
				"{\"id\":\"dddddddd-0000-4000-8000-000000000000\",\"type\":\"post_liked\",\"data\":{\"post_id\":\"%s\",\"user_id\":\"%s\"}",
				id, v->people[v->said[s->about].doer].id);
		}
		break;
	case KIND_SEEN:
		saying_uuid(v, s->about, id);
		buf_printf(b, "{\"notification_id\":\"%s\",\"is_read\":true,\"read_at\":\"2026-01-10T12:00:00.000Z\"",
		           id);
		break;
	case KIND_LIKED:
	case KIND_UNLIKED:
		saying_uuid(v, s->kind == KIND_LIKED ? n : s->about, id);
		buf_printf(b, "{\"post_id\":\"%s\",\"user_id\":\"%s\",\"likes_count\":%d", id, v->people[s->doer].id,
		           s->kind == KIND_LIKED);
		break;
	default:
		person_name(v, s->doer, name);
		buf_printf(b, "{\"chat_id\":\"%s\",\"user_id\":\"%s\",\"user_name\":\"%s\",\"is_typing\":%s",
		           v->chats[s->chat], v->people[s->doer].id, name, s->about == NO_SAYING ? "true" : "false");
	}
	buf_char(b, '}');
	buf_fini(&text);
}

static inline void party_hears(struct party *p, unsigned witness, uint32_t n)
{
	struct buf b = {0};
	party_event(p, n, &b);
	judge_heard(&p->v.witnesses[witness], p->v.said[n].kind, buf_view(&b));
	buf_fini(&b);
}

/* All that was decided or heard, and all that is there, has been so for long. */
static inline void party_ages(struct party *p)
{
	for (uint32_t n = 0; n < p->v.nsaid; n++) {
		p->v.said[n].decided_ms -= p->v.said[n].decided_ms ? LONG_MS : 0;
		p->v.said[n].heard_ms -= p->v.said[n].heard_ms ? LONG_MS : 0;
	}
	for (unsigned i = 0; i < p->v.nwitnesses; i++)
		p->v.witnesses[i].present_ms -= LONG_MS;
}

static inline void party_check_kept(const struct party *p)
{
	if (p->v.failure.found)
		UNIT_FAIL("broken: %s: %s", promise_label(p->v.failure.promise), p->v.failure.what);
}

static inline void party_check_broken(const struct party *p, enum promise promise)
{
	CHECK(p->v.failure.found);
	CHECK_STR(promise_label(p->v.failure.promise), promise_label(promise));
}

#endif
