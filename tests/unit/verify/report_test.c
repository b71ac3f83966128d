#include "party.h"

static struct buf text_of(struct party *p)
{
	struct buf b = {0};
	report_sort(&p->v);
	report_text(&p->v, &b);
	buf_char(&b, '\0');
	return b;
}

static struct buf json_of(struct party *p)
{
	struct buf b = {0};
	report_sort(&p->v);
	report_json(&p->v, &b);
	buf_char(&b, '\0');
	return b;
}

#define HAS(b, text) CHECK(strstr((b).p, text))

TEST(a_good_report_says_what_was_compared)
{
	struct party *p = party_new();
	p->v.counts.by_sql = 12;
	p->v.counts.done[KIND_LIKED] = 3;
	p->v.counts.compared[PROMISE_DELIVERED][KIND_MESSAGE] = 44;
	p->v.counts.compared[PROMISE_DELIVERED][KIND_LIKED] = 9;
	p->v.counts.compared[PROMISE_REACHED][KIND_MAX] = 5;
	numbers_add(&p->v.latencies, 90);
	numbers_add(&p->v.latencies, 10);
	numbers_add(&p->v.latencies, 50);
	struct buf b = text_of(p);
	HAS(b, "      12  messages written by SQL\n");
	HAS(b, "       3  likes\n");
	HAS(b, "     5.0  ms from write to client, the middle; 5.0 ms for 99 of 100, 9.0 ms at most\n");
	HAS(b, "\n delivered  message 44, liked 9\n");
	HAS(b, "\n   reached  connection 5\n");
	HAS(b, "\n recovered  nothing\n");
	HAS(b, "\nevery promise was kept\n");
	CHECK(!strstr(b.p, "bursts"));
	buf_fini(&b);
	b = json_of(p);
	HAS(b, "{\"kept\":true,\"by_sql\":12,");
	HAS(b, "\"delivered\":{\"message\":44,\"liked\":9}");
	HAS(b, "\"reached\":{\"connection\":5}");
	HAS(b, "\"latency_ms\":{\"p50\":5.0,\"p99\":5.0,\"max\":9.0}}\n");
	buf_fini(&b);
	party_free(p);
}

TEST(a_bad_report_names_the_promise_and_has_both_lists)
{
	struct party *p = party_new();
	uint32_t one = party_notice(p, 0, FATE_KEPT), two = party_notice(p, 0, FATE_KEPT);
	party_hears(p, 0, one);
	judge_fail(&p->v, PROMISE_DELIVERED, &p->v.witnesses[0], two, "notification %u is missing", two);
	judge_fail(&p->v, PROMISE_ONCE, NULL, NO_SAYING, "the first one counts");
	struct buf b = text_of(p);
	HAS(b,
	    "\nBROKEN: what is stored is delivered\nnotification 1 is missing; person 0 by websocket at http://127.0.0.1:1\n");
	HAS(b,
	    "\nexpected:\n  notification 0 of person 0, by SQL, committed\n  notification 1 of person 0, by SQL, committed\n");
	HAS(b, "\nheard:\n  notification 0 of person 0, by SQL, committed\n");
	buf_fini(&b);
	b = json_of(p);
	HAS(b, "{\"kept\":false,");
	HAS(b,
	    "\"broken\":\"delivered\",\"promise\":\"what is stored is delivered\",\"what\":\"notification 1 is missing;");
	HAS(b, "\"expected\":[\"notification 0 of person 0, by SQL, committed\",\"notification 1");
	HAS(b, "\"heard\":[\"notification 0 of person 0, by SQL, committed\"]}\n");
	buf_fini(&b);
	party_free(p);
}

/* Of others there may be many since. */
TEST(the_list_of_what_was_heard_has_the_last_of_its_kind)
{
	struct party *p = party_new();
	uint32_t one = party_notice(p, 0, FATE_KEPT), two = party_notice(p, 0, FATE_KEPT);
	party_hears(p, 0, one);
	for (unsigned i = 0; i < 200; i++)
		party_hears(p, 0, party_like(p, 1, FATE_KEPT));
	judge_fail(&p->v, PROMISE_DELIVERED, &p->v.witnesses[0], two, "missing");
	struct buf b = text_of(p);
	HAS(b, "\nheard:\n  notification 0 of person 0, by SQL, committed\n");
	buf_fini(&b);
	party_free(p);
}

TEST(a_report_of_nothing_heard_says_so)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_KEPT);
	judge_fail(&p->v, PROMISE_DELIVERED, &p->v.witnesses[0], n, "missing");
	struct buf b = text_of(p);
	HAS(b, "\nheard:\n  nothing\n");
	buf_fini(&b);
	party_free(p);
}

TEST(what_could_not_be_shown_is_not_kept)
{
	struct party *p = party_new();
	verify_stop(&p->v, "no database");
	struct buf b = text_of(p);
	HAS(b, "\nit could not be shown that every promise was kept\n");
	buf_fini(&b);
	b = json_of(p);
	HAS(b, "{\"kept\":false,");
	HAS(b, ",\"trouble\":\"no database\"}\n");
	buf_fini(&b);
	party_free(p);
}
