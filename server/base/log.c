/*
 * One line of the log: its level, its text and the one write that puts it out. Called through the macros of log.h,
 * which test the level first.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define CUT ",\"cut\":true"

enum log_level log_threshold = LOG_INFO;
enum log_format log_format = LOG_TEXT;

static const char *const level_names[] = {
#define X(NAME, label) #label,
	LOG_LEVELS(X)
#undef X
};

bool log_level_parse(struct slice s, enum log_level *out)
{
	for (int i = 0; i < LOG_LEVEL_MAX; i++)
		if (slice_eq(s, slice_str(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

/*
 * How many bytes at i a terminal or a reader of the log takes for control, beyond those that JSON escapes: C1
 * characters (a new line, CSI), line separators, changes of direction, and bytes that are no text at all. 0: none.
 */
static size_t control_at(struct slice s, size_t i, bool text, unsigned *code)
{
	const unsigned char *p = (const unsigned char *)s.p + i;
	*code = p[0];
	if (p[0] == 0x7f)
		return 1;
	if (p[0] < 0x80)
		return 0;
	if (!text)
		return 1;
	if (p[0] == 0xc2 && p[1] < 0xa0) {
		*code = p[1];
		return 2;
	}
	if (p[0] != 0xe2 || (p[1] != 0x80 && p[1] != 0x81))
		return 0;
	*code = 0x2000u + (p[1] & 1u) * 64u + (p[2] & 63u);
	return (*code >= 0x200e && *code <= 0x200f) || (*code >= 0x2028 && *code <= 0x202e) ||
	                       (*code >= 0x2066 && *code <= 0x2069)
	               ? 3
	               : 0;
}

static bool is_plain(struct slice s, bool text)
{
	unsigned code;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\' ||
		    control_at(s, i, text, &code))
			return false;
	return s.n > 0;
}

static void log_quoted(struct buf *line, struct slice s, bool text)
{
	struct buf quoted = {0};
	buf_json_str(&quoted, s);
	struct slice q = buf_view(&quoted);
	for (size_t i = 0, n; i < q.n; i += n ? n : 1) {
		unsigned code;
		n = control_at(q, i, text, &code);
		if (n)
			buf_printf(line, "\\u%04x", code);
		else
			buf_char(line, q.p[i]);
	}
	buf_fini(&quoted);
}

struct log_line {
	struct buf text;
	bool cut; /* an object that has no room for more fields */
};

static void log_value(struct buf *text, const struct log_field *f)
{
	if (f->kind == LOG_F_U64) {
		buf_u64(text, f->u);
	} else if (f->kind == LOG_F_I64) {
		buf_printf(text, "%lld", (long long)f->i);
	} else {
		bool valid = utf8_valid(f->s);
		if (log_format == LOG_TEXT && is_plain(f->s, valid))
			buf_slice(text, f->s);
		else
			log_quoted(text, f->s, valid);
	}
}

static void put_member(struct log_line *line, struct log_field f)
{
	size_t before = line->text.n;
	if (line->cut)
		return;
	buf_printf(&line->text, ",\"%s\":", f.key);
	log_value(&line->text, &f);
	line->cut = line->text.n + strlen(CUT) + strlen("}\n") > PIPE_BUF;
	if (line->cut) {
		line->text.n = before;
		buf_str(&line->text, CUT);
	}
}

void log_put(struct log_line *line, struct log_field f)
{
	if (log_format == LOG_JSON) {
		put_member(line, f);
		return;
	}
	buf_printf(&line->text, " %s=", f.key);
	log_value(&line->text, &f);
}

void log_put_ident(struct log_line *line, struct log_ident who)
{
	if (who.put)
		who.put(line, who.of);
}

/* Text that is too long is cut at PIPE_BUF bytes, between two characters; an object never is too long. */
static void end_line(struct buf *line)
{
	if (log_format == LOG_JSON) {
		buf_char(line, '}');
	} else if (line->n >= PIPE_BUF) {
		line->n = PIPE_BUF - 1;
		while (((unsigned char)line->p[line->n] & 0xc0) == 0x80)
			line->n--;
	}
	buf_char(line, '\n');
}

/*
 * stderr is whatever we were given: as a rule a pipe or a socket that blocks, shared with other processes. Its mode is
 * not ours to change, so poll asks first; a pipe that is writable takes PIPE_BUF bytes.
 */
static bool takes_a_line(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* One write for a line of at most PIPE_BUF bytes: lines of two processes on one pipe do not mix. */
void log_event(enum log_level level, struct log_ident who, const char *event, const struct log_field *fields)
{
	struct log_line line = {0};
	struct buf *text = &line.text;
	char now[25];
	iso_time(now, clock_wall_ms());
	buf_printf(text, log_format == LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"%s\"" : "%s %s %s", now,
	           level_names[level], event);
	log_put_ident(&line, who);
	for (const struct log_field *f = fields; f->key; f++)
		log_put(&line, *f);
	end_line(text);
	int kept = errno;
	ssize_t n = takes_a_line(STDERR_FILENO) ? write(STDERR_FILENO, text->p, text->n) : 0;
	(void)n;
	errno = kept;
	buf_fini(text);
}

bool log_sample_take(struct log_sample *s, uint64_t now_ms, uint64_t *left_out)
{
	if (s->second != now_ms / 1000) {
		s->second = now_ms / 1000;
		s->written = 0;
	}
	*left_out = s->left_out;
	if (s->written == (s->most ? s->most : 10)) {
		s->left_out++;
		return false;
	}
	s->written++;
	s->left_out = 0;
	return true;
}
