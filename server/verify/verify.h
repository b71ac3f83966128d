/*
 * `bellwire verify`: people of our own write and listen at an installation, and what they heard is compared with what
 * was written (docs/verify.md). This floor is a client and a service of what it checks; it looks into no edge.
 *
 *   run.c      the run: begin, turn, end
 *   stage.c    people and chats, through the control link
 *   ledger.c   what was done, each thing with a number, and which one an event tells of
 *   deed.c     what services do, as statements
 *   writer.c   ... in several sessions: late commits, rollbacks, bursts
 *   speaker.c  what clients do, until it is acked
 *   witness.c  clients and what they hear
 *   expect.c   who has to hear something, and who may
 *   judge.c    the sets, as they are heard and in each turn
 *   rows.c     what the rows say
 *   failure.c  the first promise that is broken, and what shows it
 *   trouble.c  cuts, sessions of Postgres that are ended, commands
 *   report.c   what was found, for people and as JSON
 *   canary.c   one message through every edge, again and again, and its metrics
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "auth/auth.h"
#include "base/base.h"

#define VERIFY_EDGES_MOST 8

struct verify_options {
	const char *database_url;
	const char *edges[VERIFY_EDGES_MOST]; /* URLs */
	unsigned nedges;
	struct auth_config auth; /* tokens are signed with it */
	uint64_t run_ms;         /* how long is written */
	uint64_t within_ms;      /* how long something that must happen may take */
	unsigned rate;           /* messages a second */
	bool json, end_sessions;
	const char *kill; /* a command of the shell, run now and then; NULL: none */
};

/* True: no promise was broken. The report is on standard output, what kept it from working on standard error. */
bool verify_run(const struct verify_options *o) MUST_CHECK;

struct canary_options {
	uint64_t every_ms;
	const char *metrics; /* the address to listen on */
};

/* Until SIGTERM. False: it could not begin, and standard error says why. */
bool canary_run(const struct verify_options *o, const struct canary_options *c) MUST_CHECK;

#endif
