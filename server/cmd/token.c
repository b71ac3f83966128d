#include "app/config_check.h"
#include "auth/keyring.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/pg.h"
#include <stdio.h>
#include <stdlib.h>

#define TTL_DEFAULT_S 3600
#define TTL_MAX_S (10ull * 366 * 24 * 3600)

static bool parse_ttl(const char *s, uint64_t *ttl)
{
	*ttl = 0;
	for (const char *p = s; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*ttl = *ttl * 10 + (uint64_t)(*p - '0');
		if (*ttl > TTL_MAX_S)
			return false;
	}
	return *ttl > 0;
}

static int print_token(const struct config *c, const char *user, uint64_t ttl)
{
	char error[256] = "";
	struct auth_config cfg = config_auth(c);
	char *token = auth_sign(&cfg, user, clock_wall_ms() / 1000 + ttl, error, sizeof error);
	if (!token) {
		cmd_error("%s", error);
		return EXIT_FAILED;
	}
	puts(token);
	free(token);
	return cmd_finish(EXIT_DONE);
}

/* ---- the check ---- */

/* The first line of standard input, for a token that must not be seen in the list of processes. */
static char *read_token(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, stdin);
	if (n > 0)
		line[strcspn(line, "\r\n")] = '\0';
	else if (line)
		*line = '\0';
	return line;
}

/* The rows of keys. NULL: they could not be read, and stderr says why. */
static struct auth_keys *read_keys(PGconn *pg)
{
	PGresult *r = pg_query(pg, "select * from rt.token_keys()");
	struct auth_keys *keys = r ? auth_keys_new(true) : NULL;
	for (int i = 0; r && i < PQntuples(r); i++) {
		char error[256];
		struct auth_key_row row = {.kid = slice_str(PQgetvalue(r, i, 0)),
		                           .algorithm = slice_str(PQgetvalue(r, i, 1)),
		                           .text = slice_str(PQgetvalue(r, i, 2)),
		                           .from_ms = strtoull(PQgetvalue(r, i, 3), NULL, 10),
		                           .until_ms = strtoull(PQgetvalue(r, i, 4), NULL, 10)};
		if (!auth_keys_add(keys, &row, error, sizeof error))
			fprintf(stderr, "bellwire: bellwire.token_keys, %s: %s\n", PQgetvalue(r, i, 0), error);
	}
	PQclear(r);
	return keys;
}

/* Asks the database about the user. False: it could not be asked, and stderr says why. */
static bool look_up_user(PGconn *pg, const char *user, enum auth_result *result)
{
	PGresult *r = pg_query_with(pg, "select rt.user_state($1::uuid)", &user, 1);
	if (r && strcmp(PQgetvalue(r, 0, 0), "active") != 0)
		*result = strcmp(PQgetvalue(r, 0, 0), "disabled") == 0 ? AUTH_DISABLED : AUTH_USER;
	bool asked = r;
	PQclear(r);
	return asked;
}

/* What rt.user_of says of the token. False: it could not be asked, or has failed. */
static bool ask_hook(PGconn *pg, struct slice token, enum auth_result *result, struct auth_claims *claims)
{
	struct buf payload = {0};
	if (!auth_payload(token, &payload)) /* it was accepted */
		return false;
	buf_char(&payload, '\0');
	const char *value = payload.p;
	PGresult *r = pg_query_with(pg, "select user_id, problem from rt.users_of(array[$1])", &value, 1);
	bool asked = r && PQgetisnull(r, 0, 1);
	if (r && !asked)
		cmd_error("rt.user_of: %s", PQgetvalue(r, 0, 1));
	if (asked && PQgetisnull(r, 0, 0))
		*result = AUTH_NOBODY;
	else if (asked)
		snprintf(claims->sub, sizeof claims->sub, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	buf_fini(&payload);
	return asked;
}

/* pg NULL: there is no database. False: it could not be asked. */
static bool judge_token(const struct config *c, const struct auth *a, PGconn *pg, struct slice token,
                        enum auth_result *result, struct auth_claims *claims)
{
	struct auth_keys *keys = pg ? read_keys(pg) : NULL;
	if (pg && !keys)
		return false;
	*result = auth_check_with(a, keys, token, clock_wall_ms(), claims);
	auth_keys_free(&keys);
	if (*result != AUTH_OK || !pg)
		return true;
	if (c->jwt_user_hook && !ask_hook(pg, token, result, claims))
		return false;
	return *result != AUTH_OK || look_up_user(pg, claims->sub, result);
}

static int report_token(enum auth_result result, const struct auth_claims *claims)
{
	char until[25];
	iso_time(until, claims->until_ms);
	if (result != AUTH_OK)
		printf("refused: %s: %s\n", auth_result_label(result), auth_result_why(result));
	else
		printf("good: user %s until %s\n", claims->sub, until);
	return cmd_finish(result == AUTH_OK ? EXIT_DONE : EXIT_FAILED);
}

static int check_token(const struct config *c, const char *token)
{
	char error[256] = "", *line = NULL;
	struct auth_config cfg = config_auth(c);
	struct auth *a = auth_new(&cfg, error, sizeof error);
	PGconn *pg = a && c->database_url ? pg_open(c->database_url, "DATABASE_URL") : NULL;
	struct auth_claims claims = {0};
	enum auth_result result;
	int code = EXIT_FAILED;
	if (!a)
		cmd_error("%s", error);
	else if (!c->database_url)
		fputs("bellwire: DATABASE_URL is not set: rows of keys and users are not looked at\n", stderr);
	if (strcmp(token, "-") == 0)
		token = line = read_token();
	if (a && (pg || !c->database_url) &&
	    judge_token(c, a, pg, auth_without_bearer(slice_str(token)), &result, &claims))
		code = report_token(result, &claims);
	PQfinish(pg);
	auth_free(&a);
	free(line);
	return code;
}

/* ---- the command ---- */

static int token_usage(const char *wrong)
{
	fprintf(stderr, "bellwire token: %s\n`bellwire token --help` shows what there is.\n", wrong);
	return EXIT_USAGE;
}

int cmd_token(int argc, char **argv)
{
	const char *file = NULL, *user = NULL, *ttl_text = NULL, *token = NULL;
	const struct cmd_option options[] = {
		{"check", "TOKEN", "say whether an edge would take this token, and if not, why; -: from standard input",
	         &token},
		{"user", "UUID", "whose token it is (platform.users.id)", &user},
		{"ttl", "SECONDS", "how long it is good for; default 3600", &ttl_text},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Signs with JWT_SECRET (HS256 only), with JWT_ISSUER and JWT_AUDIENCE when they are set. For trials and tests.\n"
		    "--check takes any algorithm. It says the cause that an edge has in its log, and ends with 1 where it is refused.\n",
		    argc, argv, &code))
		return code;
	uint64_t ttl = TTL_DEFAULT_S;
	if (!token && !user)
		return token_usage("--user UUID is missing");
	if (user && !uuid_valid(slice_str(user)))
		return token_usage("--user takes a UUID");
	if (ttl_text && !parse_ttl(ttl_text, &ttl))
		return token_usage("--ttl takes seconds, up to ten years");
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	code = token ? check_token(&c, token) : print_token(&c, user, ttl);
	config_free(&c);
	return code;
}
