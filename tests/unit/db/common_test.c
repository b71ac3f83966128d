#include "db/common.h"

#include "parts.h"

/* How many lines were written to stderr meanwhile. */
struct ear {
	int ends[2], kept;
};

static void listen_to_stderr(struct ear *e)
{
	e->kept = dup(STDERR_FILENO);
	CHECK(pipe2(e->ends, O_NONBLOCK) == 0);
	dup2(e->ends[1], STDERR_FILENO);
}

static int lines_heard(struct ear *e)
{
	char text[4096];
	dup2(e->kept, STDERR_FILENO);
	ssize_t n = read(e->ends[0], text, sizeof text);
	close(e->ends[0]), close(e->ends[1]), close(e->kept);
	int lines = 0;
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static int lines_of(struct db_common *c, const char *const *whys, size_t n)
{
	struct ear e;
	listen_to_stderr(&e);
	for (size_t i = 0; i < n; i++)
		common_link_is_down(c, "call", false, whys[i]);
	return lines_heard(&e);
}

TEST(one_line_for_many_links_that_fail_alike)
{
	struct parts p;
	parts_begin(&p, NULL);
	struct db_common *c = &p.common;
	CHECK_INT(lines_of(c, (const char *[]){"refused", "refused", "refused"}, 3), 1);
	CHECK_STR(c->last_error, "call: refused");
	CHECK_INT(lines_of(c, (const char *[]){"another"}, 1), 0); /* within a second */
	c->told_at -= 1000;
	CHECK_INT(lines_of(c, (const char *[]){"refused"}, 1), 0); /* within a minute */
	CHECK_INT(lines_of(c, (const char *[]){"another", "another"}, 2), 1);
	c->told_at -= 60000;
	CHECK_INT(lines_of(c, (const char *[]){"another"}, 1), 1);
	CHECK_INT(lines_of(c, (const char *[]){""}, 1), 0);
	CHECK_STR(c->last_error, "call: no reason was given");
	parts_end(&p);
}

TEST(a_link_that_goes_down_is_a_line_each_time)
{
	struct parts p;
	struct ear e;
	parts_begin(&p, NULL);
	common_link_is_up(&p.common, "pump");
	common_link_is_up(&p.common, "call");
	CHECK_INT(p.common.stats.links_up, 2);
	listen_to_stderr(&e);
	common_link_is_down(&p.common, "pump", true, "gone\nwith a hint");
	common_link_is_down(&p.common, "call", true, "gone");
	CHECK_INT(lines_heard(&e), 2);
	CHECK_INT(p.common.stats.links_up, 0);
	CHECK_INT(p.common.stats.lost, 2);
	CHECK_STR(p.common.last_error, "call: gone");
	parts_end(&p);
}

TEST(settings_are_bounded)
{
	static const struct {
		unsigned lanes, batch, lanes_then, batch_then;
	} rows[] = {{0, 0, 1, 1}, {16, 32, 16, 32}, {17, 33, 16, 32}, {4, 8, 4, 8}};
	struct parts p;
	parts_begin(&p, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct db_common c;
		struct db_config cfg = parts_config(&p);
		cfg.lanes = rows[i].lanes;
		cfg.batch_max = rows[i].batch;
		cfg.listen_url = i ? "" : "host=elsewhere";
		cfg.name = NULL;
		common_init(&c, p.loop, &cfg);
		CHECK_INT(c.cfg.lanes, rows[i].lanes_then);
		CHECK_INT(c.cfg.batch_max, rows[i].batch_then);
		CHECK_STR(c.cfg.listen_url, i ? p.pg.url : "host=elsewhere");
		CHECK_STR(c.cfg.name, "");
		common_fini(&c);
	}
	parts_end(&p);
}
