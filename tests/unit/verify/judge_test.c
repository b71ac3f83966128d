#include "party.h"

TEST(what_is_kept_heard_by_all_and_stored_is_settled)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_KEPT);
	judge_turn(&p->v);
	CHECK(!judge_all_settled(&p->v));
	party_hears(p, 0, n);
	p->v.said[n].found = true;
	judge_turn(&p->v);
	CHECK(judge_all_settled(&p->v));
	CHECK_INT(p->v.counts.compared[PROMISE_DELIVERED][KIND_NOTICE], 1);
	CHECK_INT(p->v.counts.compared[PROMISE_ONCE][KIND_NOTICE], 1);
	party_check_kept(p);
	party_free(p);
}

TEST(what_nobody_hears_is_broken_when_its_time_is_over)
{
	static const enum kind kinds[] = {KIND_MESSAGE, KIND_NOTICE, KIND_LIKED, KIND_READ};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct party *p = party_new();
		CHECK_ROW(kind_label(kinds[i]));
		uint32_t m = party_message(p, 0, 1, FATE_KEPT);
		p->v.said[m].settled = kinds[i] != KIND_MESSAGE;
		uint32_t n = kinds[i] == KIND_READ     ? receipt_saying(&p->v, KIND_READ, m, 0, false)
		             : kinds[i] == KIND_LIKED  ? party_like(p, 1, FATE_OPEN)
		             : kinds[i] == KIND_NOTICE ? party_notice(p, 0, FATE_OPEN)
		                                       : m;
		judge_decide(&p->v, n, FATE_KEPT);
		judge_turn(&p->v);
		party_check_kept(p);
		party_ages(p);
		judge_turn(&p->v);
		party_check_broken(p, PROMISE_DELIVERED);
		CHECK(p->v.failure.expected.n > 0);
		CHECK_INT(p->v.failure.got.n, 0);
		party_free(p);
	}
}

TEST(while_the_database_is_away_no_time_goes_by)
{
	struct party *p = party_new();
	party_notice(p, 0, FATE_KEPT);
	party_ages(p);
	p->v.database_up = false;
	judge_turn(&p->v);
	party_check_kept(p);
	p->v.database_up = true;
	p->v.database_up_ms = now_ms(&p->v);
	judge_turn(&p->v);
	party_check_kept(p);
	p->v.database_up_ms -= LONG_MS;
	judge_turn(&p->v);
	party_check_broken(p, PROMISE_DELIVERED);
	party_free(p);
}

TEST(who_is_away_or_came_later_need_not_hear_it)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_KEPT);
	p->v.said[n].found = true;
	p->v.witnesses[0].present = false;
	party_ages(p);
	judge_turn(&p->v);
	party_check_kept(p);
	CHECK(!judge_all_settled(&p->v));
	p->v.witnesses[0].from = n + 1;
	judge_turn(&p->v);
	CHECK(judge_all_settled(&p->v));
	party_free(p);
}

/* Each of these at its hearing, without waiting. */
TEST(a_lie_is_named_when_it_is_heard)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_KEPT);
	party_hears(p, 0, n);
	party_hears(p, 0, n);
	party_check_broken(p, PROMISE_ONCE);
	party_free(p);

	p = party_new();
	n = party_notice(p, 0, FATE_KEPT);
	party_hears(p, 1, n);
	party_check_broken(p, PROMISE_OWN);
	CHECK(strstr(p->v.failure.what, "person 1 by websocket at http://127.0.0.1:1"));
	party_free(p);

	p = party_new();
	n = party_like(p, 1, FATE_KEPT);
	uint32_t end = sequel_saying(&p->v, KIND_UNLIKED, n, false);
	party_hears(p, 0, end);
	party_hears(p, 0, n);
	party_check_broken(p, PROMISE_ORDER);
	party_free(p);

	p = party_new();
	n = party_notice(p, 0, FATE_UNDONE);
	party_hears(p, 0, n);
	party_check_broken(p, PROMISE_COMMITTED);
	party_free(p);

	p = party_new();
	n = party_notice(p, 0, FATE_OPEN);
	party_hears(p, 0, n);
	judge_decide(&p->v, n, FATE_UNDONE);
	party_check_broken(p, PROMISE_COMMITTED);
	CHECK(strstr(p->v.failure.got.p, "heard by person 0"));
	party_free(p);

	p = party_new();
	judge_heard(&p->v.witnesses[0], KIND_MESSAGE, SLICE("{\"content\":\"of somebody else\"}"));
	party_check_broken(p, PROMISE_OWN);
	party_free(p);

	p = party_new();
	judge_heard(&p->v.witnesses[0], KIND_NOTICE, SLICE("{\"id\":\"x\",\"data\":{}}"));
	party_check_kept(p);
	party_free(p);
}

TEST(what_is_changed_is_named)
{
	struct party *p = party_new();
	party_like(p, 1, FATE_KEPT);
	judge_heard(
		&p->v.witnesses[0], KIND_LIKED,
		SLICE("{\"post_id\":\"01234567-89ab-4cde-8f01-000000000000\",\"user_id\":\"x\",\"likes_count\":1}"));
	party_check_broken(p, PROMISE_WHOLE);
	party_free(p);
}

TEST(a_message_is_confirmed_when_it_was_taken_and_not_before)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 1, 3, FATE_KEPT); /* for 2 and 3 */
	p->v.said[m].found = true;
	party_hears(p, 2, m);
	party_hears(p, 3, m);
	judge_turn(&p->v);
	CHECK(!judge_all_settled(&p->v));
	judge_receipt(&p->v, m, 2);
	judge_turn(&p->v);
	CHECK(judge_all_settled(&p->v));
	CHECK_INT(p->v.counts.compared[PROMISE_CONFIRMED][KIND_MAX], 1);
	party_check_kept(p);
	party_free(p);

	p = party_new();
	m = party_message(p, 1, 3, FATE_KEPT);
	p->v.witnesses[2].hangs = true;
	party_hears(p, 2, m);
	judge_receipt(&p->v, m, 2);
	party_check_broken(p, PROMISE_UNTAKEN);
	party_free(p);

	p = party_new();
	m = party_message(p, 1, 3, FATE_KEPT);
	p->v.said[m].found = true;
	party_hears(p, 2, m);
	party_hears(p, 3, m);
	party_ages(p);
	judge_turn(&p->v);
	party_check_broken(p, PROMISE_CONFIRMED);
	party_free(p);
}

/* The connection has ended: whether the pong arrived nobody knows. */
TEST(a_confirmation_may_be_lost_with_its_connection)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 1, 3, FATE_KEPT);
	p->v.said[m].found = true;
	party_hears(p, 2, m);
	party_hears(p, 3, m);
	saying_lost(&p->v, 1 << 2);
	party_ages(p);
	judge_turn(&p->v);
	party_check_kept(p);
	CHECK(judge_all_settled(&p->v));
	party_free(p);
}

TEST(a_delivery_that_is_told_is_a_receipt)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 0, 1, FATE_KEPT);
	uint32_t n = receipt_saying(&p->v, KIND_DELIVERED, m, 2, true);
	party_hears(p, 1, n);
	party_check_broken(p, PROMISE_UNTAKEN);
	party_free(p);
}

TEST(a_recovery_brings_what_was_committed_before_it_began)
{
	static const struct {
		const char *name;
		enum fate fate;
		bool hears, stored, broken;
	} cases[] = {
		{"it was brought", FATE_KEPT, true, true, false},
		{"it was not", FATE_KEPT, false, true, true},
		{"it was acked and is not stored", FATE_KEPT, false, false, false},
		{"it is not decided", FATE_OPEN, false, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct party *p = party_new();
		struct witness *w = &p->v.witnesses[0];
		CHECK_ROW(cases[i].name);
		uint32_t n = party_notice(p, 0, cases[i].fate);
		p->v.said[n].found = cases[i].stored;
		w->opened_us = loop_clock_us() + 1;
		w->resuming = w->opened_recovered = true;
		if (cases[i].hears)
			party_hears(p, 0, n);
		judge_turn(&p->v);
		if (cases[i].broken)
			party_check_broken(p, PROMISE_RECOVERED);
		else
			party_check_kept(p);
		CHECK_INT(p->v.counts.compared[PROMISE_RECOVERED][KIND_NOTICE], cases[i].hears);
		party_free(p);
	}
}

TEST(typing_that_is_missing_is_broken_but_not_around_a_command)
{
	for (unsigned row = 0; row < 2; row++) {
		struct party *p = party_new();
		struct witness *w = &p->v.witnesses[0];
		uint32_t n = party_typing(p, 0, 1);
		w->in[0] = true;
		w->here[0] = 0;
		judge_decide(&p->v, n, FATE_KEPT);
		judge_decide(&p->v, n + 1, FATE_LOST);
		if (row)
			p->v.disturbed_ms = now_ms(&p->v) - LONG_MS;
		party_ages(p);
		judge_turn(&p->v);
		if (row)
			party_check_kept(p);
		else
			party_check_broken(p, PROMISE_DELIVERED);
		CHECK(row == 0 || judge_all_settled(&p->v));
		party_free(p);
	}
}

TEST(what_was_rolled_back_is_settled_when_the_rows_were_asked)
{
	struct party *p = party_new();
	party_notice(p, 0, FATE_UNDONE);
	judge_turn(&p->v);
	CHECK(!judge_all_settled(&p->v));
	p->v.rows_sent_ms = now_ms(&p->v) + 1;
	judge_turn(&p->v);
	CHECK(judge_all_settled(&p->v));
	CHECK_INT(p->v.counts.compared[PROMISE_COMMITTED][KIND_NOTICE], 1);
	party_free(p);
}

/* ---- presence ---- */

TEST(the_wanderer_is_shown_where_it_is)
{
	for (unsigned row = 0; row < 4; row++) {
		struct party *p = party_new();
		struct verify *v = &p->v;
		party_ages(p);
		v->wanderer = 0;
		v->wanderer_ms = now_ms(v) - 10000;
		v->witnesses[WANDERER].present = v->witnesses[WANDERER].engaged = false;
		for (unsigned i = 0; i < PEOPLE; i++)
			v->witnesses[i].wanderer = row == 1;
		if (row == 2)
			judge_told_presence(&v->witnesses[0], WANDERER, true);
		if (row == 3) {
			v->disturbed_ms = now_ms(v);
			v->witnesses[0].wanderer = 1;
		}
		judge_turn(v);
		if (row == 1 || row == 2)
			party_check_broken(p, PROMISE_PRESENCE);
		else
			party_check_kept(p);
		party_free(p);
	}
}

TEST(others_may_hear_of_the_wanderer_before_it_has_its_own_answer)
{
	struct party *p = party_new();
	struct verify *v = &p->v;
	party_ages(p);
	v->wanderer = 0;
	v->wanderer_ms = now_ms(v) - 10000;
	v->witnesses[WANDERER].present = false; /* and engaged: it is on its way */
	judge_told_presence(&v->witnesses[1], WANDERER, true);
	v->witnesses[1].wanderer = 1;
	judge_turn(v);
	party_check_kept(p);
	v->witnesses[WANDERER].engaged = false;
	judge_turn(v);
	party_check_broken(p, PROMISE_PRESENCE);
	party_free(p);
}

TEST(offline_is_false_of_a_client_that_has_been_there)
{
	struct party *p = party_new();
	judge_told_presence(&p->v.witnesses[0], 1, false); /* it has just come */
	party_check_kept(p);
	party_ages(p);
	p->v.witnesses[1].hangs = true;
	judge_told_presence(&p->v.witnesses[0], 1, false);
	party_check_kept(p);
	p->v.witnesses[1].hangs = false;
	judge_told_presence(&p->v.witnesses[0], 1, false);
	party_check_broken(p, PROMISE_PRESENCE);
	party_free(p);
}
