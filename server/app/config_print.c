/*
 * Settings as text: what a value may be, the settings in force, and the table of docs/configuration.md.
 */
#include "app/config_table.h"

#include "app/config.h"
#include <string.h>

bool setting_word(const char **rest, struct slice *word)
{
	if (!*rest)
		return false;
	const char *end = strchr(*rest, '|');
	*word = slice_of(*rest, end ? (size_t)(end - *rest) : strlen(*rest));
	*rest = end ? end + 1 : NULL;
	return true;
}

static void add_choices(struct buf *out, const char *words, const char *last)
{
	struct slice word;
	for (bool first = true; setting_word(&words, &word); first = false) {
		if (!first)
			buf_str(out, words ? ", " : last);
		buf_slice(out, word);
	}
}

void setting_wanted(struct buf *out, const struct setting *s)
{
	if (s->kind == KIND_NUM) {
		buf_printf(out, "a number from %llu to %llu", (unsigned long long)s->min, (unsigned long long)s->max);
		if (*s->unit)
			buf_printf(out, " (%s)", s->unit);
	} else {
		add_choices(out, s->kind == KIND_BOOL ? "on|off" : s->unit, " or ");
	}
}

/* Writes a value so that the rules of the file read the same value again. A value with both kinds of quotes cannot be
 * from a file. */
static void add_quoted(struct buf *out, const char *value)
{
	bool plain = *value && !strpbrk(value, " \t#\"'");
	char quote = strchr(value, '"') ? '\'' : '"';
	if (plain)
		buf_str(out, value);
	else
		buf_printf(out, "%c%s%c", quote, value, quote);
}

static struct slice choice_word(const struct setting *s, unsigned index)
{
	const char *rest = s->unit;
	struct slice word = {0};
	for (unsigned i = 0; setting_word(&rest, &word) && i < index; i++)
		;
	return word;
}

static void add_value(struct buf *out, const struct config *c, const struct setting *s)
{
	const void *member = (const char *)c + s->offset;
	const char *text = setting_is_text(s) ? *(const char *const *)member : NULL;
	switch (s->kind) {
	case KIND_STR:
		add_quoted(out, text ? text : "");
		break;
	case KIND_SECRET:
		buf_str(out, text ? "(set)" : "(not set)");
		break;
	case KIND_NUM:
		buf_u64(out, s->size == sizeof(uint32_t) ? *(const uint32_t *)member : *(const uint64_t *)member);
		break;
	case KIND_BOOL:
		buf_str(out, *(const bool *)member ? "on" : "off");
		break;
	case KIND_CHOICE:
		buf_slice(out, choice_word(s, *(const unsigned *)member));
		break;
	}
}

void config_print(const struct config *c, struct buf *out)
{
	size_t n;
	const struct setting *first = config_table(&n);
	for (const struct setting *s = first; s < first + n; s++) {
		buf_printf(out, "# %s", s->text);
		if (s->kind != KIND_STR && s->kind != KIND_SECRET) {
			buf_str(out, ": ");
			setting_wanted(out, s);
		}
		buf_printf(out, "\n%s = ", s->name);
		add_value(out, c, s);
		buf_char(out, '\n');
	}
}

static void add_markdown_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_char(out, '\\');
		buf_char(out, *text);
	}
}

void config_markdown(struct buf *out)
{
	size_t n;
	const struct setting *first = config_table(&n);
	buf_str(out, "| setting | default | values | what it does |\n|---|---|---|---|\n");
	for (const struct setting *s = first; s < first + n; s++) {
		buf_printf(out, "| `%s` | ", s->name);
		if (*s->initial)
			buf_printf(out, "`%s`", s->initial);
		buf_str(out, " | ");
		if (s->kind == KIND_NUM)
			buf_printf(out, "%llu to %llu%s%s", (unsigned long long)s->min, (unsigned long long)s->max,
			           *s->unit ? " " : "", s->unit);
		else if (s->kind == KIND_SECRET)
			buf_printf(out, "secret text, or a file that holds it: `%s" FILE_SUFFIX "`", s->name);
		else if (s->kind == KIND_STR)
			buf_str(out, "text");
		else
			setting_wanted(out, s);
		buf_str(out, " | ");
		add_markdown_cell(out, s->text);
		buf_str(out, " |\n");
	}
}
