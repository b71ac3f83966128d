#include "app/embedded.h"
#include "cmd/cmd.h"
#include <ev.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <wslay/wslayver.h>

int cmd_version(int argc, char **argv)
{
	const char *file = NULL;
	const struct cmd_option options[] = {CMD_CONFIG(&file), {0}};
	int code;
	if (!cmd_options(options, "", argc, argv, &code))
		return code;
	printf("bellwire %s\n", BELLWIRE_VERSION);
	printf("schema %d\n", embedded_schema_version);
	printf("code %s\n", embedded_code_sha256);
	printf("libpq %d.%d\n", PQlibVersion() / 10000, PQlibVersion() % 10000);
	printf("libev %d.%d\n", ev_version_major(), ev_version_minor());
	printf("wslay %s\n", WSLAY_VERSION);
	printf("jansson %s\n", jansson_version_str());
	puts(OpenSSL_version(OPENSSL_VERSION));
	return cmd_finish(EXIT_DONE);
}
