#include "cmd/migration.h"

#include "test.h"

static struct embedded_file file_of(const char *text)
{
	return (struct embedded_file){.name = "migrations/0360_some_thing.sql", .text = text, .n = strlen(text)};
}

static void is_part(const char *text, enum migration_part part, const char *want, unsigned want_line)
{
	struct embedded_file f = file_of(text);
	unsigned line = 0;
	char *have = migration_text(&f, part, &line);
	CHECK_STR(have, want);
	if (*want)
		CHECK_INT(line, want_line);
	free(have);
}

TEST(names)
{
	struct embedded_file f = file_of("");
	CHECK(slice_eq(migration_name(&f), SLICE("0360_some_thing")));
	CHECK(slice_eq(migration_version(&f), SLICE("0360")));
	f.name = "7.sql";
	CHECK(slice_eq(migration_name(&f), SLICE("7")) && slice_eq(migration_version(&f), SLICE("7")));
}

TEST(parts)
{
	static const char both[] = "-- why\n-- migrate:up\na;\n\nb;\n-- migrate:down\nc;\n";
	is_part(both, MIGRATION_UP, "a;\n\nb;\n", 3);
	is_part(both, MIGRATION_DOWN, "c;\n", 7);
	is_part("-- migrate:up\na;\n-- no -- migrate:down\n", MIGRATION_UP, "a;\n-- no -- migrate:down\n", 2);
	is_part("-- migrate:up\na;\n", MIGRATION_DOWN, "", 0);
	is_part("-- migrate:up\n-- migrate:down\n", MIGRATION_UP, "", 2);
	is_part("a;\n", MIGRATION_UP, "", 0);
}

TEST(loose)
{
	struct embedded_file f = file_of("-- transaction: false\n-- migrate:up\n");
	CHECK(migration_is_loose(&f));
	f = file_of("-- why\n-- transaction: false\n-- more\n-- migrate:up\n");
	CHECK(migration_is_loose(&f));
	f = file_of("-- migrate:up\n-- transaction: false\n");
	CHECK(!migration_is_loose(&f)); /* a comment of the part */
	f = file_of("-- no -- transaction: false\n-- migrate:up\n");
	CHECK(!migration_is_loose(&f));
}

static void next_is(const char **rest, unsigned *line, const char *want, unsigned want_line)
{
	struct slice s;
	CHECK(migration_statement(rest, line, &s));
	CHECK(slice_eq(s, slice_str(want)));
	CHECK_INT(*line, want_line);
	for (size_t i = 0; i < s.n; i++)
		*line += s.p[i] == '\n';
}

TEST(statements)
{
	const char *rest = "-- first; of\n\n  a (';', b); -- not here\n c;\r\n\td;\n-- e;\n f\n; g;\n-- the end;";
	unsigned line = 3;
	struct slice s;
	next_is(&rest, &line, "a (';', b); -- not here\n c;\r\n\td;\n", 5);
	next_is(&rest, &line, "f\n; g;\n", 9);
	CHECK(!migration_statement(&rest, &line, &s));
	rest = "last";
	next_is(&rest, &line, "last", 11);
	CHECK(!migration_statement(&rest, &line, &s));
	rest = " \n\t";
	CHECK(!migration_statement(&rest, &line, &s));
}

TEST(concurrent)
{
	CHECK(migration_is_concurrent(SLICE("create index CONCURRENTLY x")));
	CHECK(!migration_is_concurrent(SLICE("alter table x")) && !migration_is_concurrent(SLICE("concurrentl")));
}
