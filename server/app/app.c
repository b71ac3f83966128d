#include "app/app.h"

#include "base/log.h"

int app_serve(const struct config *cfg, const char *config_file)
{
	(void)cfg;
	(void)config_file;
	log_error(NULL, "serve is not there yet");
	return 1;
}
