/*
 * A chained hash map with SipHash-1-3 over a random seed. Used for sessions, sockets, addresses, users, rooms: all keys
 * that a stranger can choose.
 */
#include "base/map.h"

#include "base/mem.h"
#include "base/text.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void sip_round(uint64_t v[4]) /* inline: its words stay in registers */
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

uint64_t hash_bytes(const uint64_t seed[2], struct slice s)
{
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du, seed[0] ^ 0x6c7967656e657261u,
	                 seed[1] ^ 0x7465646279746573u};
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t m;
		memcpy(&m, s.p + i, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	uint64_t tail = (uint64_t)s.n << 56;
	for (size_t k = 0; i + k < s.n; k++)
		tail |= (uint64_t)(unsigned char)s.p[i + k] << 8 * k;
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, struct slice (*key)(const struct map_node *n))
{
	*m = (struct map){.key = key};
	random_bytes(m->seed, sizeof m->seed);
}

void map_fini(struct map *m)
{
	free(m->slots);
	m->slots = NULL;
	m->nslots = m->count = 0;
}

static struct map_node **map_slot(const struct map *m, struct slice key)
{
	return &m->slots[hash_bytes(m->seed, key) & (m->nslots - 1)];
}

struct map_node *map_find(const struct map *m, struct slice key)
{
	if (m->count == 0)
		return NULL;
	struct map_node *n = *map_slot(m, key);
	while (n && !slice_eq(m->key(n), key))
		n = n->next;
	return n;
}

static void map_put(struct map *m, struct map_node *n)
{
	struct map_node **slot = map_slot(m, m->key(n));
	n->next = *slot;
	*slot = n;
}

static void map_grow(struct map *m)
{
	struct map_node **old = m->slots;
	uint32_t nold = m->nslots;
	m->nslots = nold ? nold * 2 : 16;
	m->slots = mem_zalloc(m->nslots * sizeof(*m->slots));
	for (uint32_t i = 0; i < nold; i++)
		for (struct map_node *n = old[i], *next; n; n = next) {
			next = n->next;
			map_put(m, n);
		}
	free(old);
}

void map_add(struct map *m, struct map_node *n)
{
	if (m->count == m->nslots)
		map_grow(m);
	map_put(m, n);
	m->count++;
}

void map_del(struct map *m, struct map_node *n)
{
	struct map_node **at = map_slot(m, m->key(n));
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	m->count--;
}

struct map_node *map_next(const struct map *m, const struct map_node *n)
{
	if (n && n->next)
		return n->next;
	for (uint32_t i = n ? (uint32_t)(map_slot(m, m->key(n)) - m->slots) + 1 : 0; i < m->nslots; i++)
		if (m->slots[i])
			return m->slots[i];
	return NULL;
}
