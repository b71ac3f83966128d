/*
 * Look-ups in the list of error codes.
 */
#include "people/errors.h"

static const struct {
	struct slice name;
	int status;
	const char *sqlstate, *text;
} errors[] = {
#define X(CODE, http, sqlstate, text) {SLICE_INIT(#CODE), http, sqlstate, text},
	ERROR_CODES(X) HTTP_ERRORS(X)
#undef X
};

static const struct {
	const char *class;
	enum error_code code;
} classes[] = {
#define X(class, CODE) {class, ERROR_##CODE},
	ERROR_CLASSES(X)
#undef X
};

struct slice error_name(enum error_code code)
{
	return errors[code].name;
}

int error_status(enum error_code code)
{
	return errors[code].status;
}

bool error_find(struct slice name, enum error_code *code)
{
	for (size_t i = 0; i < ERROR_MAX; i++) {
		if (slice_eq(errors[i].name, name)) {
			*code = (enum error_code)i;
			return true;
		}
	}
	return false;
}

enum error_code error_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; i < ERROR_MAX; i++)
		if (*errors[i].sqlstate && strcmp(sqlstate, errors[i].sqlstate) == 0)
			return (enum error_code)i;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (strncmp(sqlstate, classes[i].class, strlen(classes[i].class)) == 0)
			return classes[i].code;
	return ERROR_INTERNAL;
}

static void put_sqlstates(struct buf *out, enum error_code code)
{
	const char *comma = "";
	if (*errors[code].sqlstate) {
		buf_printf(out, "`%s`", errors[code].sqlstate);
		comma = ", ";
	}
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i].code != code)
			continue;
		buf_printf(out, "%s`%s%s`", comma, classes[i].class, strlen(classes[i].class) == 2 ? "xxx" : "");
		comma = ", ";
	}
	if (code == ERROR_INTERNAL)
		buf_str(out, "all others");
}

void errors_markdown(struct buf *out)
{
	buf_str(out, "| code | HTTP | SQLSTATE | causes |\n|---|---|---|---|\n");
	for (size_t i = 0; i < ERROR_MAX; i++) {
		buf_printf(out, "| `%s` | %d | ", errors[i].name.p, errors[i].status);
		put_sqlstates(out, (enum error_code)i);
		buf_printf(out, " | %s |\n", errors[i].text);
	}
}
