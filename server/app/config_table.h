/*
 * The rows of CONFIG_SETTINGS (app/config.h) as a table: config.c reads by it, config_print.c writes by it. Private to
 * these.
 */
#ifndef APP_CONFIG_TABLE_H
#define APP_CONFIG_TABLE_H

#include "base/buf.h"

#define FILE_SUFFIX "_FILE" /* behind the name of a secret: the path of a file that holds it */

enum kind { KIND_STR, KIND_SECRET, KIND_NUM, KIND_BOOL, KIND_CHOICE, KIND_LIMIT = KIND_NUM };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset, size; /* of its member */
	const char *initial;
	uint64_t min, max;
	const char *unit; /* the unit of a number, or the words of a choice */
	const char *text;
};

const struct setting *config_table(size_t *n); /* n settings, in their order; static */

static inline bool setting_is_text(const struct setting *s)
{
	return s->kind == KIND_STR || s->kind == KIND_SECRET;
}

bool setting_word(const char **rest, struct slice *word);      /* the next word of "a|b|c"; false at the end */
void setting_wanted(struct buf *out, const struct setting *s); /* adds "a number from 100 to 600000 (ms)" */

#endif
