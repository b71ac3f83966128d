#include "app/app.h"
#include "app/notify.h"
#include "base/log.h"
#include "test.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static char dir[] = "/tmp/notify_test.XXXXXX", path[64];

/* A manager: a bound datagram socket. name: as in NOTIFY_SOCKET. */
static int manager_open(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, name, strlen(name));
	if (*name == '@')
		at.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) ==
	      0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

/* What the manager has heard next; empty when nothing is there. */
static const char *manager_hears(int fd)
{
	static char text[128];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

TEST(nobody_listens)
{
	clearenv();
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/socket", 1);
	notify_send("READY=1");
	char longest[200];
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_send("READY=1");
}

TEST(told)
{
	clearenv();
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/socket", dir);
	int fd = manager_open(path);
	notify_send("READY=1\nSTATUS=here");
	CHECK_STR(manager_hears(fd), "READY=1\nSTATUS=here");
	close(fd);
	unlink(path);
	rmdir(dir);
}

TEST(told_without_a_file)
{
	char name[64];
	clearenv();
	snprintf(name, sizeof name, "@notify_test.%d", getpid());
	int fd = manager_open(name);
	notify_send("STOPPING=1");
	CHECK_STR(manager_hears(fd), "STOPPING=1");
	/* a manager that does not read is not waited for */
	for (int i = 0; i < 10000; i++)
		notify_send("STATUS=x");
	close(fd);
}

static struct loop *loop;
static int manager, heard;

static void count(struct timer *t)
{
	while (strcmp(manager_hears(manager), "WATCHDOG=1") == 0)
		heard++;
	if (heard >= 3)
		loop_stop(loop);
	else
		timer_set(loop, t, loop_now(loop) + 5);
}

TEST(watchdog)
{
	struct notify_watchdog w = {0};
	struct timer counter = {.fire = count};
	char name[64];
	clearenv();
	snprintf(name, sizeof name, "@notify_test_watchdog.%d", getpid());
	manager = manager_open(name);
	loop = loop_new();

	notify_watchdog_start(&w, loop);
	CHECK(!timer_is_set(&w.timer)); /* nobody asked for signs */
	notify_watchdog_stop(&w);
	setenv("WATCHDOG_USEC", "30000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_watchdog_start(&w, loop);
	CHECK(!timer_is_set(&w.timer)); /* another process was asked */

	unsetenv("WATCHDOG_PID");
	notify_watchdog_start(&w, loop);
	CHECK_INT(w.every_ms, 10);
	timer_set(loop, &counter, loop_now(loop) + 5);
	loop_run(loop);
	CHECK(heard >= 3);
	notify_watchdog_stop(&w);
	notify_watchdog_stop(&w);
	CHECK(!timer_is_set(&w.timer));
	loop_free(&loop);
	close(manager);
}

/* An edge in a process of its own, which Postgres need not answer. */
static pid_t serve(void)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	struct config c;
	char error[200];
	setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x", 1);
	setenv("JWT_SECRET", "0123456789abcdef0123456789abcdef", 1);
	setenv("BELLWIRE_LISTEN", "127.0.0.1:0", 1);
	setenv("BELLWIRE_ADMIN_LISTEN", "127.0.0.1:0", 1);
	setenv("BELLWIRE_DRAIN_MS", "0", 1);
	setenv("BELLWIRE_LOG_LEVEL", "error", 1);
	_exit(config_load(&c, NULL, error, sizeof error) ? app_serve(&c, NULL) : 2);
}

/* The next that is no sign of life; the test's time limit is the only one. */
static const char *manager_waits(int fd)
{
	const char *text;
	do {
		usleep(1000);
		text = manager_hears(fd);
	} while (!*text || strcmp(text, "WATCHDOG=1") == 0);
	return text;
}

TEST(an_edge_from_its_start_to_its_end)
{
	char name[64];
	int status;
	clearenv();
	snprintf(name, sizeof name, "@notify_test_edge.%d", getpid());
	int fd = manager_open(name);
	setenv("WATCHDOG_USEC", "60000", 1);
	pid_t child = serve();
	CHECK_STR(manager_waits(fd), "READY=1");
	while (strcmp(manager_hears(fd), "WATCHDOG=1") != 0)
		usleep(1000);
	CHECK(kill(child, SIGTERM) == 0);
	CHECK_STR(manager_waits(fd), "STOPPING=1");
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(fd);
}
