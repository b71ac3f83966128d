#include "base/varint.h"

#include "test.h"

TEST(what_is_put_is_taken)
{
	static const struct {
		uint64_t v;
		size_t n;
	} rows[] = {{0, 1},     {1, 1},          {127, 1},        {128, 2},         {16383, 2},
	            {16384, 3}, {UINT32_MAX, 5}, {1ull << 62, 9}, {1ull << 63, 10}, {UINT64_MAX, 10}};
	struct buf b = {0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t from = b.n;
		varint_put(&b, rows[i].v);
		CHECK_INT(b.n - from, rows[i].n);
	}
	struct slice in = buf_view(&b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t v;
		CHECK(varint_take(&in, &v));
		CHECK(v == rows[i].v);
	}
	CHECK_INT(in.n, 0);
	buf_fini(&b);
}

TEST(cut_anywhere)
{
	struct buf b = {0};
	varint_put(&b, UINT64_MAX);
	for (size_t n = 0; n < b.n; n++) {
		char *copy = n ? memcpy(malloc(n), b.p, n) : NULL; /* of exact size, for the sanitizer */
		struct slice in = slice_of(copy, n);
		uint64_t v;
		CHECK(!varint_take(&in, &v));
		free(copy);
	}
	buf_fini(&b);
}

TEST(one_form_only)
{
	static const struct slice bad[] = {
		{"\x80\x00", 2},
		{"\x81\x80\x00", 3},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct slice in = bad[i];
		uint64_t v;
		CHECK(!varint_take(&in, &v));
	}
}
