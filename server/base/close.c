#include "base/close.h"

const char *close_label(enum close_reason r)
{
	static const char *const labels[] = {
#define X(NAME, label, text) #label,
		CLOSE_REASONS(X)
#undef X
	};
	return labels[r];
}

const char *close_text(enum close_reason r)
{
	static const char *const texts[] = {
#define X(NAME, label, text) text,
		CLOSE_REASONS(X)
#undef X
	};
	return texts[r];
}
