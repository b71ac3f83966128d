#include "app/config.h"
#include "app/config_table.h"

#include "base/buf.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define SECRET_MAX 8192 /* bytes of a secret that a file holds */

static const struct setting settings[] = {
#define X(member, NAME, kind, initial, min, max, unit, text)                                                           \
	{#NAME, KIND_##kind, offsetof(struct config, member), sizeof(((struct config *)0)->member), initial, min, max, \
	 unit,  text},
	CONFIG_SETTINGS(X)
#undef X
};

enum { SETTINGS = ARRAY_LEN(settings) };

static const struct former {
	const char *name, *value, *text;
} formers[] = {
#define X(NAME, value, text) {#NAME, value, text},
	CONFIG_FORMER(X)
#undef X
};

/* The value found for each setting, as text, before struct config is filled. Values are offsets into `strings`, which
 * moves when it grows. */
struct found {
	struct buf strings;
	size_t at[SETTINGS];     /* offset of the value + 1; 0: no value was given */
	unsigned line[SETTINGS]; /* line of the file; 0: the value is not from the file */
	bool in_file[SETTINGS];  /* the value is the path of a file that has it */
};

const struct setting *config_table(size_t *n)
{
	*n = SETTINGS;
	return settings;
}

/* ---- values ---- */

static bool parse_number(const struct setting *s, struct slice v, uint64_t *out)
{
	uint64_t value = 0;
	for (size_t i = 0; i < v.n; i++) {
		unsigned digit = (unsigned char)v.p[i] - (unsigned)'0';
		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return v.n > 0 && value >= s->min && value <= s->max;
}

/* The fields of limits are as wide as their users want them; all others have 64 bits. */
static bool set_number(const struct setting *s, struct slice v, void *member)
{
	uint64_t value;
	if (!parse_number(s, v, &value))
		return false;
	if (s->size == sizeof(uint32_t))
		*(uint32_t *)member = (uint32_t)value;
	else
		*(uint64_t *)member = value;
	return true;
}

static bool parse_choice(const struct setting *s, struct slice v, unsigned *out)
{
	const char *rest = s->unit;
	struct slice word;
	for (*out = 0; setting_word(&rest, &word); ++*out)
		if (slice_eq(word, v))
			return true;
	return false;
}

static bool parse_bool(struct slice v, bool *out)
{
	*out = slice_eq(v, SLICE("on"));
	return *out || slice_eq(v, SLICE("off"));
}

static bool set_value(struct config *c, const struct setting *s, const char *value)
{
	void *member = (char *)c + s->offset;
	struct slice v = slice_str(value);
	switch (s->kind) {
	case KIND_STR:
	case KIND_SECRET:
		*(const char **)member = *value ? value : NULL;
		return true;
	case KIND_NUM:
		return set_number(s, v, member);
	case KIND_BOOL:
		return parse_bool(v, member);
	case KIND_CHOICE:
		return parse_choice(s, v, member);
	}
	return false;
}

/* ---- file ---- */

static struct slice trim(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	return s;
}

static size_t find_setting(struct slice name)
{
	size_t i = 0;
	while (i < SETTINGS && !slice_eq(slice_str(settings[i].name), name))
		i++;
	return i;
}

/* NAME_FILE of a secret is found as NAME. */
static size_t find_name(struct slice name, bool *in_file)
{
	size_t i = find_setting(name);
	*in_file = false;
	if (i < SETTINGS || !slice_ends(name, SLICE(FILE_SUFFIX)))
		return i;
	i = find_setting(slice_of(name.p, name.n - strlen(FILE_SUFFIX)));
	*in_file = true;
	return i < SETTINGS && settings[i].kind == KIND_SECRET ? i : SETTINGS;
}

bool config_has(struct slice name)
{
	bool in_file;
	return find_name(name, &in_file) < SETTINGS;
}

static const struct former *find_former(struct slice name)
{
	for (const struct former *f = formers; f < formers + ARRAY_LEN(formers); f++)
		if (slice_eq(slice_str(f->name), name))
			return f;
	return NULL;
}

/* A value in quotes reaches to the same quote; another one ends before a blank with a # behind it. NULL, or what is
 * wrong. */
static const char *unquote(struct slice *v)
{
	if (v->n > 0 && (v->p[0] == '"' || v->p[0] == '\'')) {
		const char *end = memchr(v->p + 1, v->p[0], v->n - 1);
		if (!end)
			return "the quote is not closed";
		struct slice rest = trim(slice_of(end + 1, v->n - (size_t)(end + 1 - v->p)));
		if (rest.n > 0 && rest.p[0] != '#')
			return "there is something behind the closing quote";
		*v = slice_of(v->p + 1, (size_t)(end - v->p) - 1);
		return NULL;
	}
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] == '#' && (i == 0 || v->p[i - 1] == ' ' || v->p[i - 1] == '\t')) {
			*v = trim(slice_of(v->p, i));
			break;
		}
	return NULL;
}

static void keep(struct found *f, size_t i, struct slice value, bool in_file)
{
	f->at[i] = f->strings.n + 1;
	f->in_file[i] = in_file;
	buf_slice(&f->strings, value);
	buf_char(&f->strings, '\0');
}

static bool former_holds(const struct former *f, struct slice value, struct buf *why)
{
	if (slice_eq(value, slice_str(f->value)))
		return true;
	buf_printf(why, "%s is no setting any more: %s", f->name, f->text);
	return false;
}

static bool read_line(struct found *f, struct slice line, unsigned number, struct buf *why)
{
	line = trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	const char *equals = memchr(line.p, '=', line.n);
	if (!equals || memchr(line.p, '\0', line.n)) {
		buf_str(why, "this is not NAME = value");
		return false;
	}
	struct slice name = trim(slice_of(line.p, (size_t)(equals - line.p)));
	struct slice value = trim(slice_of(equals + 1, (size_t)(line.p + line.n - equals - 1)));
	bool in_file;
	size_t i = find_name(name, &in_file);
	const struct former *former = find_former(name);
	if (i == SETTINGS && !former) {
		buf_printf(why, "there is no setting %.*s", (int)name.n, name.p);
		return false;
	}
	const char *bad = unquote(&value);
	if (bad) {
		buf_printf(why, "%.*s: %s", (int)name.n, name.p, bad);
		return false;
	}
	if (former)
		return former_holds(former, value, why);
	if (f->line[i]) {
		buf_printf(why, "%s was set in line %u already", settings[i].name, f->line[i]);
		return false;
	}
	f->line[i] = number;
	keep(f, i, value, in_file && value.n > 0);
	return true;
}

static bool read_file(struct found *f, const char *file, char *error, size_t n)
{
	FILE *in = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;
	struct buf why = {0};
	bool good = in;
	ssize_t got = 0;
	for (unsigned number = 1; good && (got = getline(&line, &cap, in)) >= 0; number++) {
		good = read_line(f, slice_of(line, (size_t)got), number, &why);
		if (!good)
			snprintf(error, n, "%s:%u: %.*s", file, number, (int)why.n, why.p);
	}
	if (!in || (good && ferror(in))) {
		snprintf(error, n, "%s: %s", file, strerror(errno));
		good = false;
	}
	buf_fini(&why);
	free(line);
	if (in)
		fclose(in);
	return good;
}

/* ---- all of it ---- */

/* The variable NAME_FILE of a secret; NULL when it is not there, or empty. */
static const char *file_variable(const struct setting *s)
{
	char name[64];
	snprintf(name, sizeof name, "%s" FILE_SUFFIX, s->name);
	const char *path = s->kind == KIND_SECRET ? getenv(name) : NULL;
	return path && *path ? path : NULL;
}

static bool read_formers(char *error, size_t n)
{
	struct buf why = {0};
	bool good = true;
	for (const struct former *f = formers; good && f < formers + ARRAY_LEN(formers); f++) {
		const char *value = getenv(f->name);
		good = !value || !*value || former_holds(f, slice_str(value), &why);
	}
	if (!good)
		snprintf(error, n, "%.*s", (int)why.n, why.p);
	buf_fini(&why);
	return good;
}

/* An empty variable makes a setting empty if the setting may be empty; else it counts as not given. */
static bool read_environment(struct found *f, char *error, size_t n)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = getenv(settings[i].name), *path = file_variable(&settings[i]);
		if (value && *value && path) {
			snprintf(error, n, "%s and %s" FILE_SUFFIX " are both set: one of them is meant",
			         settings[i].name, settings[i].name);
			return false;
		}
		if (!path && (!value || (!*value && !setting_is_text(&settings[i]))))
			continue;
		f->line[i] = 0;
		keep(f, i, slice_str(path ? path : value), path);
	}
	return true;
}

/* Puts what the file holds in the place of its path, without the line end of an editor. NULL, or what is wrong. */
static const char *read_secret(struct found *f, size_t i)
{
	FILE *in = fopen(f->strings.p + f->at[i] - 1, "re");
	if (!in)
		return strerror(errno);
	char text[SECRET_MAX + 1];
	size_t got = fread(text, 1, sizeof text, in);
	const char *wrong = ferror(in)                ? strerror(errno)
	                    : got > SECRET_MAX        ? "it is too long for a secret"
	                    : memchr(text, '\0', got) ? "there is a zero byte in it"
	                                              : NULL;
	fclose(in);
	while (got > 0 && strchr("\r\n", text[got - 1]))
		got--;
	if (!wrong)
		keep(f, i, slice_of(text, got), false);
	explicit_bzero(text, sizeof text);
	return wrong;
}

static bool read_secrets(struct found *f, char *error, size_t n)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *wrong = f->in_file[i] ? read_secret(f, i) : NULL;
		if (!wrong)
			continue;
		snprintf(error, n, "%s" FILE_SUFFIX ": %s: %s", settings[i].name, f->strings.p + f->at[i] - 1, wrong);
		return false;
	}
	return true;
}

static bool set_all(struct config *c, const struct found *f, const char *file, char *error, size_t n)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = f->at[i] ? c->memory + f->at[i] - 1 : settings[i].initial;
		if (set_value(c, &settings[i], value))
			continue;
		struct buf wanted = {0};
		setting_wanted(&wanted, &settings[i]);
		if (f->line[i])
			snprintf(error, n, "%s:%u: %s must be %.*s", file, f->line[i], settings[i].name, (int)wanted.n,
			         wanted.p);
		else
			snprintf(error, n, "%s must be %.*s", settings[i].name, (int)wanted.n, wanted.p);
		buf_fini(&wanted);
		return false;
	}
	return true;
}

static void set_derived(struct config *c, const char *host)
{
	if (!c->listen_database_url)
		c->listen_database_url = c->database_url;
	if (!c->migrate_database_url)
		c->migrate_database_url = c->database_url;
	if (!c->operator_database_url)
		c->operator_database_url = c->database_url;
	if (!c->name && *host)
		c->name = host;
}

bool config_load(struct config *c, const char *file, char *error, size_t n)
{
	struct found f = {0};
	*c = (struct config){.eio = eio_default_limits, .sio = sio_default_limits};
	char host[256] = "";
	if (gethostname(host, sizeof host - 1) != 0)
		*host = '\0';
	buf_add(&f.strings, host, strlen(host) + 1); /* the default of the edge's name, as the first string */
	bool good = !file || read_file(&f, file, error, n);
	good = good && read_formers(error, n) && read_environment(&f, error, n) && read_secrets(&f, error, n);
	c->memory = buf_steal(&f.strings, NULL); /* from here on the strings do not move */
	good = good && set_all(c, &f, file, error, n);
	if (good)
		set_derived(c, c->memory);
	else
		config_free(c);
	return good;
}

void config_free(struct config *c)
{
	free(c->memory);
	memset(c, 0, sizeof *c);
}
