#include "app/app.h"
#include "app/config_check.h"
#include "base/buf.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include <stdio.h>

static bool settings_usable(const struct config *c)
{
	struct buf problems = {0};
	bool good = config_check(c, &problems);
	if (!c->database_url) {
		buf_str(&problems, "DATABASE_URL is not set\n");
		good = false;
	}
	if (!good)
		fprintf(stderr, "%.*sbellwire: these settings cannot work\n", (int)problems.n, problems.p);
	buf_fini(&problems);
	return good;
}

int cmd_serve(int argc, char **argv)
{
	const char *file = NULL;
	const struct cmd_option options[] = {CMD_CONFIG(&file), {0}};
	int code;
	if (!cmd_options(
		    options,
		    "SIGTERM drains: no new clients, those who are there are sent away within BELLWIRE_DRAIN_MS; a second one ends at\n"
		    "once. SIGHUP reads certificates, and the settings that can change, again.\n",
		    argc, argv, &code))
		return code;
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	log_threshold = (enum log_level)c.log_level;
	log_format = (enum log_format)c.log_format;
	code = settings_usable(&c) ? app_serve(&c, file) : EXIT_FAILED;
	config_free(&c);
	return code;
}
