/*
 * The files of /proc/self and of the control groups.
 */
#include "app/process.h"
#include "base/base.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The first line of a file that begins so, without its end. */
static bool line_read(const char *file, const char *beginning, char *line, int n)
{
	bool found = false;
	FILE *f = fopen(file, "re");
	while (f && !found && fgets(line, n, f))
		found = strncmp(line, beginning, strlen(beginning)) == 0;
	if (f)
		fclose(f);
	if (found)
		line[strcspn(line, "\n")] = '\0';
	return found;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

double process_cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return seconds_of(u.ru_utime) + seconds_of(u.ru_stime);
}

double process_resident_bytes(void)
{
	char line[128], *resident;
	if (!line_read("/proc/self/statm", "", line, sizeof line))
		return 0;
	strtoull(line, &resident, 10); /* the size of its address space */
	return (double)strtoull(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

double process_descriptors(void)
{
	double n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", "..", and the directory itself */
}

double process_descriptors_limit(void)
{
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	return (double)l.rlim_cur;
}

/* Appends the path of the process's group. Version 2 has a line of its own for it: 0::/system.slice/bellwire.service */
static bool group_append(const char *own, char *path, size_t n)
{
	char line[512];
	if (!line_read(own, "0::/", line, sizeof line))
		return false;
	size_t have = strlen(path);
	return (size_t)snprintf(path + have, n - have, "%s", line + strlen("0::")) < n - have;
}

/* A group without a limit says max; the root of all groups has no such file. */
static double group_limit(const char *path, double otherwise)
{
	char file[1024], line[64], *end;
	snprintf(file, sizeof file, "%s/memory.max", path);
	if (!line_read(file, "", line, sizeof line))
		return otherwise;
	double limit = (double)strtoull(line, &end, 10);
	return end != line && limit < otherwise ? limit : otherwise;
}

double process_memory_limit(const char *own, const char *groups)
{
	char path[1000];
	double least = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
	size_t root = (size_t)snprintf(path, sizeof path, "%s", groups);
	if (root >= sizeof path || !group_append(own, path, sizeof path))
		return least;
	for (char *last; (last = strrchr(path + root, '/')); *last = '\0')
		least = group_limit(path, least);
	return least;
}
