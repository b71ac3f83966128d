#include "ws/frame_reader.h"

#include "base/mem.h"
#include <wslay/wslay.h>

struct ws_reader {
	wslay_frame_context_ptr wslay;
	struct slice rest; /* of the frame, what wslay has not taken yet */
	uint64_t got;      /* of its payload */
	bool inside;       /* pieces of it are left */
};

static ssize_t reader_give(uint8_t *to, size_t n, int flags, void *user)
{
	(void)flags;
	struct ws_reader *r = user;
	size_t take = n < r->rest.n ? n : r->rest.n;
	if (take == 0)
		return -1;
	memcpy(to, r->rest.p, take);
	r->rest = slice_of(r->rest.p + take, r->rest.n - take);
	return (ssize_t)take;
}

static void reader_anew(struct ws_reader *r)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = reader_give};
	if (r->wslay)
		wslay_frame_context_free(r->wslay);
	if (wslay_frame_context_init(&r->wslay, &callbacks, r) != 0)
		mem_exhausted();
}

struct ws_reader *ws_reader_new(void)
{
	struct ws_reader *r = NEW(struct ws_reader);
	reader_anew(r);
	return r;
}

void ws_reader_free(struct ws_reader **r)
{
	if (*r)
		wslay_frame_context_free((*r)->wslay);
	free(*r);
	*r = NULL;
}

void ws_reader_begin(struct ws_reader *r, struct slice frame)
{
	if (r->inside)
		reader_anew(r);
	r->inside = true;
	r->got = 0;
	r->rest = frame;
}

bool ws_reader_next(struct ws_reader *r, struct slice *piece)
{
	struct wslay_frame_iocb io = {0};
	if (wslay_frame_recv(r->wslay, &io) < 0)
		return false;
	*piece = slice_of(io.data_length ? (const char *)io.data : "", io.data_length);
	r->got += io.data_length;
	r->inside = r->got < io.payload_length;
	return true;
}
