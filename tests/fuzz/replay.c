/*
 * The main of a fuzz target without libFuzzer. The files of the target's kept corpus, tests/fuzz/corpus/<target>, run
 * in processes, some in each; where one fails each of them runs again in a process of its own, as unit tests do. Files
 * named as arguments run in this process, for a debugger.
 */
#include "target.h"

#include <dirent.h>
#include <libgen.h>
#include <sys/wait.h>

#define SECONDS_MOST 30
#define ALL_RAN 7   /* the exit status; an input that ends the process hides none behind it */
#define TOGETHER 32 /* the end of a process takes as long as many files, with a leak checker */

static void run_file(const char *path)
{
	struct buf in = {0};
	FILE *f = fopen(path, "rb");
	if (!f)
		UNIT_FAIL("%s cannot be read", path);
	for (size_t n = 1; n; in.n += n)
		n = fread(buf_room(&in, 65536), 1, 65536, f);
	fclose(f);
	LLVMFuzzerTestOneInput((const uint8_t *)in.p, in.n);
	buf_fini(&in);
}

static bool run_in_child(char **paths, int n)
{
	int status = 0;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++) {
			alarm(SECONDS_MOST);
			run_file(paths[i]);
		}
		exit(ALL_RAN); /* leak checkers report at exit */
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == ALL_RAN;
}

/* How many fail; where none does by itself, all of them: they fail together alone. */
static int failures_in(char **paths, int n)
{
	int failed = 0;
	if (run_in_child(paths, n))
		return 0;
	for (int i = 0; n > 1 && i < n; i++)
		failed += failures_in(paths + i, 1);
	if (!failed)
		fprintf(stderr, "FAIL %s%s%s\n", paths[0], n > 1 ? " up to " : "", n > 1 ? paths[n - 1] : "");
	return failed ? failed : n;
}

static int is_input(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int replay(const char *program, const char *dir)
{
	struct dirent **files;
	int failed = 0, n = scandir(dir, &files, is_input, alphasort);
	if (n < 1) { /* a corpus has to be there */
		printf("%s: 0 passed, 1 failed\n", program);
		return 1;
	}
	char **paths = mem_alloc((size_t)n * sizeof *paths);
	for (int i = 0; i < n; i++) {
		paths[i] = mem_printf("%s/%s", dir, files[i]->d_name);
		free(files[i]);
	}
	for (int i = 0; i < n; i += TOGETHER)
		failed += failures_in(paths + i, n - i < TOGETHER ? n - i : TOGETHER);
	for (int i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
	free(files);
	printf("%s: %d passed, %d failed\n", program, n - failed, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	char *dir = mem_printf("tests/fuzz/corpus/%s", basename(argv[0]));
	int result = argc > 1 ? 0 : replay(argv[0], dir);
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	free(dir);
	return result;
}
