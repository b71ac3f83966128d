/* What the rows say: answers as libpq gives them. */
#include "party.h"
#include "db/fake_result.h"
#include <openssl/evp.h>
#include "base/number.h"

static void md5_of_content(const struct verify *v, uint32_t n, char out[33])
{
	struct buf content = {0}, hex = {0};
	unsigned char digest[16];
	saying_content(v, n, &content);
	EVP_Digest(content.p, content.n, digest, NULL, EVP_md5(), NULL);
	hex_encode(&hex, slice_of(digest, sizeof digest));
	memcpy(out, hex.p, 32);
	out[32] = '\0';
	buf_fini(&content);
	buf_fini(&hex);
}

static void row_of(struct party *p, PGresult *res, uint32_t n, const char *confirmed, const char *told,
                   const char *read)
{
	struct verify *v = &p->v;
	char key[48], md5[33], seq[16];
	bool message = v->said[n].kind == KIND_MESSAGE;
	md5_of_content(v, n, md5);
	saying_uuid(v, n, key);
	snprintf(seq, sizeof seq, "%u", n + 1);
	if (message)
		snprintf(key, sizeof key, "%s-%u", v->tag, n);
	const char *values[] = {message                          ? "m"
	                        : v->said[n].kind == KIND_NOTICE ? "n"
	                                                         : "l",
	                        key,
	                        v->said[n].id,
	                        message ? seq
	                        : read  ? "1"
	                                : "0",
	                        md5,
	                        confirmed,
	                        told,
	                        message ? read : NULL};
	result_row(res, values);
}

/* The question was asked now, about all there is. */
static void look(struct party *p, PGresult *res)
{
	p->v.rows_round++;
	p->v.rows_to = p->v.nsaid;
	p->v.rows_sent_ms = now_ms(&p->v) + 1;
	rows_take(&p->v, res);
	PQclear(res);
}

#define ONE "{aaaaaaaa-0000-4000-8000-000000000001}"

TEST(what_is_in_the_rows_is_stored)
{
	struct party *p = party_new();
	uint32_t m = party_message(p, 0, 0, FATE_KEPT), n = party_notice(p, 0, FATE_KEPT),
		 l = party_like(p, 1, FATE_KEPT);
	uint32_t read = receipt_saying(&p->v, KIND_READ, m, 1, false), seen = sequel_saying(&p->v, KIND_SEEN, n, false);
	judge_decide(&p->v, read, FATE_KEPT);
	judge_decide(&p->v, seen, FATE_UNSURE);
	p->v.said[m].taken = 1 << 1;
	PGresult *res = result_begin(8);
	row_of(p, res, m, ONE, ONE, ONE);
	row_of(p, res, n, NULL, NULL, "");
	row_of(p, res, l, NULL, NULL, NULL);
	look(p, res);
	party_check_kept(p);
	for (uint32_t i = 0; i <= seen; i++)
		CHECK(p->v.said[i].found && p->v.said[i].fate == FATE_KEPT);
	CHECK_INT(p->v.said[m].confirmed, 1 << 1);
	/* that it is told is learnt from the row */
	uint32_t told = p->v.said[m].told[1];
	CHECK(told != NO_SAYING && p->v.said[told].people == 1);
	party_free(p);
}

TEST(what_was_acked_and_is_not_there_is_not_stored)
{
	for (unsigned k = 0; k < 5; k++) {
		struct party *p = party_new();
		uint32_t m = party_message(p, 0, 0, FATE_KEPT), n = party_notice(p, 0, FATE_KEPT);
		uint32_t of = k == 0   ? receipt_saying(&p->v, KIND_READ, m, 1, false)
		              : k == 1 ? sequel_saying(&p->v, KIND_SEEN, n, false)
		              : k == 2 ? party_like(p, 1, FATE_OPEN)
		              : k == 3 ? party_message(p, 0, 0, FATE_OPEN)
		                       : party_notice(p, 0, FATE_OPEN);
		judge_decide(&p->v, of, FATE_KEPT);
		PGresult *res = result_begin(8);
		row_of(p, res, m, NULL, NULL, NULL);
		row_of(p, res, n, NULL, NULL, NULL);
		look(p, res);
		party_check_broken(p, PROMISE_STORED);
		party_free(p);
	}
}

TEST(a_like_that_was_taken_back_is_gone)
{
	for (unsigned there = 0; there < 2; there++) {
		struct party *p = party_new();
		uint32_t l = party_like(p, 1, FATE_KEPT), end = sequel_saying(&p->v, KIND_UNLIKED, l, false);
		judge_decide(&p->v, end, FATE_KEPT);
		PGresult *res = result_begin(8);
		if (there)
			row_of(p, res, l, NULL, NULL, NULL);
		look(p, res);
		if (there)
			party_check_broken(p, PROMISE_STORED);
		else
			CHECK(p->v.said[l].found && p->v.said[end].found);
		party_free(p);
	}
}

TEST(what_was_told_and_the_rows_do_not_say_was_never_done)
{
	static const enum promise promises[] = {PROMISE_UNTAKEN, PROMISE_COMMITTED};
	for (unsigned i = 0; i < 2; i++) {
		struct party *p = party_new();
		uint32_t m = party_message(p, 0, 0, FATE_KEPT);
		receipt_saying(&p->v, i ? KIND_READ : KIND_DELIVERED, m, 1, true);
		PGresult *res = result_begin(8);
		row_of(p, res, m, NULL, NULL, NULL);
		look(p, res);
		party_check_broken(p, promises[i]);
		party_free(p);
	}
}

TEST(what_was_rolled_back_is_not_stored)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_UNDONE);
	PGresult *res = result_begin(8);
	row_of(p, res, n, NULL, NULL, NULL);
	look(p, res);
	party_check_broken(p, PROMISE_COMMITTED);
	party_free(p);
}

TEST(another_text_is_not_what_was_written)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_KEPT);
	char key[37];
	saying_uuid(&p->v, n, key);
	const char *values[] = {"n", key, "", "0", "00000000000000000000000000000000", NULL, NULL, NULL};
	PGresult *res = result_begin(8);
	result_row(res, values);
	look(p, res);
	party_check_broken(p, PROMISE_STORED);
	party_free(p);
}

/* Its session was ended while it committed: five seconds later the rows tell. */
TEST(what_is_unsure_is_undone_when_it_has_no_row_for_long)
{
	struct party *p = party_new();
	uint32_t n = party_notice(p, 0, FATE_UNSURE);
	look(p, result_begin(8));
	CHECK_INT(p->v.said[n].fate, FATE_UNSURE);
	party_ages(p);
	look(p, result_begin(8));
	CHECK_INT(p->v.said[n].fate, FATE_UNDONE);
	party_check_kept(p);
	party_free(p);
}
