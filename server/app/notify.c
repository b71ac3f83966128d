#include "app/notify.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (!path || !*path || strlen(path) >= sizeof to.sun_path)
		return;
	size_t n = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	memcpy(to.sun_path, path, strlen(path));
	if (*path == '@') /* a name without a file */
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)n);
	close(fd);
}

static void notify_alive(struct timer *t)
{
	struct notify_watchdog *w = container_of(t, struct notify_watchdog, timer);
	notify_send("WATCHDOG=1");
	timer_set(w->loop, t, loop_now(w->loop) + w->every_ms);
}

/* WATCHDOG_PID is another process's where a manager has set both for the parent of this one. */
static bool is_meant(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	return !pid || strtoll(pid, NULL, 10) == getpid();
}

void notify_watchdog_start(struct notify_watchdog *w, struct loop *l)
{
	const char *us = getenv("WATCHDOG_USEC");
	uint64_t ms = us && is_meant() ? strtoull(us, NULL, 10) / 1000 : 0;
	if (ms == 0)
		return;
	*w = (struct notify_watchdog){.loop = l, .timer.fire = notify_alive, .every_ms = ms < 3 ? 1 : ms / 3};
	timer_set(l, &w->timer, loop_now(l));
}

void notify_watchdog_stop(struct notify_watchdog *w)
{
	if (w->loop)
		timer_stop(w->loop, &w->timer);
}
