#include "auth/jwk.h"
#include "auth/keyring.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/pg.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct keys_options {
	const char *operand; /* KID or FILE, behind the action */
	const char *algorithm, *key, *from, *until, *after;
};

static int keys_usage(const char *wrong)
{
	fprintf(stderr, "bellwire keys: %s\n`bellwire keys --help` shows what there is.\n", wrong);
	return EXIT_USAGE;
}

/* ---- input ---- */

/* The end of the last line belongs to no secret. */
static void cut_line_end(struct buf *text)
{
	if (text->n && text->p[text->n - 1] == '\n')
		text->n--;
	if (text->n && text->p[text->n - 1] == '\r')
		text->n--;
}

/* ---- one key into the table ---- */

#define ADD_SQL                                                                                               \
	"insert into bellwire.token_keys (kid, algorithm, key, valid_from, valid_until) values ($1, $2, $3, " \
	"coalesce($4::timestamptz, pg_catalog.clock_timestamp()), $5::timestamptz) on conflict (kid) do nothing returning 'added'"
/* A kid is the name of one key for ever: tokens that it signed may still be around. */
#define SAME_SQL "select (algorithm, key) = ($1, $2) from bellwire.token_keys where kid = $3"

static bool is_good(const char *algorithm, struct slice text, const char *kid)
{
	char error[256] = "";
	struct auth_keys *keys = auth_keys_new(true);
	struct auth_key_row row = {.kid = slice_str(kid), .algorithm = slice_str(algorithm), .text = text};
	bool good = auth_keys_add(keys, &row, error, sizeof error);
	auth_keys_free(&keys);
	if (!good)
		cmd_error("%s: %s", kid, error);
	return good;
}

static bool add_key(PGconn *pg, const struct keys_options *o, const char *kid, const char *algorithm, const char *text)
{
	const char *values[] = {kid, algorithm, text, o->from, o->until};
	if (!is_good(algorithm, slice_str(text), kid))
		return false;
	PGresult *r = pg_query_with(pg, ADD_SQL, values, ARRAY_LEN(values));
	bool good = r, added = r && PQntuples(r) == 1;
	PQclear(r);
	if (added) {
		printf("%s: %s, added\n", kid, algorithm);
	} else if (good) {
		const char *have[] = {algorithm, text, kid};
		r = pg_query_with(pg, SAME_SQL, have, ARRAY_LEN(have));
		good = r && PQntuples(r) == 1 && PQgetvalue(r, 0, 0)[0] == 't';
		if (good)
			printf("%s: %s, is there already\n", kid, algorithm);
		else if (r)
			cmd_error("%s: another key has this kid: give the new one a name of its own", kid);
		PQclear(r);
	}
	return good;
}

/* ---- actions ---- */

static int action_add(PGconn *pg, const struct keys_options *o)
{
	struct buf text = {0};
	bool good = cmd_read_file(o->key, &text);
	cut_line_end(&text);
	buf_char(&text, '\0');
	if (good && memchr(text.p, '\0', text.n - 1)) {
		cmd_error("%s: there is a zero byte in it", o->key);
		good = false;
	}
	good = good && add_key(pg, o, o->operand, o->algorithm, text.p);
	buf_fini(&text);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static bool import_key(PGconn *pg, const struct keys_options *o, const json_t *jwk)
{
	const char *kid = json_string_value(json_object_get(jwk, "kid")), *algorithm = jwk_algorithm(jwk);
	const char *use = json_string_value(json_object_get(jwk, "use"));
	if (!kid || !algorithm || (use && strcmp(use, "sig") != 0)) {
		fprintf(stderr, "bellwire: %s: left out: %s\n", kid ? kid : "a key without kid",
		        !kid         ? "tokens could not name it"
		        : !algorithm ? "it is for none of HS256, RS256, ES256, EdDSA"
		                     : "it is not for signatures");
		return true;
	}
	char *text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
	bool good = text && add_key(pg, o, kid, algorithm, text);
	free(text);
	return good;
}

static int action_import(PGconn *pg, const struct keys_options *o)
{
	struct buf text = {0};
	json_error_t error;
	bool good = cmd_read_file(o->operand, &text);
	json_t *set = good ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error) : NULL;
	const json_t *keys = json_object_get(set, "keys");
	if (good && !json_is_array(keys)) {
		cmd_error("%s: no JSON Web Key Set: an object with an array `keys`", o->operand);
		good = false;
	}
	for (size_t i = 0; good && i < json_array_size(keys); i++)
		good = import_key(pg, o, json_array_get(keys, i));
	json_decref(set);
	buf_fini(&text);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static int action_list(PGconn *pg, const struct keys_options *o)
{
	(void)o;
	PGresult *r = pg_query(
		pg,
		"select kid, algorithm, case when valid_from > pg_catalog.clock_timestamp() then 'to come' "
		"when valid_until <= pg_catalog.clock_timestamp() then 'retired' else 'valid' end, "
		"pg_catalog.to_char(valid_from at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
		"coalesce(pg_catalog.to_char(valid_until at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '-') "
		"from bellwire.token_keys order by valid_from, kid");
	for (int i = 0; r && i < PQntuples(r); i++)
		printf("%s %s %s from %s until %s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
		       PQgetvalue(r, i, 3), PQgetvalue(r, i, 4));
	bool good = r;
	PQclear(r);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static int action_retire(PGconn *pg, const struct keys_options *o)
{
	const char *values[] = {o->operand, o->after ? o->after : "0"};
	PGresult *r = pg_query_with(
		pg,
		"update bellwire.token_keys set valid_until = greatest(valid_from, "
		"pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $2::float8)) where kid = $1 returning 1",
		values, ARRAY_LEN(values));
	bool asked = r, found = r && PQntuples(r) == 1;
	PQclear(r);
	if (found)
		printf("%s: retired%s%s%s\n", o->operand, o->after ? " in " : "", o->after ? o->after : "",
		       o->after ? " s" : "");
	else if (asked)
		cmd_error("%s: no key has this kid", o->operand);
	return found ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the command ---- */

static const struct action {
	const char *name, *operand;
	int (*run)(PGconn *pg, const struct keys_options *o);
} actions[] = {{"add", "KID", action_add},
               {"list", NULL, action_list},
               {"retire", "KID", action_retire},
               {"import", "FILE", action_import}};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

/* NULL: nothing is missing. */
static const char *options_missing(const struct action *a, const struct keys_options *o)
{
	if (a->operand && !o->operand)
		return strcmp(a->operand, "KID") == 0 ? "KID is missing" : "FILE is missing";
	if (a->run == action_add && (!o->algorithm || !o->key))
		return "add needs --algorithm and --key";
	if (o->after && strspn(o->after, "0123456789") != strlen(o->after))
		return "--after takes seconds";
	return NULL;
}

static int run_action(const struct action *a, const struct keys_options *o, const char *file)
{
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	PGconn *pg = pg_open(c.migrate_database_url, "MIGRATE_DATABASE_URL");
	int code = EXIT_FAILED;
	if (pg && pg_run(pg, (struct pg_text){"role", "begin; set local role bellwire_owner", 1}) == PG_DONE)
		code = a->run(pg, o);
	if (code == EXIT_DONE && pg_run(pg, (struct pg_text){"commit", "commit", 1}) != PG_DONE)
		code = EXIT_FAILED;
	PQfinish(pg);
	config_free(&c);
	return cmd_finish(code);
}

int cmd_keys(int argc, char **argv)
{
	const struct action *a = argc > 1 ? action_find(argv[1]) : NULL;
	struct keys_options o = {0};
	const char *file = NULL;
	const struct cmd_option options[] = {
		{"algorithm", "NAME", "of add: HS256, RS256, ES256 or EdDSA; tokens with another alg are refused",
	         &o.algorithm},
		{"key", "FILE", "of add: a PEM public key, a JSON Web Key, or the secret of HS256; -: standard input",
	         &o.key},
		{"from", "TIME", "of add and import: when it becomes valid; default now", &o.from},
		{"until", "TIME", "of add and import: when it ends; default never", &o.until},
		{"after", "SECONDS", "of retire: not now but then, when the last token that it signed has expired",
	         &o.after},
		CMD_CONFIG(&file),
		{0},
	};
	int skip = a ? 1 : 0, code;
	if (a && a->operand && argc > 2 && strncmp(argv[2], "--", 2) != 0) {
		o.operand = argv[2];
		skip = 2;
	}
	argv[skip] = argv[0];
	if (!cmd_options(
		    options,
		    "bellwire keys add KID --algorithm NAME --key FILE, keys list, keys retire KID, keys import FILE (a JSON Web Key Set).\n"
		    "Keys are rows of bellwire.token_keys; every edge takes a change within a second. Connects with MIGRATE_DATABASE_URL.\n",
		    argc - skip, argv + skip, &code))
		return code;
	if (!a)
		return keys_usage("there are add, list, retire and import");
	const char *missing = options_missing(a, &o);
	return missing ? keys_usage(missing) : run_action(a, &o, file);
}
