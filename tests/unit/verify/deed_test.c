#include "party.h"

static void decide_all(struct party *p, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		judge_decide(&p->v, i, FATE_KEPT);
}

TEST(messages_are_of_somebody_in_the_chat_and_have_one_number_after_the_other)
{
	struct party *p = party_new();
	bool burst = false, alone = false;
	for (unsigned i = 0; i < 300; i++) {
		uint32_t first, n, before = p->v.nsaid;
		deed_messages(&p->v, &first, &n);
		CHECK_INT(first, before);
		CHECK_INT(p->v.nsaid, before + n);
		burst |= n > 1;
		alone |= n == 1;
		for (uint32_t at = first; at < first + n; at++) {
			const struct saying *s = &p->v.said[at];
			CHECK(s->kind == KIND_MESSAGE && person_in(&p->v, s->chat, s->doer));
			CHECK(s->chat == p->v.said[first].chat && s->people == p->v.members[s->chat]);
		}
	}
	CHECK(burst && alone);
	CHECK_INT(p->v.counts.by_sql, p->v.nsaid);
	party_free(p);
}

/* What it is about is there, and is done to once. */
static void check_legal(const struct party *p, uint32_t first, uint32_t n)
{
	const struct verify *v = &p->v;
	const struct saying *s = &v->said[first], *about = s->about == NO_SAYING ? NULL : &v->said[s->about];
	switch (s->kind) {
	case KIND_READ:
		CHECK(about && about->kind == KIND_MESSAGE && about->doer != s->doer);
		CHECK(person_in(v, about->chat, s->doer) && about->taken & witnesses_of(v, 1u << s->doer));
		CHECK(about->read[s->doer] == first && s->people == 1u << about->doer);
		break;
	case KIND_SEEN:
		CHECK(about && about->kind == KIND_NOTICE && about->doer == s->doer && about->next == first);
		break;
	case KIND_UNLIKED:
		CHECK(about && about->kind == KIND_LIKED && about->found && about->next == first);
		break;
	case KIND_LIKED:
		CHECK(s->author == 0 || s->author == 2);
		CHECK_INT(n, s->author == s->doer ? 1 : 2);
		CHECK(n == 1 || (v->said[first + 1].kind == KIND_NOTICE && v->said[first + 1].doer == s->author));
		break;
	default:
		CHECK_INT(s->kind, KIND_NOTICE);
		CHECK(v->said[first + n - 1].deed == first && s->people == 1u << s->doer);
	}
}

TEST(whatever_else_is_done_may_be_done)
{
	struct party *p = party_new();
	unsigned done[KIND_MAX] = {0};
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t first, n;
		deed_else(&p->v, &first, &n);
		if (n) {
			check_legal(p, first, n);
			done[p->v.said[first].kind]++;
			decide_all(p, first, n);
			p->v.said[first].found = true;
		}
		if (i % 4 == 0) {
			uint32_t m = party_message(p, 0, i % 3, FATE_KEPT);
			p->v.said[m].taken = 7;
		}
	}
	CHECK(done[KIND_READ] && done[KIND_SEEN] && done[KIND_UNLIKED] && done[KIND_LIKED] && done[KIND_NOTICE]);
	CHECK_INT(done[KIND_MESSAGE] + done[KIND_DELIVERED] + done[KIND_TYPING], 0);
	party_free(p);
}

TEST(a_client_reads_what_it_has_taken_and_nobody_has_read_for_it)
{
	struct party *p = party_new();
	CHECK_INT(deed_readable(&p->v, 0, 1), NO_SAYING);
	uint32_t m = party_message(p, 0, 1, FATE_KEPT);
	CHECK_INT(deed_readable(&p->v, 0, 1), NO_SAYING);
	p->v.said[m].taken = 1 | 2;
	CHECK_INT(deed_readable(&p->v, 0, 1), m);
	CHECK_INT(deed_readable(&p->v, 1, 2), NO_SAYING); /* one's own */
	receipt_saying(&p->v, KIND_READ, m, 0, false);
	CHECK_INT(deed_readable(&p->v, 0, 1), NO_SAYING);
	uint32_t n = party_notice(p, 0, FATE_OPEN);
	CHECK_INT(deed_unseen(&p->v, 0), NO_SAYING);
	judge_decide(&p->v, n, FATE_KEPT);
	CHECK_INT(deed_unseen(&p->v, 0), n);
	CHECK_INT(deed_unseen(&p->v, 1), NO_SAYING);
	party_free(p);
}

TEST(a_deed_is_a_statement_and_its_values)
{
	struct party *p = party_new();
	struct deed d;
	uint32_t m = party_message(p, 0, 1, FATE_KEPT), n = party_notice(p, 2, FATE_KEPT),
		 l = party_like(p, 3, FATE_KEPT);
	uint32_t read = receipt_saying(&p->v, KIND_READ, m, 2, false), seen = sequel_saying(&p->v, KIND_SEEN, n, false);
	uint32_t end = sequel_saying(&p->v, KIND_UNLIKED, l, false);
	char of_notice[37], of_post[37];
	saying_uuid(&p->v, n, of_notice);
	saying_uuid(&p->v, l, of_post);
	const struct {
		uint32_t n;
		const char *sql, *about, *who, *contents, *ids;
	} cases[] = {
		{m, "insert into platform.messages ", p->v.chats[0], p->v.people[1].id, "{\"verify 01234567 0",
	         "{\"01234567-0\"}"},
		{n, "insert into platform.notifications ", "bellwire verify", p->v.people[2].id,
	         "{\"verify 01234567 1\"}", "{\"01234567-89ab-4cde-8f01-000000000001\"}"},
		{read, "insert into platform.message_receipts ", p->v.said[m].id, p->v.people[2].id, NULL, NULL},
		{seen, "update platform.notifications ", of_notice, p->v.people[2].id, NULL, NULL},
		{l, "insert into platform.post_likes ", of_post, p->v.people[3].id, NULL, NULL},
		{end, "delete from platform.post_likes ", of_post, p->v.people[3].id, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		deed_of(&p->v, cases[i].n, 1, &d);
		CHECK_ROW(cases[i].sql);
		CHECK(slice_starts(slice_str(d.write), slice_str(cases[i].sql)));
		CHECK_INT(d.nvalues, cases[i].ids ? 4 : 2);
		CHECK_STR(d.values[0], cases[i].about);
		CHECK_STR(d.values[1], cases[i].who);
		CHECK(!cases[i].ids || slice_starts(slice_str(d.values[2]), slice_str(cases[i].contents)));
		CHECK(!cases[i].ids || strcmp(d.values[3], cases[i].ids) == 0);
		CHECK(!!d.prepare == (cases[i].n == l));
		deed_fini(&d);
	}
	party_free(p);
}
