/*
 * A fuzz target is one function that libFuzzer (make fuzz) and the replay of kept inputs (make unit) call with bytes.
 * For any bytes three rules hold: parts give what the whole gives, accepted input re-encodes to the same accepted
 * input, and limits are kept. A broken rule ends the process by abort.
 *
 * The last four bytes of an input say where the rest is cut: the lengths of the pieces, less one, used in turn.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#define UNIT_END() abort()
#include "check.h"

#include "base/buf.h"
#include "base/mem.h"

#define CUT_BYTES 4
#define PIECES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* An input: the content has exactly its size on the heap, so that a sanitizer sees the first byte read too far. */
struct input {
	struct slice content;
	char *copy;
	uint8_t cuts[CUT_BYTES];
};

static inline struct input input_open(const uint8_t *data, size_t n)
{
	struct input in = {0};
	size_t tail = n < CUT_BYTES ? n : CUT_BYTES;
	memcpy(in.cuts, data + n - tail, tail);
	in.copy = mem_dup(data, n - tail);
	in.content = slice_of(in.copy, n - tail);
	return in;
}

static inline void input_close(struct input *in)
{
	free(in->copy);
}

/* The first byte of the content, which then says how to read the rest; 0 when there is none. */
static inline unsigned input_mode(struct input *in)
{
	if (!in->content.n)
		return 0;
	unsigned mode = (uint8_t)in->content.p[0];
	in->content = slice_of(in->content.p + 1, in->content.n - 1);
	return mode;
}

/* The ith piece of what is left; *left loses it. The last one is long: more pieces cost time and find nothing new. */
static inline struct slice input_piece(const struct input *in, size_t i, struct slice *left)
{
	size_t n = i < PIECES_MOST ? (size_t)in->cuts[i % CUT_BYTES] + 1 : left->n;
	struct slice piece = slice_of(left->p, n < left->n ? n : left->n);
	*left = slice_of(left->p + piece.n, left->n - piece.n);
	return piece;
}

#endif
