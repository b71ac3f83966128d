#include "app/config_check.h"
#include "base/text.h"
#include "cmd/cmd.h"
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

int cmd_token(int argc, char **argv)
{
	const char *file = NULL, *user = NULL, *ttl_text = NULL;
	const struct cmd_option options[] = {
		{"user", "UUID", "whose token it is (platform.users.id)", &user},
		{"ttl", "SECONDS", "how long it is good for; default 3600", &ttl_text},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(
		    options,
		    "Signs with JWT_SECRET (HS256 only), with JWT_ISSUER and JWT_AUDIENCE when they are set. For trials and tests.\n",
		    argc, argv, &code))
		return code;
	uint64_t ttl = TTL_DEFAULT_S;
	if (!user || !uuid_valid(slice_str(user)) || (ttl_text && !parse_ttl(ttl_text, &ttl))) {
		fprintf(stderr, "bellwire token: %s\n`bellwire token --help` shows what there is.\n",
		        !user                         ? "--user UUID is missing"
		        : uuid_valid(slice_str(user)) ? "--ttl takes seconds, up to ten years"
		                                      : "--user takes a UUID");
		return EXIT_USAGE;
	}
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	code = print_token(&c, user, ttl);
	config_free(&c);
	return code;
}
