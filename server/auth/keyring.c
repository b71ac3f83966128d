/*
 * The rows of keys. They are few, so a linear search finds them.
 */
#include "auth/keyring.h"

#include "auth/key.h"
#include "base/mem.h"

struct row_key {
	char *kid;
	struct auth_key *key; /* NULL: the row is no key; its kid is known all the same */
	uint64_t from_ms, until_ms;
};

struct auth_keys {
	bool read;
	struct row_key *rows;
	size_t n;
};

struct auth_keys *auth_keys_new(bool read)
{
	struct auth_keys *keys = NEW(struct auth_keys);
	keys->read = read;
	return keys;
}

void auth_keys_free(struct auth_keys **keys)
{
	if (!*keys)
		return;
	for (size_t i = 0; i < (*keys)->n; i++) {
		free((*keys)->rows[i].kid);
		auth_key_free(&(*keys)->rows[i].key);
	}
	free((*keys)->rows);
	free(*keys);
	*keys = NULL;
}

bool auth_keys_add(struct auth_keys *keys, const struct auth_key_row *row, char *error, size_t n)
{
	struct auth_key *key = auth_key_parse(row->algorithm, row->text, error, n);
	keys->rows = mem_realloc(keys->rows, (keys->n + 1) * sizeof *keys->rows);
	keys->rows[keys->n++] = (struct row_key){mem_strndup(row->kid.p, row->kid.n), key, row->from_ms, row->until_ms};
	return key;
}

enum auth_result auth_keys_find(const struct auth_keys *keys, struct slice kid, uint64_t wall_ms,
                                const struct auth_key **key)
{
	*key = NULL;
	if (!keys)
		return AUTH_OK;
	if (!keys->read)
		return AUTH_UNREAD;
	for (size_t i = 0; i < keys->n; i++) {
		const struct row_key *row = &keys->rows[i];
		if (!slice_eq(slice_str(row->kid), kid))
			continue;
		*key = row->key;
		bool live = wall_ms >= row->from_ms && (!row->until_ms || wall_ms < row->until_ms);
		return row->key && live ? AUTH_OK : AUTH_KEY;
	}
	return AUTH_OK;
}
