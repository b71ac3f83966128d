/*
 * Look-ups in the list of reasons.
 */
#include "base/close.h"
#include "base/buf.h"

static const struct {
	const char *label, *text;
	bool over;
} reasons[] = {
#define X(NAME, label, over, text) {#label, text, over},
	CLOSE_REASONS(X)
#undef X
};

const char *close_label(enum close_reason r)
{
	return reasons[r].label;
}

bool close_is_over(enum close_reason r)
{
	return reasons[r].over;
}

void close_markdown(struct buf *out)
{
	buf_str(out, "| reason | what happened | can be recovered |\n|---|---|---|\n");
	for (size_t i = 0; i < CLOSE_REASON_MAX; i++)
		buf_printf(out, "| `%s` | %s | %s |\n", reasons[i].label, reasons[i].text,
		           reasons[i].over ? "no" : "yes");
}
