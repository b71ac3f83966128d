/*
 * Which statement asks for the rows behind the cursor, and whether its answer is one (docs/decisions/0033-poll.md).
 * rt.fetch answers always, and is the only one that tells gaps and knows other epochs. The others cost Postgres half of
 * it or less and are for the ordinary case: a cursor of this session's epoch with little behind it. Knows numbers and
 * answers; the pump sends the statements. Private to db/.
 *
 *   LOOK   the snapshot alone: is it still the cursor's?
 *   IDS    rt.poll_ids: control rows, and of events the ids, while nobody is here (docs/decisions/0048-ids.md)
 *   FEW    rt.poll_few: the outbox without its twin, while nobody writes that (docs/decisions/0040-few.md)
 *   KEPT   rt.poll: the same, for more rows than a few
 *   BOTH   rt.poll_both
 *   FETCH  rt.fetch
 */
#ifndef DB_POLL_H
#define DB_POLL_H

#include "db/fetch.h"

enum poll_kind { POLL_LOOK, POLL_IDS, POLL_FEW, POLL_KEPT, POLL_BOTH, POLL_FETCH, POLL_KINDS };

struct poll_statement {
	const char *name, *function, *prepare;
	int parameters;
};
extern const struct poll_statement poll_statements[POLL_KINDS];

/* Embedded in the pump; of its present session. */
struct poll {
	bool knows[POLL_KINDS]; /* prepared, and not refused since */
	bool lost[POLL_KINDS];  /* refused: what was prepared is of no use any more */
	bool nobody;            /* waits for events at this moment; the pump says so */
	bool fetched;           /* the cursor is of this session's epoch: rt.fetch has answered */
	/* As rt_private.ephemeral_note has it: how often the twin has been written or `dropped` set, read after the
	 * snapshot of an answer, and the next transaction id at a later answer with the same count. No transaction from
	 * there on has done either while the count stands. The xmax of a snapshot may be lower: transactions above it
	 * may have their id, and be counted, already. */
	bool counted;
	uint64_t written, since; /* since 0: not known yet */
};

/* news: something has been written, as far as one knows. */
enum poll_kind poll_choose(const struct poll *p, const struct fetch *f, bool news);

/*
 * Which statement must be asked instead; `kind`, where its answer will do. An answer that will not do is thrown away,
 * and the cursor stands. POLL_KINDS: it is no answer at all.
 */
enum poll_kind poll_judge(struct poll *p, const struct fetch *f, enum poll_kind kind, const PGresult *res);

/*
 * An error for which this statement is not to be asked again in this session: the database does not know it, as before
 * its `bellwire migrate`, or a deploy has changed its columns.
 */
bool poll_is_refused(const char *sqlstate);

#endif
