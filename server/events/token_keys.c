/*
 * The reader of keys.
 */
#include "events/token_keys.h"
#include "auth/keyring.h"
#include "base/mem.h"
#include "events/reader.h"

struct keys_reader {
	struct reader reader;
	struct auth_keys *keys; /* people.keys */
	bool loaded;            /* keys were read at least once */
};

/* Columns of rt.token_keys (docs/edge-sql.md). */
enum { COL_KID, COL_ALGORITHM, COL_KEY, COL_FROM_MS, COL_UNTIL_MS, COLS };

static void keys_replace(struct events *ev, struct auth_keys *keys)
{
	ev->people->keys = keys;
	auth_keys_free(&ev->keys->keys);
	ev->keys->keys = keys;
}

void keys_stop(struct events *ev)
{
	if (!ev->keys)
		return;
	reader_stop(&ev->keys->reader);
	keys_replace(ev, NULL);
	free(ev->keys);
	ev->keys = NULL;
}

void keys_database_up(struct events *ev)
{
	if (!ev->keys->loaded)
		keys_load(ev);
}

void keys_gap(struct events *ev)
{
	keys_load(ev);
}

const char *keys_missing(const struct events *ev)
{
	return ev->keys->loaded ? NULL : "starting";
}

static void keys_add(struct events *ev, struct auth_keys *keys, const struct db_result *r, int row)
{
	char error[256] = "";
	struct auth_key_row k = {.kid = db_value(r, row, COL_KID),
	                         .algorithm = db_value(r, row, COL_ALGORITHM),
	                         .text = db_value(r, row, COL_KEY),
	                         .from_ms = (uint64_t)db_number(r, row, COL_FROM_MS),
	                         .until_ms = (uint64_t)db_number(r, row, COL_UNTIL_MS)};
	if (!auth_keys_add(keys, &k, error, sizeof error))
		log_error(ev->people->ident, "token key refused", LSL("kid", k.kid), LSL("algorithm", k.algorithm),
		          LS("problem", error));
}

static void keys_take(struct events *ev, const struct db_result *r)
{
	struct keys_reader *kr = ev->keys;
	bool first = !kr->loaded;
	struct auth_keys *keys = auth_keys_new(true);
	for (int i = 0; i < r->nrows; i++)
		keys_add(ev, keys, r, i);
	keys_replace(ev, keys);
	kr->loaded = true;
	log_info(ev->people->ident, "token keys read", LI("keys", r->nrows));
	if (first && ev->on_keys)
		ev->on_keys(ev->ctx);
}

void keys_start(struct events *ev)
{
	struct keys_reader *kr = ev->keys = NEW(struct keys_reader);
	reader_init(&kr->reader, &(struct reader){.events = ev,
	                                          .class = DB_OPENING,
	                                          .sql = "select * from rt.token_keys()",
	                                          .ncols = COLS,
	                                          .failed = "token keys not read",
	                                          .take = keys_take});
	keys_replace(ev, auth_keys_new(false));
}

void keys_load(struct events *ev)
{
	reader_load(&ev->keys->reader);
}
