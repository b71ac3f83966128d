/*
 * A request as handlers see it: its head, headers and query, and the limits of its body.
 */
#include "base/number.h"
#include "http/http_internal.h"

const struct http_head *http_head(const struct http_exchange *x)
{
	return &x->head;
}

bool http_header(const struct http_exchange *x, const char *name, struct slice *value)
{
	for (unsigned i = 0; i < x->nheaders; i++)
		if (http_name_eq(x->headers[i].name, name)) {
			*value = x->headers[i].value;
			return true;
		}
	return false;
}

bool http_header_back(const struct http_exchange *x, const char *name, unsigned i, struct slice *value)
{
	for (unsigned k = x->nheaders; k-- > 0;)
		if (http_name_eq(x->headers[k].name, name) && i-- == 0) {
			*value = x->headers[k].value;
			return true;
		}
	return false;
}

static void percent_decode(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int hi = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
		if (lo >= 0) {
			buf_char(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_char(out, s.p[i] == '+' ? ' ' : s.p[i]);
		}
	}
}

bool http_query(const struct http_exchange *x, const char *name, struct buf *value)
{
	struct slice q = x->head.query, found = {0};
	bool any = false;
	struct buf key = {0};
	while (q.n) {
		const char *amp = memchr(q.p, '&', q.n);
		struct slice pair = slice_of(q.p, amp ? (size_t)(amp - q.p) : q.n);
		size_t step = pair.n + (amp != NULL);
		q = slice_of(q.p + step, q.n - step);
		const char *eq = memchr(pair.p, '=', pair.n);
		struct slice raw = slice_of(pair.p, eq ? (size_t)(eq - pair.p) : pair.n);
		key.n = 0;
		percent_decode(&key, raw);
		if (slice_eq(buf_view(&key), slice_str(name))) {
			any = true;
			found = eq ? slice_of(eq + 1, pair.n - raw.n - 1) : slice_of("", 0);
		}
	}
	buf_fini(&key);
	if (any)
		percent_decode(value, found);
	return any;
}

struct conn *http_conn(const struct http_exchange *x)
{
	return x->h->conn;
}

void http_set_user(struct http_exchange *x, void *user)
{
	x->user = user;
}

void *http_user(const struct http_exchange *x)
{
	return x->user;
}

void http_set_max_body(struct http_exchange *x, size_t n)
{
	x->max_body = n;
}

void http_set_on_too_large(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *ctx))
{
	x->on_too_large = fn;
}

void http_set_events(struct http_exchange *x, const struct http_events *ev, void *ctx)
{
	x->ev = ev;
	x->ctx = ctx;
}
