#include "party.h"

TEST(people_of_a_thing_expect_it_from_when_they_are_there)
{
	struct party *p = party_new();
	uint32_t n = party_message(p, 0, 1, FATE_KEPT);
	struct witness *w = p->v.witnesses;
	CHECK(expect_has(&w[0], n) && expect_has(&w[1], n) && expect_has(&w[WANDERER], n));
	CHECK(!expect_has(&w[3], n) && !expect_may(&w[3], n));
	w[0].from = n + 1;
	CHECK(!expect_has(&w[0], n) && expect_may(&w[0], n) && expect_again(&w[0], n));
	CHECK(!expect_again(&w[1], n));
	party_free(p);
}

TEST(what_follows_is_expected_since_its_beginning)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 0, 1, FATE_KEPT);
	struct witness *w = &p->v.witnesses[1];
	w->from = m + 1;
	CHECK(!expect_has(w, receipt_saying(&p->v, KIND_DELIVERED, m, 2, true)));
	CHECK(expect_has(w, receipt_saying(&p->v, KIND_READ, m, 2, false)));
	CHECK(!expect_may(&p->v.witnesses[2], receipt_saying(&p->v, KIND_READ, m, 0, false)));
	party_free(p);
}

TEST(typing_is_for_the_room_and_not_for_the_socket_that_sent_it)
{
	struct party *p = party_new();
	struct witness *w = p->v.witnesses;
	uint32_t n = party_typing(p, 0, 1);
	p->v.said[n].asker = 1;
	p->v.said[n].askers = 2;
	p->v.said[n].asker_life = 1;
	w[0].in[0] = w[1].in[0] = true;
	w[0].here[0] = w[1].here[0] = 0;
	CHECK(expect_has(&w[0], n) && expect_may(&w[0], n));
	CHECK(!expect_has(&w[1], n) && !expect_may(&w[1], n));
	CHECK(!expect_has(&w[2], n) && !expect_may(&w[2], n));
	w[0].here[0] = n + 1;
	CHECK(!expect_has(&w[0], n) && expect_may(&w[0], n) && !expect_again(&w[0], n));
	w[1].life = 2; /* another connection */
	CHECK(!expect_has(&w[1], n) && expect_may(&w[1], n));
	party_free(p);
}

TEST(behind_a_cut_the_last_part_may_come_twice)
{
	struct party *p = party_new();
	struct witness *w = &p->v.witnesses[0];
	uint32_t one = party_message(p, 0, 1, FATE_KEPT), two = party_message(p, 0, 1, FATE_KEPT);
	numbers_add(&w->log, one);
	numbers_add(&w->log, two);
	w->twice = 1;
	w->twice_n = 1;
	CHECK(!expect_again(w, one) && expect_again(w, two));
	party_free(p);
}

TEST(messages_of_a_chat_come_by_seq)
{
	struct party *p = party_new();
	struct witness *w = &p->v.witnesses[0];
	uint32_t n[3];
	for (unsigned i = 0; i < 3; i++) {
		n[i] = party_message(p, 0, 1, FATE_KEPT);
		p->v.said[n[i]].seq = i + 1;
	}
	CHECK_INT(expect_before(w, n[0]), NO_SAYING);
	CHECK_INT(expect_before(w, n[2]), NO_SAYING);
	CHECK_INT(expect_before(w, n[1]), n[2]);
	uint32_t other = party_message(p, 2, 1, FATE_KEPT);
	p->v.said[other].seq = 1;
	CHECK_INT(expect_before(w, other), NO_SAYING);
	party_free(p);
}

TEST(a_notification_comes_behind_what_was_committed_before_it)
{
	struct party *p = party_new();
	struct witness *w = &p->v.witnesses[0];
	uint32_t first = party_notice(p, 0, FATE_KEPT), second = party_notice(p, 0, FATE_KEPT);
	uint32_t beside = party_notice(p, 0, FATE_OPEN);
	p->v.said[first].decided_us = 10;
	p->v.said[second].born_us = 20;
	CHECK_INT(expect_before(w, second), NO_SAYING);
	CHECK_INT(expect_before(w, beside), NO_SAYING);
	w->last_notice = second;
	CHECK_INT(expect_before(w, first), second);
	/* of one statement */
	uint32_t a = party_notice(p, 0, FATE_OPEN), b = party_notice(p, 0, FATE_OPEN);
	p->v.said[b].deed = a;
	CHECK_INT(expect_before(w, b), NO_SAYING);
	CHECK_INT(expect_before(w, a), b);
	party_free(p);
}

TEST(an_end_comes_behind_its_beginning)
{
	struct party *p = party_new();
	struct witness *w = &p->v.witnesses[0];
	uint32_t like = party_like(p, 1, FATE_KEPT), unlike = sequel_saying(&p->v, KIND_UNLIKED, like, false);
	uint32_t typing = party_typing(p, 0, 1);
	CHECK_INT(expect_before(w, like), NO_SAYING);
	CHECK_INT(expect_before(w, unlike), NO_SAYING);
	p->v.said[unlike].heard = p->v.said[typing + 1].heard = 1;
	CHECK_INT(expect_before(w, like), unlike);
	CHECK_INT(expect_before(w, typing), typing + 1);
	party_free(p);
}

TEST(only_what_has_an_order_is_counted_as_ordered)
{
	CHECK(expect_has_order(KIND_MESSAGE) && expect_has_order(KIND_NOTICE));
	CHECK(!expect_has_order(KIND_DELIVERED) && !expect_has_order(KIND_SEEN));
}
