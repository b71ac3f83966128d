/*
 * The main of a fuzz target without libFuzzer. Each file of the target's kept corpus, tests/fuzz/corpus/<target>, runs
 * in a process of its own, as unit tests do. Files named as arguments run in this process, for a debugger.
 */
#include "target.h"

#include <dirent.h>
#include <libgen.h>
#include <sys/wait.h>

#define SECONDS_MOST 30

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

static bool run_apart(const char *path)
{
	int status = 0;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(SECONDS_MOST);
		run_file(path);
		exit(0); /* leak checkers report at exit */
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	fprintf(stderr, "FAIL %s\n", path);
	return false;
}

static int replay(const char *program, const char *dir)
{
	struct dirent **files;
	int passed = 0, failed = 0, n = scandir(dir, &files, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char *path = mem_printf("%s/%s", dir, files[i]->d_name);
		if (files[i]->d_name[0] == '.')
			;
		else if (run_apart(path))
			passed++;
		else
			failed++;
		free(path);
		free(files[i]);
	}
	if (n >= 0)
		free(files);
	failed += passed + failed == 0; /* a corpus that is not there */
	printf("%s: %d passed, %d failed\n", program, passed, failed);
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
