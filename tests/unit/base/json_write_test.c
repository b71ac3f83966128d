#include "base/json_write.h"

#include "base/json.h"
#include "test.h"

static void is_json(struct buf *b, const char *want)
{
	enum json_kind kind;
	unsigned flaws = 0;
	CHECK_SLICE(buf_view(b), slice_str(want));
	CHECK(json_scan(buf_view(b), &kind, &flaws) && kind == JSON_OBJECT && flaws == 0);
	buf_fini(b);
}

TEST(an_object_of_every_kind_of_member)
{
	struct buf b = {0};
	json_open(&b);
	json_member_str(&b, "text", SLICE("a \"b\"\n"));
	json_member_raw(&b, "raw", SLICE("[1, {}]"));
	json_member_u64(&b, "most", UINT64_MAX);
	json_member_bool(&b, "yes", true);
	json_member_bool(&b, "no", false);
	json_member(&b, "last");
	buf_str(&b, "null");
	json_close(&b);
	is_json(&b,
	        "{\"text\":\"a \\\"b\\\"\\n\",\"raw\":[1, {}],\"most\":18446744073709551615,\"yes\":true,\"no\":false,"
	        "\"last\":null}");
}

TEST(an_empty_object)
{
	struct buf b = {0};
	json_open(&b);
	json_close(&b);
	is_json(&b, "{}");
}

TEST(objects_nest)
{
	struct buf b = {0};
	json_open(&b);
	json_member(&b, "in");
	json_open(&b);
	json_member_u64(&b, "a", 1);
	json_close(&b);
	json_member(&b, "empty");
	json_open(&b);
	json_close(&b);
	json_member_u64(&b, "z", 2);
	json_close(&b);
	is_json(&b, "{\"in\":{\"a\":1},\"empty\":{},\"z\":2}");
}

TEST(a_value_that_ends_with_a_brace_is_no_opening)
{
	struct buf b = {0};
	json_open(&b);
	json_member_str(&b, "a", SLICE("{"));
	json_member_str(&b, "b", SLICE(""));
	json_close(&b);
	is_json(&b, "{\"a\":\"{\",\"b\":\"\"}");
}

TEST(members_that_are_text_already)
{
	struct buf b = {0};
	json_open(&b);
	json_members_raw(&b, SLICE(""));
	json_members_raw(&b, SLICE("\"a\":1,\"b\":2"));
	json_members_raw(&b, SLICE("\"c\":3"));
	json_members_raw(&b, SLICE(""));
	json_close(&b);
	is_json(&b, "{\"a\":1,\"b\":2,\"c\":3}");
}
