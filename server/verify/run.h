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
#include <sys/types.h>

#define PEOPLE 6 /* the last one comes and goes */
#define CHATS 4
#define WANDERER (PEOPLE - 1)
#define WRITERS 4
#define WITNESSES_MOST (VERIFY_EDGES_MOST * (CLIENT_TRANSPORT_MAX + 1) + 1)
_Static_assert(WITNESSES_MOST <= 64, "a set of witnesses is a word");

/* X(NAME, label, "event", "what was done") What is told, by the event that tells it. */
#define KINDS(X)                                                                                       \
	X(MESSAGE, message, "chat:message:new", "messages")                                            \
	X(DELIVERED, delivered, "chat:message:delivered", "messages told as delivered, once a person") \
	X(READ, read, "chat:message:read", "messages read")                                            \
	X(NOTICE, notification, "notification:new", "notifications")                                   \
	X(SEEN, notification_read, "notification:read", "notifications read")                          \
	X(LIKED, liked, "post:liked", "likes")                                                         \
	X(UNLIKED, unliked, "post:unliked", "likes taken back")                                        \
	X(TYPING, typing, "chat:typing", "words of typing")

enum kind {
#define X(NAME, label, event, text) KIND_##NAME,
	KINDS(X)
#undef X
		KIND_MAX
};

/* X(NAME, label, "what was promised", "what is compared beside the kinds") */
#define PROMISES(X)                                                                                                \
	X(REACHED, reached, "every edge serves every transport", "connection")                                     \
	X(TAKEN, taken, "what is right is taken", "")                                                              \
	X(STORED, stored, "what was acked is stored, once", "")                                                    \
	X(DELIVERED, delivered, "what is stored is delivered", "")                                                 \
	X(ONCE, once, "it is delivered once", "")                                                                  \
	X(ORDER, order, "messages of a chat, and what else follows upon another, come in their order", "")         \
	X(WHOLE, whole, "it arrives as it was written", "")                                                        \
	X(OWN, own, "nobody hears what is not for them", "")                                                       \
	X(COMMITTED, committed, "what was rolled back, or was never done, is not told", "")                        \
	X(UNTAKEN, untaken, "what was not taken is not confirmed: claimed delivered though it was not", "receipt") \
	X(CONFIRMED, confirmed, "what was taken is confirmed", "receipt")                                          \
	X(RECOVERED, recovered, "what was missed comes when a connection is resumed, before all else", "")         \
	X(PRESENCE, presence, "presence is true", "change")

enum promise {
#define X(NAME, label, text, other) PROMISE_##NAME,
	PROMISES(X)
#undef X
		PROMISE_MAX
};

/* Something that was done. OPEN: not decided; UNSURE: its transaction may have committed, and the rows can tell; LOST:
 * nobody can tell. */
enum fate { FATE_OPEN, FATE_UNSURE, FATE_KEPT, FATE_UNDONE, FATE_LOST };

#define NO_SAYING UINT32_MAX

/*
 * One event that somebody has to be told: a message, a read, a like ... `about` and `next` tie those together that
 * follow upon one another:
 *
 *   message <-about- delivered, read     one of each kind for a person: `receipts` of the message
 *   notification <-about next-> its read
 *   like <-about next-> its end          the notification that a like makes has the number behind the like's
 *   typing <-about next-> typing no more
 */
struct saying {
	enum kind kind : 8;
	uint8_t chat, doer; /* who wrote, read, liked or typed; whose a notification is */
	uint8_t author;     /* of the post that is liked */
	uint8_t people;     /* those whose clients hear it */
	bool by_client, retried, found, settled;
	bool claimed; /* it was heard, and nobody here has done it: the rows have to tell */
	enum fate fate : 8;
	uint32_t about, next;          /* NO_SAYING: none */
	uint32_t deed;                 /* the first number of the same statement */
	uint32_t since;                /* a client that is there from this number on hears it */
	uint64_t born_us, asked_us;    /* asked: when it was sent last: the emit, or the statement that commits */
	uint64_t decided_us;           /* 0: not yet */
	uint64_t decided_ms, heard_ms; /* heard: by the last of those that did */
	uint64_t seq;                  /* of a message; 0: not known yet */
	uint64_t ack;                  /* of a client's: its id, while `waits` */
	uint64_t askers;               /* the witnesses that asked for it */
	unsigned asker_life;           /* of the last one */
	uint8_t asker;                 /* the last one */
	bool waits;
	char id[37];                         /* of a message's row; empty: not known */
	uint64_t heard, steady;              /* witnesses; steady: ... and their connection has not ended since */
	uint64_t taken;                      /* ... and had answered, or was free to */
	uint32_t confirmed;                  /* people */
	uint32_t round;                      /* the last question whose answer had its row */
	uint32_t rows_told, rows_read;       /* people, in that row */
	uint32_t told[PEOPLE], read[PEOPLE]; /* of a message: what is about it, a person each */
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
	unsigned i, person, edge, at_edge, last_edge;
	enum client_transport transport;
	bool hangs;       /* as a program that does not go on: what it hears it has not taken */
	uint64_t free_us; /* since when it does not hang */
	bool engaged;     /* its caller has a connection, or makes one */
	bool recovers, present, ever, upgraded, leaving, opened_recovered;
	bool resuming; /* between a recovery's CONNECT and its `connected` */
	uint32_t from;
	unsigned life;                  /* its connections so far */
	uint64_t opened_us;             /* when its connection was begun */
	uint64_t present_ms, wanted_ms; /* since when it is there; since when it is not and should be */
	unsigned attempts;
	uint32_t last[CHATS]; /* the message with the highest seq that it heard; NO_SAYING: none */
	uint32_t last_notice; /* the notification that was begun last, of those that it heard */
	bool in[CHATS];       /* it has asked for the chat's room */
	uint32_t here[CHATS]; /* it hears typing from this number on; UINT32_MAX: none */
	uint64_t here_ms;     /* when it entered one last */
	uint64_t join_ack[CHATS], join_ms;
	struct numbers log;    /* what it heard, in order */
	size_t offset_at;      /* length of the log at the last offset */
	size_t twice, twice_n; /* this part of the log may come a second time: it was heard behind the last offset */
	int wanderer;          /* what it was told last: 1 online, 0 offline, -1 nothing */
	char *why;             /* of the last end */
};

enum writer_stage {
	WRITER_REST,
	WRITER_PREPARE,
	WRITER_ALONE,
	WRITER_BEGIN,
	WRITER_WRITE,
	WRITER_HOLD,
	WRITER_END,
};

struct writer {
	struct verify *v;
	struct link *link;
	struct timer hold;
	enum writer_stage stage;
	uint32_t first, n; /* its sayings */
	bool undo, late;
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
	uint64_t by_sql, by_client, undone, bursts, late, retried, deliveries, confirmed, presence, cuts, hangs,
		recovered, elsewhere, ended, renewed, again, sessions_ended, commands, commands_failed;
	uint64_t done[KIND_MAX];
	uint64_t compared[PROMISE_MAX][KIND_MAX + 1]; /* the last one: beside the kinds */
};

struct verify {
	const struct verify_options *o;
	struct loop *loop;
	struct conn_budget budget;
	struct place *places[VERIFY_EDGES_MOST];
	char run[37], tag[9];
	struct person people[PEOPLE];
	char chats[CHATS][37];
	unsigned followers[PEOPLE];     /* sets of people */
	bool followed;                  /* ... and the rows say so */
	uint32_t typing[CHATS][PEOPLE]; /* the saying of the last time; NO_SAYING: never */
	unsigned members[CHATS];        /* sets of people */
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
	double owed, owed_deeds;            /* messages; what else is done */
	uint32_t rows_to, rows_round;       /* the question was about those before it; how many there were */
	uint64_t renew_at, rows_at, rows_sent_ms, end_session_at, command_at, cut_at, hang_at, wander_at, give_up_at;
	int wanderer;      /* 1 online, 0 offline, -1 neither for sure */
	bool wander_clean; /* it has said goodbye */
	uint64_t wanderer_ms;
	pid_t command;           /* 0: none */
	uint64_t disturbed_ms;   /* when one was begun last; 0: never */
	bool database_up;        /* for the control link */
	uint64_t database_up_ms; /* since when */
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

/* ---- ledger.c: what was done; it asks nobody ---- */
const char *kind_label(enum kind k);
const char *kind_text(enum kind k); /* what was done, many times */
bool kind_of_event(struct slice name, enum kind *k);
struct saying *saying_new(struct verify *v, enum kind kind, unsigned doer, uint32_t *n); /* others may move */
void saying_content(const struct verify *v, uint32_t n, struct buf *out);
#define PERSON_NAME 48
void person_name(const struct verify *v, unsigned person, char out[PERSON_NAME]);
void saying_uuid(const struct verify *v, uint32_t n, char out[37]);    /* of a notification, and of a like's post */
void saying_line(const struct verify *v, uint32_t n, struct buf *out); /* for people */
void saying_lost(struct verify *v, uint64_t witnesses);                /* their connections have ended */
uint32_t receipt_saying(struct verify *v, enum kind kind, uint32_t message, unsigned person, bool claimed);
uint32_t sequel_saying(struct verify *v, enum kind kind, uint32_t about, bool claimed);
bool number_of_uuid(const struct verify *v, struct slice quoted, uint32_t *n);
int person_of(const struct verify *v, struct slice quoted); /* -1: none of ours */
int chat_of(const struct verify *v, struct slice quoted);

/* What an event tells of. KNOWN: *n; FOREIGN: of what is none of ours; FALSE: of ours, of something that was not. */
enum finding { FINDING_KNOWN, FINDING_FOREIGN, FINDING_FALSE };
enum finding saying_find(struct verify *v, enum kind kind, struct slice data, uint32_t *n);
bool saying_is_whole(struct verify *v, uint32_t n, struct slice data); /* a message's seq is kept */

/* ---- judge.c ---- */
void judge_compared(struct verify *v, enum promise p, enum kind k); /* KIND_MAX: beside the kinds */
void judge_decide(struct verify *v, uint32_t n, enum fate fate);
void judge_heard(struct witness *w, enum kind kind, struct slice data);
void judge_receipt(struct verify *v, uint32_t n, unsigned person);
void judge_turn(struct verify *v);
bool judge_is_past(const struct verify *v, uint64_t since, uint64_t ms); /* so much time has gone by */
bool judge_all_settled(const struct verify *v);
void judge_told_presence(struct witness *w, unsigned person, bool online);

/* ---- failure.c ---- */
void judge_fail(struct verify *v, enum promise p, const struct witness *w, uint32_t n, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
const char *promise_label(enum promise p);
const char *promise_text(enum promise p);
const char *promise_other(enum promise p);

/* ---- expect.c: who has to hear what, and may; it asks nobody ---- */
uint64_t witnesses_of(const struct verify *v, unsigned people);
bool expect_has(const struct witness *w, uint32_t n);   /* it has to hear it, once it is there */
bool expect_may(const struct witness *w, uint32_t n);   /* it may hear it */
bool expect_again(const struct witness *w, uint32_t n); /* ... a second time */
bool expect_has_order(enum kind k);                     /* to itself or to what ends it */
uint32_t expect_before(struct witness *w,
                       uint32_t n); /* what it heard and should have come later; NO_SAYING: nothing. Once */

/* ---- rows.c: what the rows say ---- */
void rows_ask(struct verify *v);
void rows_take(struct verify *v, const PGresult *res); /* the answer: of the sayings before v->rows_to */

/* ---- deed.c: what services write, as statements ---- */
struct deed {
	const char *prepare, *write; /* prepare: the post that will be liked, by a statement of its own; NULL: none */
	const char *author;          /* its second value, in place of that of `write` */
	const char *values[4];
	int nvalues;
	struct buf text[4]; /* what values point to */
};
void deed_of(const struct verify *v, uint32_t first, uint32_t n, struct deed *d);
void deed_fini(struct deed *d);
/* New sayings that a service may write at this moment, messages or else; none: *n is 0. */
void deed_messages(struct verify *v, uint32_t *first, uint32_t *n);
void deed_else(struct verify *v, uint32_t *first, uint32_t *n);
uint32_t deed_readable(const struct verify *v, unsigned person, uint64_t witnesses); /* a message; NO_SAYING: none */
uint32_t deed_unseen(const struct verify *v, unsigned person);                       /* a notification */

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
bool speaker_do(struct verify *v); /* anything but a message; false: there was nothing to do */
bool speaker_ack(struct witness *w, uint64_t id, struct slice data); /* false: of nothing that it has asked */
void speaker_turn(struct verify *v);

/* ---- writer.c ---- */
void writers_begin(struct verify *v);
/* How many messages, or things else, a free session has taken on; 0: none was free, or there was nothing to do. */
unsigned writers_write(struct verify *v, bool messages);
void writers_end(struct verify *v);

/* ---- stage.c ---- */
void stage_begin(struct verify *v);
void stage_turn(struct verify *v); /* one statement at most */
void stage_end(struct verify *v);
/* An error that passes: a lock, a deadlock, a session that was ended, an outage, a server that is full. */
bool stage_passes(const PGresult *res);
void stage_problem(struct verify *v,
                   const PGresult *res); /* an error of the database: the run ends, unless it passes */
/* n ids of a uuid[] as text, 36 characters each, to out and each stride behind it. */
void stage_ids(const char *array, void *out, size_t stride, unsigned n);

/* ---- trouble.c ---- */
#define CUT_BY_US "it was cut"
void trouble_turn(struct verify *v);
void trouble_ends(struct verify *v);    /* whoever hangs goes on; no command is begun any more */
bool trouble_is_over(struct verify *v); /* ... and the last one has ended */
const char *trouble_wrong(
	const struct verify *v); /* with all of them; NULL: one has done what it should, or there was none */
const char *trouble_sessions_sql(void);

/* ---- run.c ---- */
extern const struct conn_budget verify_budget;           /* our own connections have room for everything */
void run_name(char out[37]);                             /* a uuid */
void verify_rename(struct verify *v);                    /* gives the run a name, or another one */
void verify_ready(struct verify *v);                     /* people and chats are there */
void verify_stop(struct verify *v, const char *trouble); /* NULL: it has gone as far as it can */

/* ---- report.c ---- */
void report_sort(struct verify *v); /* the latencies, before either of those below */
void report_text(const struct verify *v, struct buf *b);
void report_json(const struct verify *v, struct buf *b);

#endif
