#include "db/array.h"

#include "test.h"

static void expect(const struct slice *elements, size_t n, struct slice want)
{
	struct buf b = {0};
	db_array_begin(&b);
	for (size_t i = 0; i < n; i++)
		db_array_add(&b, elements[i]);
	db_array_end(&b);
	CHECK_SLICE(buf_view(&b), want);
	buf_fini(&b);
}

TEST(no_elements)
{
	expect(NULL, 0, SLICE("{}"));
}

TEST(every_element_is_quoted)
{
	expect((struct slice[]){SLICE("a"), SLICE(""), SLICE("NULL"), SLICE("{")}, 4,
	       SLICE("{\"a\",\"\",\"NULL\",\"{\"}"));
	expect((struct slice[]){slice_of(NULL, 0)}, 1, SLICE("{\"\"}"));
}

TEST(quotes_and_backslashes)
{
	expect((struct slice[]){SLICE("\""), SLICE("\\"), SLICE("a\"b\\c,d}")}, 3,
	       SLICE("{\"\\\"\",\"\\\\\",\"a\\\"b\\\\c,d}\"}"));
	expect((struct slice[]){SLICE("{\"a\":\"\\n\"}")}, 1, SLICE("{\"{\\\"a\\\":\\\"\\\\n\\\"}\"}"));
}
