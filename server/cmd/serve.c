#include "cmd/cmd.h"
int cmd_serve(int argc, char **argv){(void)argc;(void)argv;return 1;}
