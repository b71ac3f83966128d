/*
 * The client's side of HTTP/1.1, as much as client/ needs of it.
 */
#include "http/answer.h"

#include "base/number.h"

size_t http_answer_head(struct slice in)
{
	const char *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
	return end ? (size_t)(end - in.p) + 4 : 0;
}

int http_answer_status(struct slice head)
{
	uint64_t status = 0;
	if (head.n < 12 || memcmp(head.p, "HTTP/1.", 7) != 0 || !u64_parse(slice_of(head.p + 9, 3), &status))
		return 0;
	return (int)status;
}

static struct slice line_cut(struct slice *rest)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct slice line = slice_of(rest->p, n);
	size_t gone = end ? n + 2 : n;
	*rest = slice_of(rest->p + gone, rest->n - gone);
	return line;
}

bool http_answer_header(struct slice head, const char *name, struct slice *value)
{
	for (struct slice rest = head; rest.n;) {
		struct slice line = line_cut(&rest);
		const char *colon = memchr(line.p, ':', line.n);
		if (!colon || !http_name_eq(slice_of(line.p, (size_t)(colon - line.p)), name))
			continue;
		*value = slice_trim(slice_of(colon + 1, line.n - (size_t)(colon + 1 - line.p)), " \t");
		return true;
	}
	return false;
}

static bool answer_begin(struct http_answer *a, struct slice head)
{
	struct slice v;
	a->status = http_answer_status(head);
	if (http_answer_header(head, "transfer-encoding", &v)) {
		a->chunked = http_has_token(v, "chunked");
		return a->status && a->chunked;
	}
	a->until_end = !http_answer_header(head, "content-length", &v);
	return a->status && (a->until_end || u64_parse(v, &a->left));
}

static enum http_answer_result answer_body(struct http_answer *a, struct slice in, size_t max, size_t *used)
{
	if (a->chunked) {
		size_t took = 0;
		enum http_chunked_result r = http_chunked_feed(&a->chunks, in.p, in.n, &a->body, max, &took);
		*used += took;
		return r == HTTP_CHUNKED_DONE   ? HTTP_ANSWER_DONE
		       : r == HTTP_CHUNKED_MORE ? HTTP_ANSWER_MORE
		                                : HTTP_ANSWER_BAD;
	}
	size_t take = a->until_end || in.n < a->left ? in.n : (size_t)a->left;
	if (take > max - a->body.n)
		return HTTP_ANSWER_BAD;
	buf_add(&a->body, in.p, take);
	*used += take;
	if (a->until_end)
		return HTTP_ANSWER_MORE;
	a->left -= take;
	return a->left ? HTTP_ANSWER_MORE : HTTP_ANSWER_DONE;
}

enum http_answer_result http_answer_feed(struct http_answer *a, struct slice in, size_t max, size_t *used)
{
	*used = 0;
	if (!a->status) {
		size_t head = http_answer_head(in);
		if (!head)
			return in.n > max ? HTTP_ANSWER_BAD : HTTP_ANSWER_MORE;
		if (!answer_begin(a, slice_of(in.p, head)))
			return HTTP_ANSWER_BAD;
		*used = head;
	}
	return answer_body(a, slice_of(in.p + *used, in.n - *used), max, used);
}

bool http_answer_ends(const struct http_answer *a)
{
	return a->status && a->until_end;
}

void http_answer_fini(struct http_answer *a)
{
	buf_fini(&a->body);
	*a = (struct http_answer){0};
}
