/*
 * What happens to installations: connections break, clients hang, sessions of Postgres end, and whatever the
 * operator's command does.
 */
#include "verify/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CUT_MS 1200
#define HANG_MS 1000
#define WANDER_MS 2500
#define END_SESSION_MS 4000
#define COMMAND_FIRST_MS 4000
#define COMMAND_MS 20000

/* One of each edge and one of our writers; never the one that asks. An edge's have the edge's name and what they are for
 * (db/common.c), and its login's rights. */
const char *trouble_sessions_sql(void)
{
	return "select pg_catalog.pg_terminate_backend(s.pid) from ("
	       "select distinct on (pg_catalog.regexp_replace(a.application_name, ' [a-z]+$', '')) a.pid "
	       "from pg_catalog.pg_stat_activity a "
	       "where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid() "
	       "and (a.application_name = 'bellwire verify writer' "
	       "or a.application_name ~ ' (pump|call|dispatch|reserved)$' "
	       "and pg_catalog.pg_has_role(a.usesysid, 'bellwire_edge', 'usage')) "
	       "order by pg_catalog.regexp_replace(a.application_name, ' [a-z]+$', ''), pg_catalog.random()) s";
}

static void trouble_cut(struct verify *v)
{
	unsigned from = chance(v->nwitnesses);
	v->cut_at = now_ms(v) + CUT_MS / 2 + chance(CUT_MS);
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		struct witness *w = &v->witnesses[(from + i) % v->nwitnesses];
		if (!w->recovers || !w->present)
			continue;
		v->counts.cuts++;
		caller_cut(w->caller, CUT_BY_US);
		return;
	}
}

/* Some hang, and go on at the next time. */
static void trouble_hang(struct verify *v)
{
	v->hang_at = now_ms(v) + HANG_MS / 4 + chance(HANG_MS);
	for (unsigned i = 0; i < v->nwitnesses; i++) {
		struct witness *w = &v->witnesses[i];
		bool hang = !w->hangs && w->present && !w->recovers && w->person != WANDERER && chance(3) == 0;
		if (w->hangs || hang)
			witness_hang(w, hang);
		v->counts.hangs += hang;
	}
}

/* It goes on when it has been shown where it is, or that has been judged. */
static void trouble_wander(struct verify *v)
{
	struct witness *w = &v->witnesses[v->nwitnesses - 1];
	if (v->wander_at == 0 || now_ms(v) < v->wander_at)
		return;
	v->wander_at = now_ms(v) + v->o->within_ms + WANDER_MS + chance(WANDER_MS);
	if (w->present)
		witness_leave(w);
	else if (!w->engaged && !timer_is_set(&w->again))
		witness_open(w);
}

/* In the child: as a shell would start it. */
static void command_run(const char *command)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void trouble_command(struct verify *v)
{
	v->command_at = now_ms(v) + COMMAND_MS;
	v->disturbed_ms = now_ms(v);
	v->counts.commands++;
	signal(SIGCHLD, SIG_DFL); /* some parents have it ignored, and the command's end would be lost */
	v->command = fork();
	if (v->command == 0)
		command_run(v->o->kill);
	if (v->command > 0)
		return;
	fprintf(stderr, "bellwire: verify: the command of --kill could not be run: %s\n", strerror(errno));
	v->counts.commands_failed++;
	v->command = 0;
}

static void trouble_reap(struct verify *v)
{
	int status;
	if (!v->command || waitpid(v->command, &status, WNOHANG) != v->command)
		return;
	v->command = 0;
	bool ran = WIFEXITED(status);
	if (ran && WEXITSTATUS(status) == 0)
		return;
	v->counts.commands_failed++;
	fprintf(stderr, "bellwire: verify: the command of --kill ended with %s %d\n", ran ? "status" : "signal",
	        ran ? WEXITSTATUS(status) : WTERMSIG(status));
	if (ran && WEXITSTATUS(status) == 127)
		verify_stop(v, "the command of --kill is not there");
}

void trouble_ends(struct verify *v)
{
	for (unsigned i = 0; i < v->nwitnesses; i++)
		if (v->witnesses[i].hangs)
			witness_hang(&v->witnesses[i], false);
}

bool trouble_is_over(struct verify *v)
{
	trouble_reap(v);
	return !v->command;
}

const char *trouble_wrong(const struct verify *v)
{
	uint64_t over = v->counts.commands - (v->command != 0);
	bool none = v->counts.commands && v->counts.commands_failed == over;
	return none ? "the command of --kill has never done what it should" : NULL;
}

void trouble_turn(struct verify *v)
{
	uint64_t now = now_ms(v);
	trouble_reap(v);
	if (!v->cut_at) {
		v->cut_at = now + CUT_MS;
		v->hang_at = now + HANG_MS;
		v->wander_at = now + WANDER_MS;
		v->command_at = now + COMMAND_FIRST_MS;
	}
	if (now >= v->cut_at)
		trouble_cut(v);
	if (now >= v->hang_at)
		trouble_hang(v);
	trouble_wander(v);
	if (v->o->end_sessions && !v->end_session_at)
		v->end_session_at = now + END_SESSION_MS / 2 + chance(END_SESSION_MS);
	if (v->o->kill && !v->command && now >= v->command_at)
		trouble_command(v);
}
