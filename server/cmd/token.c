#include "cmd/cmd.h"
int cmd_token(int argc, char **argv){(void)argc;(void)argv;return 1;}
