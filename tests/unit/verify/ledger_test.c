#include "party.h"

/* One of each kind, each done by person 1: the numbers by kind. */
static void one_of_each(struct party *p, uint32_t n[KIND_MAX])
{
	n[KIND_MESSAGE] = party_message(p, 0, 1, FATE_KEPT);
	uint32_t other = party_message(p, 0, 0, FATE_KEPT);
	n[KIND_DELIVERED] = receipt_saying(&p->v, KIND_DELIVERED, other, 1, true);
	n[KIND_READ] = receipt_saying(&p->v, KIND_READ, other, 1, false);
	n[KIND_NOTICE] = party_notice(p, 1, FATE_KEPT);
	n[KIND_SEEN] = sequel_saying(&p->v, KIND_SEEN, n[KIND_NOTICE], false);
	n[KIND_LIKED] = party_like(p, 1, FATE_KEPT);
	n[KIND_UNLIKED] = sequel_saying(&p->v, KIND_UNLIKED, n[KIND_LIKED], false);
	n[KIND_TYPING] = party_typing(p, 0, 1);
}

TEST(what_an_edge_sends_of_a_thing_has_its_number_and_is_whole)
{
	struct party *p = party_new();
	uint32_t n[KIND_MAX], found;
	struct buf b = {0};
	one_of_each(p, n);
	for (unsigned k = 0; k < KIND_MAX; k++) {
		CHECK_ROW(kind_label((enum kind)k));
		party_event(p, n[k], &b);
		CHECK_INT(saying_find(&p->v, (enum kind)k, buf_view(&b), &found), FINDING_KNOWN);
		CHECK_INT(found, n[k]);
		CHECK(saying_is_whole(&p->v, found, buf_view(&b)));
	}
	party_event(p, n[KIND_TYPING] + 1, &b);
	CHECK_INT(saying_find(&p->v, KIND_TYPING, buf_view(&b), &found), FINDING_KNOWN);
	CHECK_INT(found, n[KIND_TYPING] + 1);
	buf_fini(&b);
	party_free(p);
}

TEST(an_event_has_a_kind_or_none)
{
	enum kind k;
	CHECK(kind_of_event(SLICE("post:unliked"), &k) && k == KIND_UNLIKED);
	CHECK(!kind_of_event(SLICE("post:commented"), &k));
}

TEST(a_text_is_short_or_long_and_begins_with_its_number)
{
	struct party *p = party_new();
	struct buf b = {0};
	saying_content(&p->v, 1, &b);
	CHECK_SLICE(buf_view(&b), SLICE("verify 01234567 1"));
	saying_content(&p->v, 7, &b);
	CHECK(b.n > 60 && b.n <= 64);
	saying_content(&p->v, 5, &b);
	CHECK(slice_starts(buf_view(&b), SLICE("verify 01234567 5 \"\\ ")));
	buf_fini(&b);
	party_free(p);
}

/* Something is missing, or of another value: the event is about it all the same, and is not whole. */
TEST(what_is_changed_is_not_whole)
{
	static const struct {
		const char *name;
		enum kind kind;
		const char *cut, *put;
	} cases[] = {
		{"a text", KIND_MESSAGE, "verify 01234567 0", "verify 01234567 0!"},
		{"a seq", KIND_MESSAGE, "\"seq\":1", "\"seq\":2"},
		{"the chat of a read", KIND_READ, "cccccccc-0000-4000-8000-000000000000",
	         "cccccccc-0000-4000-8000-000000000001"},
		{"no time", KIND_DELIVERED, "\"2026-01-10T12:00:00.000Z\"", "null"},
		{"another body", KIND_NOTICE, "verify 01234567", "Verify 01234567"},
		{"another type", KIND_NOTICE, "mention", "comment"},
		{"not read", KIND_SEEN, "true", "false"},
		{"who liked", KIND_LIKED, "aaaaaaaa-0000-4000-8000-000000000001",
	         "aaaaaaaa-0000-4000-8000-000000000002"},
		{"how many", KIND_UNLIKED, "\"likes_count\":0", "\"likes_count\":1"},
		{"who types", KIND_TYPING, "01234567 1", "01234567 2"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct party *p = party_new();
		uint32_t n[KIND_MAX], found;
		struct buf b = {0}, changed = {0};
		CHECK_ROW(cases[i].name);
		one_of_each(p, n);
		p->v.said[n[KIND_MESSAGE]].seq = 1;
		party_event(p, n[cases[i].kind], &b);
		buf_char(&b, '\0');
		char *at = strstr(b.p, cases[i].cut);
		CHECK(at);
		buf_add(&changed, b.p, (size_t)(at - b.p));
		buf_str(&changed, cases[i].put);
		buf_str(&changed, at + strlen(cases[i].cut));
		CHECK_INT(saying_find(&p->v, cases[i].kind, buf_view(&changed), &found), FINDING_KNOWN);
		CHECK_INT(found, n[cases[i].kind]);
		CHECK(!saying_is_whole(&p->v, found, buf_view(&changed)));
		buf_fini(&b);
		buf_fini(&changed);
		party_free(p);
	}
}

TEST(the_notification_of_a_like_is_found_by_its_post)
{
	struct party *p = party_new();
	uint32_t like = party_like(p, 1, FATE_KEPT), notice = party_notice(p, 0, FATE_KEPT), found;
	struct buf b = {0};
	p->v.said[notice].about = like;
	party_event(p, notice, &b);
	CHECK_INT(saying_find(&p->v, KIND_NOTICE, buf_view(&b), &found), FINDING_KNOWN);
	CHECK_INT(found, notice);
	CHECK(saying_is_whole(&p->v, notice, buf_view(&b)));
	buf_fini(&b);
	party_free(p);
}

TEST(what_others_did_is_foreign_and_what_was_never_done_is_false)
{
	static const struct {
		enum kind kind;
		const char *event;
		enum finding is;
	} cases[] = {
		{KIND_NOTICE, "{\"id\":\"ffffffff-0000-4000-8000-000000000000\",\"data\":{}}", FINDING_FOREIGN},
		{KIND_NOTICE,
	         "{\"id\":\"ffffffff-0000-4000-8000-000000000000\",\"data\":{\"post_id\":\"ffffffff-0000-4000-8000-000000000000\"}}",
	         FINDING_FOREIGN},
		{KIND_NOTICE, "{\"id\":\"01234567-89ab-4cde-8f01-000000000000\",\"data\":{}}", FINDING_FALSE},
		{KIND_LIKED, "{\"post_id\":\"ffffffff-0000-4000-8000-000000000000\"}", FINDING_FOREIGN},
		{KIND_LIKED, "{\"post_id\":\"01234567-89ab-4cde-8f01-000000000000\"}", FINDING_FALSE},
		{KIND_LIKED, "{\"post_id\":\"01234567-89ab-4cde-8f01-0000000000ff\"}", FINDING_FOREIGN},
		{KIND_MESSAGE, "{\"content\":\"hello\"}", FINDING_FALSE},
		{KIND_MESSAGE, "{\"content\":\"verify 01234567 9\"}", FINDING_FALSE},
		{KIND_MESSAGE, "[]", FINDING_FALSE},
		{KIND_READ,
	         "{\"message_id\":\"ffffffff-0000-4000-8000-000000000000\",\"read_by\":\"aaaaaaaa-0000-4000-8000-000000000000\"}",
	         FINDING_FALSE},
		{KIND_READ,
	         "{\"message_id\":\"eeeeeeee-0000-4000-8000-000000000000\",\"read_by\":\"aaaaaaaa-0000-4000-8000-000000000001\"}",
	         FINDING_FALSE}, /* one's own */
		{KIND_TYPING,
	         "{\"chat_id\":\"cccccccc-0000-4000-8000-000000000000\",\"user_id\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"is_typing\":true}",
	         FINDING_FALSE},
		{KIND_TYPING, "{\"is_typing\":true}", FINDING_FALSE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct party *p = party_new();
		uint32_t found;
		CHECK_ROW(cases[i].event);
		party_message(p, 0, 1, FATE_KEPT);
		CHECK_INT(saying_find(&p->v, cases[i].kind, slice_str(cases[i].event), &found), cases[i].is);
		party_free(p);
	}
}

/* Who reads a message, and we have not seen it do so: the rows have to tell. */
TEST(what_nobody_here_has_done_is_claimed)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 0, 1, FATE_KEPT), n;
	struct slice read = SLICE(
		"{\"message_id\":\"eeeeeeee-0000-4000-8000-000000000000\",\"read_by\":\"aaaaaaaa-0000-4000-8000-000000000002\"}");
	CHECK_INT(saying_find(&p->v, KIND_READ, read, &n), FINDING_KNOWN);
	CHECK(p->v.said[n].claimed && p->v.said[n].fate == FATE_UNSURE && p->v.said[n].about == m);
	CHECK_INT(p->v.said[m].read[2], n);
	uint32_t notice = party_notice(p, 2, FATE_KEPT);
	struct slice seen = SLICE("{\"notification_id\":\"01234567-89ab-4cde-8f01-000000000002\"}");
	CHECK_INT(saying_find(&p->v, KIND_SEEN, seen, &n), FINDING_KNOWN);
	CHECK(p->v.said[n].claimed && p->v.said[notice].next == n);
	party_free(p);
}

TEST(each_saying_has_a_line)
{
	static const char *const lines[KIND_MAX] = {
		[KIND_MESSAGE] = "message 0 from person 1, by SQL, committed\n",
		[KIND_DELIVERED] = "message 1 told as delivered to person 1, by SQL, unsure\n",
		[KIND_READ] = "message 1 read by person 1, by SQL, not decided\n",
		[KIND_NOTICE] = "notification 4 of person 1, by SQL, committed\n",
		[KIND_SEEN] = "notification 4 of person 1 read, by SQL, not decided\n",
		[KIND_LIKED] = "like 6 from person 1, by SQL, committed\n",
		[KIND_UNLIKED] = "like 6 of person 1 taken back, by SQL, not decided\n",
		[KIND_TYPING] = "typing 8 of person 1 in chat 0, by SQL, not decided\n",
	};
	struct party *p = party_new();
	uint32_t n[KIND_MAX];
	struct buf b = {0};
	one_of_each(p, n);
	for (unsigned k = 0; k < KIND_MAX; k++) {
		b.n = 0;
		saying_line(&p->v, n[k], &b);
		CHECK_SLICE(buf_view(&b), slice_str(lines[k]));
	}
	buf_fini(&b);
	party_free(p);
}
