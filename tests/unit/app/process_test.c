#include "app/process.h"
#include "test.h"
#include <sys/stat.h>

/* A tree of control groups, as /sys/fs/cgroup is one. */
struct groups {
	char dir[32], own[64]; /* own stands for /proc/self/cgroup */
};

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0);
	fclose(f);
}

static void groups_make(struct groups *g, const char *own)
{
	snprintf(g->dir, sizeof g->dir, "/tmp/process_test.XXXXXX");
	CHECK(mkdtemp(g->dir));
	snprintf(g->own, sizeof g->own, "%s/own", g->dir);
	file_write(g->own, own);
}

static void group_limit(const struct groups *g, const char *group, const char *limit)
{
	char path[256];
	snprintf(path, sizeof path, "%s%s", g->dir, group);
	CHECK(mkdir(path, 0700) == 0 || *group == '\0');
	snprintf(path, sizeof path, "%s%s/memory.max", g->dir, group);
	file_write(path, limit);
}

static double limit(const struct groups *g)
{
	return process_memory_limit(g->own, g->dir);
}

static void groups_remove(const struct groups *g)
{
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", g->dir);
	CHECK(system(command) == 0);
}

static double machine(void)
{
	return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

TEST(the_least_limit_of_a_group_and_those_above_counts)
{
	struct groups g;
	groups_make(&g, "12:memory:/other\n0::/slice/edge.service\n");
	group_limit(&g, "/slice", "max\n");
	group_limit(&g, "/slice/edge.service", "max\n");
	CHECK(limit(&g) == machine());
	group_limit(&g, "/slice/other", "4096\n"); /* of somebody else */
	CHECK(limit(&g) == machine());
	char path[64];
	snprintf(path, sizeof path, "%s/slice/edge.service/memory.max", g.dir);
	file_write(path, "33554432\n");
	CHECK(limit(&g) == 33554432);
	snprintf(path, sizeof path, "%s/slice/memory.max", g.dir);
	file_write(path, "16777216\n");
	CHECK(limit(&g) == 16777216);
	file_write(path, "18446744073709547520\n"); /* more than any machine has */
	CHECK(limit(&g) == 33554432);
	groups_remove(&g);
}

TEST(a_container_is_the_root_of_its_groups)
{
	struct groups g;
	groups_make(&g, "0::/\n");
	group_limit(&g, "", "67108864\n");
	CHECK(limit(&g) == 67108864);
	groups_remove(&g);
}

TEST(without_groups_it_is_the_memory_of_the_machine)
{
	struct groups g;
	groups_make(&g, "12:memory:/edge\n1:name=systemd:/edge\n");
	CHECK(limit(&g) == machine() && machine() > 0);
	CHECK(process_memory_limit("/nowhere/cgroup", g.dir) == machine());
	groups_remove(&g);
	CHECK(process_memory_limit(PROCESS_GROUP, PROCESS_GROUPS) > 0 &&
	      process_memory_limit(PROCESS_GROUP, PROCESS_GROUPS) <= machine());
}

TEST(what_is_in_use_is_more_than_nothing)
{
	double cpu = process_cpu_s();
	CHECK(process_resident_bytes() > 100000);
	CHECK(process_descriptors() >= 1 && process_descriptors() < process_descriptors_limit());
	while (process_cpu_s() < cpu + 0.01)
		;
}
