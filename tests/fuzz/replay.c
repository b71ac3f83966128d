/*
 * The main of a fuzz target without libFuzzer. The files of the target's kept corpus, tests/fuzz/corpus/<target>, run
 * in processes, some in each; where one fails each of them runs again in a process of its own, as unit tests do. Files
 * named as arguments run in this process, for a debugger.
 */
#include "target.h"
#include "together.h"

#include <dirent.h>
#include <libgen.h>

#define TOGETHER 32

static char **paths; /* of the inputs */

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

static void run_input(int i)
{
	run_file(paths[i]);
}

static const char *input_name(int i)
{
	return paths[i];
}

static int is_input(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int replay(const char *program, const char *dir)
{
	static const struct together inputs = {run_input, input_name};
	struct dirent **files;
	int n = scandir(dir, &files, is_input, alphasort);
	if (n < 1) { /* a corpus has to be there */
		printf("%s: 0 passed, 1 failed\n", program);
		return 1;
	}
	paths = mem_alloc((size_t)n * sizeof *paths);
	for (int i = 0; i < n; i++) {
		paths[i] = mem_printf("%s/%s", dir, files[i]->d_name);
		free(files[i]);
	}
	int result = together_run(&inputs, program, n, TOGETHER);
	for (int i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
	free(files);
	return result;
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
