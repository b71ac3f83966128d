/*
 * A map of tokens by their digest, and the list of them in the order in which they came.
 */
#include "people/token_users.h"
#include "base/mem.h"

struct token_user {
	struct map_node node; /* in token_users.map */
	struct list link;     /* in token_users.order */
	uint64_t until_ms;    /* wall clock: the token's end */
	unsigned char digest[DIGEST_LEN];
	char user[UUID_LEN];
};

struct token_users {
	struct map map;
	struct list order; /* the oldest first */
	size_t most;
};

static struct slice token_user_key(const struct map_node *n)
{
	return slice_of(container_of(n, const struct token_user, node)->digest, DIGEST_LEN);
}

struct token_users *token_users_new(size_t most)
{
	struct token_users *tu = NEW(struct token_users);
	tu->most = most;
	map_init(&tu->map, token_user_key);
	list_init(&tu->order);
	return tu;
}

static void token_user_free(struct token_users *tu, struct token_user *t)
{
	map_del(&tu->map, &t->node);
	list_del(&t->link);
	free(t);
}

void token_users_free(struct token_users **tu)
{
	struct list *it, *tmp;
	if (!*tu)
		return;
	list_each (it, tmp, &(*tu)->order)
		token_user_free(*tu, list_entry(it, struct token_user, link));
	map_fini(&(*tu)->map);
	free(*tu);
	*tu = NULL;
}

void token_users_add(struct token_users *tu, const unsigned char digest[DIGEST_LEN], struct slice user,
                     uint64_t until_ms, uint64_t wall_ms)
{
	struct map_node *known = map_find(&tu->map, slice_of(digest, DIGEST_LEN));
	struct token_user *t;
	if (known)
		token_user_free(tu, container_of(known, struct token_user, node));
	while ((t = list_first(&tu->order, struct token_user, link)) &&
	       (tu->map.count >= tu->most || t->until_ms <= wall_ms))
		token_user_free(tu, t);
	t = NEW(struct token_user);
	t->until_ms = until_ms;
	memcpy(t->digest, digest, DIGEST_LEN);
	memcpy(t->user, user.p, UUID_LEN);
	map_add(&tu->map, &t->node);
	list_add_tail(&tu->order, &t->link);
}

bool token_users_find(const struct token_users *tu, const unsigned char digest[DIGEST_LEN], char user[UUID_LEN + 1])
{
	struct map_node *n = map_find(&tu->map, slice_of(digest, DIGEST_LEN));
	if (!n)
		return false;
	memcpy(user, container_of(n, struct token_user, node)->user, UUID_LEN);
	user[UUID_LEN] = '\0';
	return true;
}
