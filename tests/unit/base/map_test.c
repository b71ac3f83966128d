#include "base/map.h"

#include "base/mem.h"
#include "test.h"

struct item {
	struct map_node node;
	char name[16];
	size_t n;
	bool seen;
};

static struct slice item_key(const struct map_node *n)
{
	const struct item *i = container_of(n, struct item, node);
	return slice_of(i->name, i->n);
}

static void name_item(struct item *i, unsigned number)
{
	i->n = (size_t)snprintf(i->name, sizeof i->name, "k%u", number);
}

TEST(empty_map)
{
	struct map m;
	map_init(&m, item_key);
	CHECK(!map_find(&m, SLICE("a")));
	CHECK(!map_find(&m, SLICE("")));
	CHECK(!map_next(&m, NULL));
	map_fini(&m);
	map_fini(&m);
}

TEST(keys_are_bytes)
{
	static const struct slice keys[] = {SLICE(""),
	                                    SLICE("a"),
	                                    SLICE("A"),
	                                    SLICE("a\0"),
	                                    SLICE("a\0b"),
	                                    SLICE("\0"),
	                                    SLICE("\0\0"),
	                                    SLICE("__proto__"),
	                                    SLICE("12345678"),
	                                    SLICE("123456789"),
	                                    SLICE("\xff\xff\xff\xff\xff\xff\xff\xff")};
	struct item items[ARRAY_LEN(keys)] = {0};
	struct map m;
	map_init(&m, item_key);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		CHECK(!map_find(&m, keys[i]));
		memcpy(items[i].name, keys[i].p, keys[i].n);
		items[i].n = keys[i].n;
		map_add(&m, &items[i].node);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK(map_find(&m, keys[i]) == &items[i].node);
	CHECK(!map_find(&m, SLICE("b")));
	map_fini(&m);
}

TEST(thousands_come_and_go)
{
	enum { N = 20000 };
	struct item *items = mem_zalloc(N * sizeof *items);
	struct map m;
	map_init(&m, item_key);
	for (unsigned i = 0; i < N; i++) {
		name_item(&items[i], i);
		map_add(&m, &items[i].node);
	}
	CHECK_INT(m.count, N);
	for (unsigned i = 0; i < N; i++)
		CHECK(map_find(&m, item_key(&items[i].node)) == &items[i].node);
	for (unsigned i = 0; i < N; i += 2)
		map_del(&m, &items[i].node);
	CHECK_INT(m.count, N / 2);
	for (unsigned i = 0; i < N; i++)
		CHECK((map_find(&m, item_key(&items[i].node)) != NULL) == (i % 2 == 1));
	unsigned met = 0;
	for (struct map_node *n = map_next(&m, NULL); n; n = map_next(&m, n)) {
		struct item *i = container_of(n, struct item, node);
		CHECK(!i->seen);
		i->seen = true;
		met++;
	}
	CHECK_INT(met, N / 2);
	for (unsigned i = 0; i < N; i += 2)
		map_add(&m, &items[i].node);
	for (unsigned i = 0; i < N; i++)
		map_del(&m, &items[i].node);
	CHECK_INT(m.count, 0);
	CHECK(!map_next(&m, NULL) && !map_find(&m, SLICE("k1")));
	map_fini(&m);
	free(items);
}

/* SipHash-1-3 of the bytes 0, 1, 2... under the key 00 01 .. 0f, little endian */
TEST(hash_is_siphash_1_3)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} rows[] = {
		{0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93}, {2, 0x82cb9b024dc7d44d},  {7, 0xd3927d989bb11140},
		{8, 0x369095118d299a8e}, {9, 0x25a48eb36c063de4}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
	};
	uint64_t seed[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char bytes[64];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(hash_bytes(seed, slice_of(bytes, rows[i].n)) == rows[i].hash);
}

TEST(seeds_differ)
{
	struct map a, b;
	map_init(&a, item_key);
	map_init(&b, item_key);
	CHECK(a.seed[0] != b.seed[0] || a.seed[1] != b.seed[1]);
	CHECK(hash_bytes(a.seed, SLICE("x")) != hash_bytes(b.seed, SLICE("x")));
	map_fini(&a);
	map_fini(&b);
}
