/*
 * Makes one allocation of a program fail: LD_PRELOAD=shim.so NOMEM_FILE=path. The file is memory that the program and
 * the test share; the test writes where the failure is, and reads what happened. NOMEM_STACKS is a file that gets the
 * stack of the failure.
 *
 * The failure is the nth allocation, or the first one whose stack has not failed yet. A stack counts anew for its
 * second, third ... allocation, up to a number of times: links are made by the same code, and are of several kinds.
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
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEEPEST 32
#define EARLY_BYTES 16384
#define STACKS 32768 /* several times what a session has; a power of two */
#define MODULES 64

static struct shared {
	uint64_t count;          /* allocations since the start */
	uint64_t fail_at;        /* the count that gets nothing; 0: none */
	uint64_t failed;         /* how many got nothing */
	uint64_t libraries;      /* 1: allocations of the program's own code are not counted */
	uint64_t times;          /* not 0: fail_at means the first stack that is new, in so many of its allocations */
	uint64_t arming;         /* counts how often fail_at was set */
	uint64_t stacks[STACKS]; /* hashes of those that have failed */
} * shared;
static const char *stacks;

/* Code and data of the program, or of a library. */
struct module {
	uintptr_t from, to;
};
static struct module program, modules[MODULES];
static size_t modules_n;

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

static struct module module_read(const struct dl_phdr_info *info)
{
	struct module m = {.from = info->dlpi_addr, .to = info->dlpi_addr};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > m.to)
			m.to = end;
	}
	return m;
}

static bool module_has(const struct module *m, const void *code)
{
	return (uintptr_t)code >= m->from && (uintptr_t)code < m->to;
}

/* The program is the first that is listed. */
static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	program = module_read(info);
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
	void *file = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		abort();
	dl_iterate_phdr(find_program, NULL);
	stacks = getenv("NOMEM_STACKS");
	shared = file;
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

/* ---- stacks, the same in each process: addresses count from where their module begins ---- */

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	modules[modules_n++] = module_read(info);
	return modules_n == MODULES;
}

static const struct module *module_of(const void *code)
{
	for (size_t i = 0; i < modules_n; i++)
		if (module_has(&modules[i], code))
			return &modules[i];
	return NULL;
}

static uintptr_t code_offset(const void *code)
{
	const struct module *m = module_of(code);
	if (!m) { /* it was loaded meanwhile */
		modules_n = 0;
		dl_iterate_phdr(note_module, NULL);
		m = module_of(code);
	}
	return m ? (uintptr_t)code - m->from : 0;
}

static uint64_t mix(uint64_t hash, uint64_t n)
{
	hash = (hash ^ n) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t stack_hash(void)
{
	void *frames[DEEPEST];
	uint64_t hash = 1;
	int n = backtrace(frames, DEEPEST);
	for (int i = 0; i < n; i++)
		hash = mix(hash, code_offset(frames[i]));
	return hash;
}

/* A place for the hash in one of the tables: its own, or a free one. */
static size_t place_of(const uint64_t *table, uint64_t hash)
{
	size_t at = hash % STACKS;
	for (size_t tries = 0; table[at] && table[at] != hash; at = (at + 1) % STACKS)
		if (++tries == STACKS)
			abort();
	return at;
}

/* How often this stack has allocated since the failure was set, from 0. */
static unsigned stack_count(uint64_t hash)
{
	static uint64_t met[STACKS], arming;
	static unsigned counts[STACKS];
	if (arming != shared->arming) {
		memset(met, 0, sizeof met);
		memset(counts, 0, sizeof counts);
		arming = shared->arming;
	}
	size_t at = place_of(met, hash);
	met[at] = hash;
	return counts[at]++;
}

/* True once for each stack and each of its first allocations. */
static bool stack_is_new(void)
{
	uint64_t hash = stack_hash();
	unsigned nth = stack_count(hash);
	if (nth >= shared->times)
		return false;
	hash = mix(hash, nth);
	size_t at = place_of(shared->stacks, hash);
	if (shared->stacks[at])
		return false;
	shared->stacks[at] = hash;
	return true;
}

/* ---- the failure ---- */

static bool fails(const void *caller)
{
	if (!shared || (shared->libraries && module_has(&program, caller)))
		return false;
	uint64_t n = __atomic_add_fetch(&shared->count, 1, __ATOMIC_RELAXED);
	if (!shared->fail_at || shared->failed)
		return false;
	if (shared->times ? !stack_is_new() : n != shared->fail_at)
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
