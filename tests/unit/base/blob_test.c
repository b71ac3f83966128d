#include "base/blob.h"

#include "test.h"

TEST(copy_is_independent)
{
	char text[] = "abc";
	struct blob *b = blob_copy(slice_str(text));
	text[0] = 'x';
	CHECK_INT(b->refs, 1);
	CHECK_SLICE(slice_of(b->p, b->n), SLICE("abc"));
	blob_unref(&b);
	CHECK(!b);
}

TEST(lives_as_long_as_its_last_reference)
{
	struct blob *a = blob_new(3), *b, *c;
	memcpy(a->p, "123", 3);
	b = blob_ref(a);
	c = blob_ref(b);
	CHECK(b == a && c == a && a->refs == 3);
	blob_unref(&a);
	blob_unref(&c);
	CHECK(!a && !c && b->refs == 1);
	CHECK_SLICE(slice_of(b->p, b->n), SLICE("123"));
	blob_unref(&b);
}

TEST(empty_and_none)
{
	struct blob *none = NULL;
	blob_unref(&none);
	CHECK(!none);
	struct blob *empty = blob_copy(slice_of(NULL, 0));
	CHECK(empty->n == 0 && empty->refs == 1);
	blob_unref(&empty);
	empty = blob_new(0);
	CHECK_INT(empty->n, 0);
	blob_unref(&empty);
}
