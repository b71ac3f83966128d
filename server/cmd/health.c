#include "cmd/cmd.h"
int cmd_health(int argc, char **argv){(void)argc;(void)argv;return 1;}
