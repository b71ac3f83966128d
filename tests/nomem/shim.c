/*
 * Makes one allocation of a program fail: LD_PRELOAD=shim.so NOMEM_FILE=path. The file is a page that the program and
 * the test share; the test writes where the failure is, and reads what happened. NOMEM_STACKS is a file that gets the
 * stack of the failure.
 *
 * It answers malloc, calloc and realloc, and so libc and all libraries that call these.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEEPEST 32
#define FILE_BYTES 4096
#define EARLY_BYTES 16384

static struct shared {
	uint64_t count;     /* allocations since the start */
	uint64_t fail_at;   /* the count that gets nothing; 0: none */
	uint64_t failed;    /* how many got nothing */
	uint64_t libraries; /* 1: allocations of the program's own code are not counted */
} * shared;
static const char *stacks;
static uintptr_t program_from, program_to; /* the program's own code and data */

/* What dlsym asks for while it looks for the next allocator. */
static char early[EARLY_BYTES];
static size_t early_n;
static bool looking;
static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

static void *early_alloc(size_t n)
{
	char *p = early + early_n;
	early_n += (n + 15) / 16 * 16;
	if (early_n > sizeof early)
		abort();
	return p;
}

static bool is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof early;
}

/* False while dlsym is at work. */
static bool look_up(void)
{
	if (next_free || looking)
		return next_free;
	looking = true;
	next_malloc = dlsym(RTLD_NEXT, "malloc");
	next_calloc = dlsym(RTLD_NEXT, "calloc");
	next_realloc = dlsym(RTLD_NEXT, "realloc");
	next_free = dlsym(RTLD_NEXT, "free");
	return true;
}

/* The program is the first that is listed. */
static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	program_from = program_to = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > program_to)
			program_to = end;
	}
	return 1;
}

__attribute__((constructor)) static void nomem_open(void)
{
	const char *path = getenv("NOMEM_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *frame;
	backtrace(&frame, 1); /* the first one loads a library */
	if (fd < 0)
		return;
	void *page = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		abort();
	dl_iterate_phdr(find_program, NULL);
	stacks = getenv("NOMEM_STACKS");
	shared = page;
}

static void write_stack(void)
{
	void *frames[DEEPEST];
	int fd = stacks ? open(stacks, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	backtrace_symbols_fd(frames, backtrace(frames, DEEPEST), fd);
	close(fd);
}

static bool is_program(const void *code)
{
	return (uintptr_t)code >= program_from && (uintptr_t)code < program_to;
}

static bool fails(const void *caller)
{
	if (!shared || (shared->libraries && is_program(caller)))
		return false;
	if (__atomic_add_fetch(&shared->count, 1, __ATOMIC_RELAXED) != shared->fail_at)
		return false;
	shared->failed++;
	write_stack();
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	if (!look_up())
		return early_alloc(n);
	return fails(__builtin_return_address(0)) ? NULL : next_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	if (!look_up())
		return early_alloc(n * size);
	return fails(__builtin_return_address(0)) ? NULL : next_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	if (!look_up())
		abort();
	return fails(__builtin_return_address(0)) ? NULL : next_realloc(p, n);
}

void free(void *p)
{
	if (!is_early(p) && look_up())
		next_free(p);
}
