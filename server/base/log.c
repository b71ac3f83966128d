#include "base/log.h"

#include "base/buf.h"
#include "base/text.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum log_level log_threshold = LOG_INFO;

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

static bool plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

static void add_fields(struct buf *line, const struct log_field *f, size_t max)
{
	for (size_t i = 0; i < max && f[i].key; i++) {
		buf_char(line, ' ');
		buf_str(line, f[i].key);
		buf_char(line, '=');
		if (f[i].kind == LOG_F_U64)
			buf_u64(line, f[i].u);
		else if (f[i].kind == LOG_F_I64)
			buf_printf(line, "%lld", (long long)f[i].i);
		else if (plain(f[i].s))
			buf_slice(line, f[i].s);
		else
			buf_json_str(line, f[i].s);
	}
}

/* The line ends at PIPE_BUF bytes, not inside of a character. */
static void end_line(struct buf *line)
{
	if (line->n >= PIPE_BUF) {
		line->n = PIPE_BUF - 1;
		while (((unsigned char)line->p[line->n] & 0xc0) == 0x80)
			line->n--;
	}
	buf_char(line, '\n');
}

/*
 * stderr is whatever we were given, as a rule a pipe or a socket that blocks, shared with others: its mode is not ours to change.
 * Where it says that it takes something, it takes PIPE_BUF bytes.
 */
static bool takes_a_line(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* One write per line of at most PIPE_BUF bytes, so lines of two processes on one pipe do not mix. */
void log_event(enum log_level level, const struct log_ident *who, const char *event, const struct log_field *fields)
{
	struct buf line = {0};
	char now[25];
	iso_time(now, clock_wall_ms());
	buf_printf(&line, "%s %s %s", now, level_names[level], event);
	for (; who; who = who->parent)
		add_fields(&line, who->fields, ARRAY_LEN(who->fields));
	add_fields(&line, fields, SIZE_MAX);
	end_line(&line);
	int kept = errno;
	ssize_t n = takes_a_line(STDERR_FILENO) ? write(STDERR_FILENO, line.p, line.n) : 0;
	(void)n;
	errno = kept;
	buf_fini(&line);
}
