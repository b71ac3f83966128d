#include "app/config_check.h"
#include "base/mem.h"
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

/* What the database says of the user. False: it could not be asked, and stderr says why. */
static bool look_up_user(const struct config *c, const char *user, enum auth_result *result)
{
	PGconn *pg = pg_open(c->database_url, "DATABASE_URL");
	char *sql = mem_printf("select rt.user_state('%s')", user); /* a uuid needs no quoting */
	PGresult *r = pg ? pg_query(pg, sql) : NULL;
	if (r && strcmp(PQgetvalue(r, 0, 0), "active") != 0)
		*result = strcmp(PQgetvalue(r, 0, 0), "disabled") == 0 ? AUTH_DISABLED : AUTH_USER;
	bool asked = r;
	PQclear(r);
	PQfinish(pg);
	free(sql);
	return asked;
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
	char error[256] = "", *line = strcmp(token, "-") == 0 ? read_token() : NULL;
	struct auth_config cfg = config_auth(c);
	struct auth *a = auth_new(&cfg, error, sizeof error);
	struct auth_claims claims;
	if (!a) {
		cmd_error("%s", error);
		free(line);
		return EXIT_FAILED;
	}
	struct slice text = auth_without_bearer(slice_str(line ? line : token));
	enum auth_result result = auth_check(a, text, clock_wall_ms(), &claims);
	auth_free(&a);
	free(line);
	if (result == AUTH_OK && !c->database_url)
		fputs("bellwire: the user is not looked up: DATABASE_URL is not set\n", stderr);
	else if (result == AUTH_OK && !look_up_user(c, claims.sub, &result))
		return EXIT_FAILED;
	return report_token(result, &claims);
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
