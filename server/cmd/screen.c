/*
 * The terminal of `bellwire top`.
 */
#include "cmd/screen.h"
#include "base/buf.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

static void screen_write(struct slice text)
{
	fwrite(text.p, 1, text.n, stdout);
	fflush(stdout);
}

bool screen_open(struct screen *s)
{
	sigset_t set;
	if (!isatty(STDOUT_FILENO))
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	s->has_keys = tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (s->has_keys) {
		struct termios raw = s->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	screen_write(SLICE(ENTER));
	s->open = true;
	return true;
}

void screen_close(struct screen *s)
{
	if (!s->open)
		return;
	s->open = false;
	screen_write(SLICE(LEAVE));
	if (s->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
	close(s->signals);
}

/* The bytes of the first `columns` characters. */
static size_t screen_cut(struct slice line, unsigned columns)
{
	size_t i = 0;
	for (unsigned n = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] & 0xc0) != 0x80 && n++ == columns)
			break;
	return i;
}

void screen_draw(const struct screen *s, struct slice text)
{
	struct winsize w = {0};
	struct buf out = {0};
	(void)s;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row < 2 || w.ws_col < 2)
		w = (struct winsize){.ws_row = 24, .ws_col = 80};
	buf_str(&out, HOME);
	for (unsigned row = 0; row < w.ws_row && text.n; row++) {
		const char *end = memchr(text.p, '\n', text.n);
		struct slice line = slice_of(text.p, end ? (size_t)(end - text.p) : text.n);
		size_t took = line.n + (end ? 1 : 0);
		if (row)
			buf_char(&out, '\n');
		buf_add(&out, line.p, screen_cut(line, w.ws_col));
		buf_str(&out, CLEAR_LINE);
		text = slice_of(text.p + took, text.n - took);
	}
	buf_str(&out, CLEAR_BELOW);
	screen_write(buf_view(&out));
	buf_fini(&out);
}

bool screen_wait(const struct screen *s, int ms)
{
	struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
	char key = 0;
	if (poll(fds, s->has_keys ? 2 : 1, ms) <= 0)
		return true;
	if (fds[0].revents)
		return false;
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
}
