/* The commands of --kill: how they are run, and what is known of their ends. */
#define UNIT_TOGETHER 1
#include "party.h"

#include <signal.h>

/* A run in which nothing else is due. */
static struct party *begin(const char *command)
{
	struct party *p = party_new();
	p->options.kill = command;
	p->v.cut_at = p->v.hang_at = UINT64_MAX;
	trouble_turn(&p->v);
	CHECK_INT(p->v.counts.commands, 1);
	trouble_ends(&p->v);
	return p;
}

static void wait_for_the_end(struct party *p)
{
	while (!trouble_is_over(&p->v))
		usleep(1000);
}

TEST(the_last_command_counts_though_it_ends_behind_the_writing)
{
	struct party *p = begin("sleep 0.1; exit 3");
	CHECK(!trouble_is_over(&p->v));
	wait_for_the_end(p);
	CHECK_INT(p->v.counts.commands_failed, 1);
	CHECK_STR(trouble_wrong(&p->v), "the command of --kill has never done what it should");
	party_free(p);
}

TEST(one_command_that_did_what_it_should_is_enough)
{
	struct party *p = begin("exit 0");
	wait_for_the_end(p);
	p->options.kill = "exit 1";
	p->v.command_at = 0;
	trouble_turn(&p->v);
	wait_for_the_end(p);
	CHECK_INT(p->v.counts.commands, 2);
	CHECK_INT(p->v.counts.commands_failed, 1);
	CHECK(!trouble_wrong(&p->v));
	party_free(p);
}

TEST(a_run_without_commands_has_nothing_to_wait_for)
{
	struct party *p = party_new();
	CHECK(trouble_is_over(&p->v));
	CHECK(!trouble_wrong(&p->v));
	party_free(p);
}

TEST(a_command_starts_with_the_signals_that_a_shell_gives_it)
{
	signal(SIGPIPE, SIG_IGN); /* as verify_run does */
	struct party *p = begin("kill -PIPE $$; exit 0");
	wait_for_the_end(p);
	CHECK_INT(p->v.counts.commands_failed, 1);
	party_free(p);
}

TEST(the_end_of_a_command_is_known_where_the_parent_ignores_those_of_children)
{
	signal(SIGCHLD, SIG_IGN);
	struct party *p = begin("exit 3");
	wait_for_the_end(p);
	CHECK_INT(p->v.counts.commands_failed, 1);
	party_free(p);
}

TEST(a_command_that_is_not_there_ends_the_run)
{
	struct party *p = begin("/nowhere/at/all");
	wait_for_the_end(p);
	CHECK_STR(p->v.trouble, "the command of --kill is not there");
	party_free(p);
}
