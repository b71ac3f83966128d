#include "cmd/migration.h"

#include "base/mem.h"
#include <strings.h>

static const char *const marks[] = {[MIGRATION_UP] = "-- migrate:up\n", [MIGRATION_DOWN] = "-- migrate:down\n"};

struct slice migration_name(const struct embedded_file *f)
{
	const char *slash = strrchr(f->name, '/');
	const char *start = slash ? slash + 1 : f->name;
	return slice_of(start, strcspn(start, "."));
}

struct slice migration_version(const struct embedded_file *f)
{
	struct slice name = migration_name(f);
	const char *end = memchr(name.p, '_', name.n);
	return slice_of(name.p, end ? (size_t)(end - name.p) : name.n);
}

/* The line that is the mark, or NULL; *number: of that line. */
static const char *find_line(const char *text, const char *mark, unsigned *number)
{
	*number = 1;
	for (; text; ++*number) {
		if (strncmp(text, mark, strlen(mark)) == 0)
			return text;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

char *migration_text(const struct embedded_file *f, enum migration_part part, unsigned *line)
{
	unsigned ignored;
	const char *start = find_line(f->text, marks[part], line);
	++*line;
	if (!start)
		return mem_strndup("", 0);
	start += strlen(marks[part]);
	const char *end = part == MIGRATION_UP ? find_line(start, marks[MIGRATION_DOWN], &ignored) : NULL;
	return mem_strndup(start, end ? (size_t)(end - start) : strlen(start));
}

bool migration_is_loose(const struct embedded_file *f)
{
	unsigned at, up;
	return find_line(f->text, "-- transaction: false\n", &at) && find_line(f->text, marks[MIGRATION_UP], &up) &&
	       at < up;
}

/* Behind blank lines and lines of comment; counts them. */
static const char *skip_comments(const char *p, unsigned *line)
{
	for (;;) {
		const char *text = p + strspn(p, " \t\r");
		if (*text != '\n' && strncmp(text, "--", 2) != 0)
			return text;
		p = text + strcspn(text, "\n");
		if (!*p)
			return p;
		p++;
		++*line;
	}
}

bool migration_statement(const char **rest, unsigned *line, struct slice *statement)
{
	const char *start = skip_comments(*rest, line);
	if (!*start)
		return false;
	const char *end = strstr(start, ";\n");
	end = end ? end + 2 : start + strlen(start);
	*statement = slice_of(start, (size_t)(end - start));
	*rest = end;
	return true;
}

bool migration_is_concurrent(struct slice statement)
{
	static const char word[] = "concurrently";
	for (size_t i = 0; i + strlen(word) <= statement.n; i++)
		if (strncasecmp(statement.p + i, word, strlen(word)) == 0)
			return true;
	return false;
}
