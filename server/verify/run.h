/*
 * The struct of a run, and what the files of verify/ call of one another. Private to verify/.
 */
#ifndef VERIFY_RUN_H
#define VERIFY_RUN_H

#include "base/buf.h"
#include "base/text.h"
#include "client/caller.h"
#include "db/link.h"
#include "verify/verify.h"
#include <ev.h>

#define PEOPLE 6 /* the last one comes and goes */
#define CHATS 4
#define WANDERER (PEOPLE - 1)
#define WRITERS 4
#define WITNESSES_MOST (VERIFY_EDGES_MOST * (CLIENT_TRANSPORT_MAX + 1) + 1)
_Static_assert(WITNESSES_MOST <= 64, "a set of witnesses is a word");

/* X(NAME, label, "what was promised") */
#define PROMISES(X)                                                                                     \
	X(REACHED, reached, "every edge serves every transport")                                        \
	X(TAKEN, taken, "what is right is taken")                                                       \
	X(STORED, stored, "what was acked is stored, once")                                             \
	X(DELIVERED, delivered, "what is stored is delivered")                                          \
	X(ONCE, once, "it is delivered once")                                                           \
	X(ORDER, order, "messages of a chat come in their order")                                       \
	X(WHOLE, whole, "it arrives as it was written")                                                 \
	X(OWN, own, "nobody hears what is not for them")                                                \
	X(COMMITTED, committed, "what was rolled back is not delivered")                                \
	X(UNTAKEN, untaken, "what was not taken is not confirmed: claimed delivered though it was not") \
	X(CONFIRMED, confirmed, "what was taken is confirmed")                                          \
	X(PRESENCE, presence, "presence is true")

enum promise {
#define X(NAME, label, text) PROMISE_##NAME,
	PROMISES(X)
#undef X
		PROMISE_MAX
};

/* A message. OPEN: not decided; UNSURE: its transaction may have committed, and only the rows can tell. */
enum fate { FATE_OPEN, FATE_UNSURE, FATE_KEPT, FATE_UNDONE };

struct saying {
	uint8_t chat, sender;
	bool by_client, retried, found, settled;
	enum fate fate : 8;
	uint64_t asked_us;             /* when it was sent last: the emit, or the statement that commits */
	uint64_t decided_ms, heard_ms; /* heard: by the last of those that did */
	uint64_t seq;                  /* 0: not known yet */
	uint64_t ack;                  /* of a client's: its id, while `waits` */
	uint8_t asker;                 /* the witness that asked for it */
	bool waits;
	char id[37];            /* of the row, as the ack says; empty: not known */
	uint64_t heard, steady; /* witnesses; steady: ... and their connection has not ended since */
	uint64_t taken;         /* ... and had answered, or was free to */
	uint32_t confirmed;     /* people */
};

struct numbers { /* a growing list */
	uint32_t *at;
	size_t n, cap;
};

struct verify;

/* A client. `from`: sayings with a lower number need not reach it, and UINT32_MAX stands for all. */
struct witness {
	struct verify *v;
	struct caller *caller;
	struct timer again; /* opens it */
	unsigned i, person, edge, at_edge;
	enum client_transport transport;
	bool hangs;       /* as a program that does not go on: what it hears it has not taken */
	uint64_t free_us; /* since when it does not hang */
	bool engaged;     /* its caller has a connection, or makes one */
	bool recovers, present, ever, upgraded, leaving, opened_recovered;
	uint32_t from;
	uint64_t present_ms, wanted_ms; /* since when it is there; since when it is not and should be */
	unsigned attempts;
	uint64_t last_seq[CHATS];
	struct numbers log;    /* what it heard, in order */
	size_t offset_at;      /* length of the log at the last offset */
	size_t twice, twice_n; /* this part of the log may come a second time: it was heard behind the last offset */
	int wanderer;          /* what it was told last: 1 online, 0 offline, -1 nothing */
	char *why;             /* of the last end */
};

enum writer_stage { WRITER_REST, WRITER_ALONE, WRITER_BEGIN, WRITER_INSERT, WRITER_HOLD, WRITER_END };

struct writer {
	struct verify *v;
	struct link *link;
	struct timer hold;
	enum writer_stage stage;
	uint32_t first, n; /* its sayings */
	unsigned chat, sender;
	bool undo;
};

struct person {
	char id[37];
	char *token;
};

struct failure {
	bool found;
	enum promise promise;
	char *what;
	struct buf expected, got; /* the two lists, a line each */
};

struct counts {
	uint64_t by_sql, by_client, undone, bursts, late, retried, heard, confirmed, presence, cuts, hangs, recovered,
		renewed, again, sessions_ended, commands;
};

struct verify {
	const struct verify_options *o;
	struct loop *loop;
	struct conn_budget budget;
	struct place *places[VERIFY_EDGES_MOST];
	char run[37], tag[9];
	struct person people[PEOPLE];
	char chats[CHATS][37];
	unsigned members[CHATS]; /* sets of people */
	size_t content_max, receipts_max;
	struct witness witnesses[WITNESSES_MOST];
	unsigned nwitnesses;
	struct writer writers[WRITERS];
	struct link *control;
	struct saying *said;
	uint32_t nsaid, said_cap, unsettled; /* those before `unsettled` are settled */
	struct numbers asked;                /* of clients, without an ack yet */
	struct numbers latencies;            /* in tenths of a millisecond */
	struct timer turn;
	ev_signal term, interrupt;
	uint64_t began_ms, end_ms, turn_us; /* end: of writing */
	double owed;                        /* messages */
	uint32_t look_to;                   /* the question was about those before it */
	uint64_t renew_at, look_at, look_sent_ms, end_session_at, command_at, cut_at, hang_at, wander_at, give_up_at;
	int wanderer;      /* 1 online, 0 offline, -1 neither for sure */
	bool wander_clean; /* it has said goodbye */
	uint64_t wanderer_ms;
	int command;           /* a process; 0: none */
	uint64_t disturbed_ms; /* when one was begun last; 0: never */
	bool staged, ending, leaving, closing, over;
	char *trouble; /* what kept it from working; NULL: nothing */
	struct failure failure;
	struct counts counts;
};

/* ---- numbers and chance ---- */
void numbers_add(struct numbers *n, uint32_t x);
uint32_t chance(uint32_t below);
uint64_t now_ms(const struct verify *v);
static inline unsigned person_in(const struct verify *v, unsigned chat, unsigned person)
{
	return v->members[chat] >> person & 1;
}

/* ---- judge.c ---- */
struct saying *saying_new(struct verify *v, unsigned chat, unsigned sender, bool by_client, uint32_t *n);
void saying_content(const struct verify *v, uint32_t n, struct buf *out);
void saying_decide(struct verify *v, uint32_t n, enum fate fate);
void judge_heard(struct witness *w, struct slice message); /* chat:message:new */
void judge_receipt(struct verify *v, uint32_t n, struct slice user);
void judge_turn(struct verify *v);
bool judge_all_settled(const struct verify *v);
void judge_fail(struct verify *v, enum promise p, const struct witness *w, uint32_t n, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
#define NO_SAYING UINT32_MAX
const char *promise_label(enum promise p);
const char *promise_text(enum promise p);

/* ---- witness.c ---- */
void witnesses_begin(struct verify *v);
void witness_open(struct witness *w);
void witness_leave(struct witness *w);
void witness_hang(struct witness *w, bool hang);
void witnesses_turn(struct verify *v);
void witnesses_leave(struct verify *v);
bool witnesses_gone(const struct verify *v);
void witnesses_end(struct verify *v);
void witness_name(const struct witness *w, struct buf *out);

/* ---- speaker.c ---- */
void speaker_speak(struct verify *v);
void speaker_ack(struct witness *w, uint64_t id, struct slice data);
void speaker_turn(struct verify *v);

/* ---- writer.c ---- */
void writers_begin(struct verify *v);
unsigned writers_write(struct verify *v); /* how many messages a free session has taken on; 0: none was free */
void writers_end(struct verify *v);

/* ---- stage.c ---- */
void stage_begin(struct verify *v);
void stage_turn(struct verify *v); /* one statement at most */
void stage_end(struct verify *v);
/* n ids of a uuid[] as text, 36 characters each, to out and each stride behind it. */
void stage_ids(const char *array, void *out, size_t stride, unsigned n);

/* ---- trouble.c ---- */
void trouble_turn(struct verify *v);
void trouble_ends(struct verify *v); /* whoever hangs goes on */
const char *trouble_sessions_sql(void);

/* ---- run.c ---- */
extern const struct conn_budget verify_budget;           /* our own connections have room for everything */
void run_name(char out[37]);                             /* a uuid */
void verify_rename(struct verify *v);                    /* gives the run a name, or another one */
void verify_ready(struct verify *v);                     /* people and chats are there */
void verify_stop(struct verify *v, const char *trouble); /* NULL: it has gone as far as it can */

/* ---- report.c ---- */
void report_print(const struct verify *v);

#endif
