/*
 * A hash map from byte strings to objects that embed a struct map_node. The hash (SipHash) has a random seed, so that a
 * stranger who chooses the keys cannot make it slow. The key is read from the object and must not change while it is in
 * a map. The map owns no object.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/slice.h"

struct map_node {
	struct map_node *next; /* the hash is computed again when it is needed: there are many nodes */
};

struct map {
	struct map_node **slots;
	uint32_t nslots; /* a power of two, or 0 before the first map_add */
	uint32_t count;
	struct slice (*key)(const struct map_node *n);
	uint64_t seed[2];
};

void map_init(struct map *m, struct slice (*key)(const struct map_node *n));
void map_fini(struct map *m); /* frees the table, not the objects */
struct map_node *map_find(const struct map *m, struct slice key);
void map_add(struct map *m, struct map_node *n); /* the key must not be there yet */
void map_del(struct map *m, struct map_node *n); /* it must be there */

/* The node behind n, NULL begins; NULL at the end. The map must not change meanwhile. */
struct map_node *map_next(const struct map *m, const struct map_node *n);

uint64_t hash_bytes(const uint64_t seed[2], struct slice s); /* SipHash-1-3 */

#endif
