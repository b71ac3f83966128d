#include "cmd/cmd.h"
int cmd_version(int argc, char **argv){(void)argc;(void)argv;return 1;}
