/*
 * Heads and chunked bodies of HTTP. Called by http.c, and at every cut by unit tests.
 */
#include "http/parse.h"

#include "base/number.h"

#define BLANKS " \t"
#define LENGTH_DIGITS 18 /* of Content-Length: sums of lengths stay below 64 bits */

static bool token_char(unsigned char c)
{
	return is_digit((char)c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!token_char((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

static char lower_case(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool http_name_eq(struct slice name, const char *want)
{
	size_t n = strlen(want);
	if (name.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower_case(name.p[i]) != want[i])
			return false;
	return true;
}

bool http_has_token(struct slice list, const char *want)
{
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n;
		if (http_name_eq(slice_trim(slice_of(list.p, n), BLANKS), want))
			return true;
		n += comma != NULL;
		list = slice_of(list.p + n, list.n - n);
	}
	return false;
}

/* One line without its CRLF. False: a bare CR or LF, or a NUL, stands in it. */
static bool next_line(struct slice *text, struct slice *line)
{
	const char *end = memmem(text->p, text->n, "\r\n", 2);
	if (!end)
		return false;
	*line = slice_of(text->p, (size_t)(end - text->p));
	*text = slice_of(end + 2, text->n - line->n - 2);
	return !memchr(line->p, '\r', line->n) && !memchr(line->p, '\n', line->n) && !memchr(line->p, '\0', line->n);
}

static enum http_method method_of(struct slice s)
{
	static const struct {
		struct slice name;
		enum http_method method;
	} methods[] = {
		{{"GET", 3}, HTTP_GET},         {{"HEAD", 4}, HTTP_HEAD}, {{"POST", 4}, HTTP_POST},
		{{"OPTIONS", 7}, HTTP_OPTIONS}, {{"PUT", 3}, HTTP_PUT},   {{"PATCH", 5}, HTTP_PATCH},
		{{"DELETE", 6}, HTTP_DELETE},
	};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_eq(s, methods[i].name))
			return methods[i].method;
	return HTTP_OTHER;
}

static int parse_request_line(struct slice line, struct http_head *h)
{
	const char *a = memchr(line.p, ' ', line.n);
	const char *b = a ? memrchr(line.p, ' ', line.n) : NULL;
	if (!a || a == b)
		return 400;
	struct slice method = slice_of(line.p, (size_t)(a - line.p)),
		     version = slice_of(b + 1, (size_t)(line.p + line.n - b - 1));
	h->target = slice_of(a + 1, (size_t)(b - a - 1));
	if (!is_token(method) || h->target.n == 0)
		return 400;
	for (size_t i = 0; i < h->target.n; i++)
		if ((unsigned char)h->target.p[i] <= ' ' || h->target.p[i] == 0x7f)
			return 400;
	if (slice_eq(version, SLICE("HTTP/1.0")))
		h->http10 = true;
	else if (!slice_starts(version, SLICE("HTTP/")))
		return 400;
	else if (!slice_eq(version, SLICE("HTTP/1.1")))
		return 505;
	h->method = method_of(method);
	const char *mark = memchr(h->target.p, '?', h->target.n);
	h->path = mark ? slice_of(h->target.p, (size_t)(mark - h->target.p)) : h->target;
	h->query = mark ? slice_of(mark + 1, h->target.n - h->path.n - 1) : slice_of("", 0);
	return 0;
}

static bool parse_header(struct slice line, struct http_header *out)
{
	const char *colon = memchr(line.p, ':', line.n);
	if (!colon) /* a folded line has no colon, or its name begins with a blank and is no token */
		return false;
	out->name = slice_of(line.p, (size_t)(colon - line.p));
	out->value = slice_trim(slice_of(colon + 1, line.n - out->name.n - 1), BLANKS);
	if (!is_token(out->name))
		return false;
	for (size_t i = 0; i < out->value.n; i++)
		if (((unsigned char)out->value.p[i] < ' ' && out->value.p[i] != '\t') || out->value.p[i] == 0x7f)
			return false;
	return true;
}

static bool parse_length(struct slice v, uint64_t *out)
{
	return v.n <= LENGTH_DIGITS && u64_parse(v, out);
}

/* The framing, as the headers say it. Two lengths, or a length and chunks, are refused: they let a request hide in
 * another. */
static int read_framing(struct http_parsed *p)
{
	struct http_head *h = &p->head;
	unsigned hosts = 0, lengths = 0, codings = 0;
	bool connection_upgrade = false, upgrade = false, websocket = false, expects = false;
	for (unsigned i = 0; i < p->nheaders; i++) {
		struct slice name = p->headers[i].name, value = p->headers[i].value;
		if (http_name_eq(name, "host")) {
			hosts++;
		} else if (http_name_eq(name, "content-length")) {
			if (lengths++ || !parse_length(value, &h->content_length))
				return 400;
		} else if (http_name_eq(name, "transfer-encoding")) {
			if (codings++ || h->http10)
				return 400;
			if (!http_name_eq(value, "chunked"))
				return 501;
			h->chunked = true;
		} else if (http_name_eq(name, "connection")) {
			connection_upgrade |= http_has_token(value, "upgrade");
			p->close |= http_has_token(value, "close");
			p->keep_alive |= http_has_token(value, "keep-alive");
		} else if (http_name_eq(name, "upgrade")) {
			upgrade = true;
			websocket |= http_name_eq(value, "websocket");
		} else if (http_name_eq(name, "expect")) {
			expects = true;
			p->expect_continue = http_name_eq(value, "100-continue");
		}
	}
	if ((lengths && codings) || hosts > 1 || (hosts == 0 && !h->http10))
		return 400;
	if (expects && !p->expect_continue)
		return 417;
	h->upgrade = upgrade && connection_upgrade;
	h->upgrade_websocket = h->upgrade && websocket;
	h->has_body = h->chunked || h->content_length > 0;
	return 0;
}

/* ---- a head that has not ended ---- */

/* Each LF behind `from` has its CR, and no other control character stands there. */
static bool partial_lines_good(struct slice in, size_t from)
{
	for (size_t i = from; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i], before = i ? (unsigned char)in.p[i - 1] : 0;
		if ((before == '\r') != (c == '\n') || (c < ' ' && !strchr("\t\r\n", c)) || c == 0 || c == 0x7f)
			return false;
	}
	return true;
}

/* The status to refuse a head with of which this much is here; `from` bytes of it were good. */
static int partial_status(struct slice in, size_t from)
{
	if (in.n == 0)
		return 0;
	if (!token_char((unsigned char)in.p[0]) || !partial_lines_good(in, from))
		return 400;
	const char *first = memchr(in.p, '\n', in.n);
	if (!first || (size_t)(first - in.p) < from)
		return 0; /* it is not here, or was looked at before */
	struct http_head ignored = {0};
	return parse_request_line(slice_of(in.p, (size_t)(first - in.p) - 1), &ignored);
}

int http_head_end(struct slice in, size_t *scanned, size_t *end)
{
	size_t seen = *scanned, from = seen > 3 ? seen - 3 : 0;
	const char *found = from < in.n ? memmem(in.p + from, in.n - from, "\r\n\r\n", 4) : NULL;
	*scanned = in.n;
	*end = found ? (size_t)(found - in.p) + 4 : 0;
	return found ? 0 : partial_status(in, seen);
}

int http_parse_head(struct slice text, struct http_parsed *out)
{
	out->head = (struct http_head){0};
	out->nheaders = 0;
	out->expect_continue = out->close = out->keep_alive = false;
	struct slice line;
	if (!next_line(&text, &line))
		return 400;
	int status = parse_request_line(line, &out->head);
	if (status)
		return status;
	while (text.n) {
		if (!next_line(&text, &line))
			return 400;
		if (line.n == 0)
			break;
		if (out->nheaders == HTTP_MAX_HEADERS)
			return 431;
		if (!parse_header(line, &out->headers[out->nheaders++]))
			return 400;
	}
	return read_framing(out);
}

/* ---- chunks ---- */

enum {
	SIZE_FIRST,
	SIZE,
	SIZE_BLANK,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	END_LF
};

#define MAX_OVERHEAD 65536u /* bytes of sizes, extensions and trailers of one body, beyond what its chunks need */
#define CHUNK_OVERHEAD 16u  /* bytes that a chunk needs: a body may come in chunks of one byte */

/* A byte outside of chunk data. False: it cannot stand there. */
static bool chunk_step(struct http_chunked *c, char ch)
{
	int d;
	switch (c->state) {
	case SIZE_FIRST:
	case SIZE:
		d = hex_digit(ch);
		if (d >= 0 && c->left < UINT64_C(1) << 40) {
			c->left = c->left * 16 + (uint64_t)d;
			c->state = SIZE;
			return true;
		}
		if (d >= 0 || c->state == SIZE_FIRST)
			return false;
		/* fall through */
	case SIZE_BLANK: /* "5 6" must not be five here and something else to a proxy */
		c->state = ch == '\r' ? SIZE_LF : ch == ';' ? EXTENSION : SIZE_BLANK;
		return ch == '\r' || ch == ';' || ch == ' ' || ch == '\t';
	case EXTENSION:
		if (ch == '\r')
			c->state = SIZE_LF;
		return ch != '\n' && ch != '\0';
	case SIZE_LF:
		c->state = c->left ? DATA : TRAILER_START;
		return ch == '\n';
	case DATA_CR:
		c->state = DATA_LF;
		return ch == '\r';
	case DATA_LF:
		c->state = SIZE_FIRST;
		return ch == '\n';
	case TRAILER_START:
		c->state = ch == '\r' ? END_LF : TRAILER;
		return ch != '\n' && ch != '\0';
	case TRAILER:
		if (ch == '\r')
			c->state = TRAILER_LF;
		return ch != '\n' && ch != '\0';
	case TRAILER_LF:
		c->state = TRAILER_START;
		return ch == '\n';
	default:
		return ch == '\n';
	}
}

enum http_chunked_result http_chunked_feed(struct http_chunked *c, const char *p, size_t n, struct buf *out, size_t max,
                                           size_t *used)
{
	size_t i = 0;
	while (i < n) {
		if (c->state == DATA) {
			size_t take = c->left < n - i ? (size_t)c->left : n - i;
			if (take > max - out->n)
				return HTTP_CHUNKED_TOO_LARGE;
			buf_add(out, p + i, take);
			i += take;
			c->left -= take;
			if (c->left == 0) {
				c->state = DATA_CR;
				c->overhead -= c->overhead < CHUNK_OVERHEAD ? c->overhead : CHUNK_OVERHEAD;
			}
			continue;
		}
		bool ends = c->state == END_LF;
		if (++c->overhead > MAX_OVERHEAD || !chunk_step(c, p[i++]))
			return HTTP_CHUNKED_BAD;
		if (c->state == DATA && c->left > max - out->n)
			return HTTP_CHUNKED_TOO_LARGE; /* by the size that is announced, before its bytes */
		if (ends) {
			*used = i;
			return HTTP_CHUNKED_DONE;
		}
	}
	*used = i;
	return HTTP_CHUNKED_MORE;
}
