#include "db/resolve.h"

#include "base/mem.h"
#include <arpa/inet.h>
#include <ev.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

/* Shared by the loop and the thread; the last of them to be done with it frees it. */
struct resolve_job {
	pthread_mutex_t lock;
	struct resolve *owner; /* NULL: cancelled */
	bool finished;
	char *host, *addr, *port;
	struct targets targets;
};

struct resolve {
	struct loop *loop;
	struct resolve_job *job;
	ev_async ready;
	struct deferred at_once; /* nothing to resolve */
	struct targets targets;
	resolved *done;
	void *arg;
};

static void resolve_job_free(struct resolve_job *j)
{
	targets_fini(&j->targets);
	free(j->host);
	free(j->addr);
	free(j->port);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

/* ---- on the thread ---- */

static struct slice resolve_next(const char **list)
{
	const char *from = *list, *end = strchrnul(from, ',');
	*list = *end ? end + 1 : NULL;
	return slice_of(from, (size_t)(end - from));
}

static void resolve_add_addresses(struct targets *to, struct slice host, struct slice port, char **error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
	char *name = mem_strndup(host.p, host.n);
	int why = getaddrinfo(name, NULL, &hints, &found);
	if (why && !*error)
		*error = mem_printf("could not resolve \"%s\": %s", name, gai_strerror(why));
	for (struct addrinfo *a = why ? NULL : found; a; a = a->ai_next) {
		char text[NI_MAXHOST];
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		targets_add(to, host, slice_str(text), port);
	}
	if (found)
		freeaddrinfo(found);
	free(name);
}

static bool resolve_needs_no_name(struct slice host)
{
	unsigned char addr[sizeof(struct in6_addr)];
	if (host.n == 0 || host.p[0] == '/' || host.p[0] == '@')
		return true;
	char *name = mem_strndup(host.p, host.n);
	bool numeric = inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1 || strchr(name, '%');
	free(name);
	return numeric;
}

static size_t resolve_count(const char *list)
{
	size_t n = 0;
	while (list) {
		resolve_next(&list);
		n++;
	}
	return n;
}

/* Of lists that do not fit one another libpq says what is wrong. */
static bool resolve_fits(const char *hosts, const char *addrs, const char *ports)
{
	size_t n = resolve_count(addrs ? addrs : hosts), nports = resolve_count(ports);
	return n > 0 && (!hosts || resolve_count(hosts) == n) && (nports <= 1 || nports == n);
}

/* Every address of every host becomes a place; one port stands for all, as libpq has it. */
static void resolve_all(const char *hosts, const char *addrs, const char *ports, struct targets *to)
{
	char *error = NULL;
	struct slice host = {0}, addr = {0}, port = {0};
	if (!resolve_fits(hosts, addrs, ports)) {
		targets_add(to, host, addr, port);
		return;
	}
	while (addrs || hosts) {
		host = hosts ? resolve_next(&hosts) : host;
		addr = addrs ? resolve_next(&addrs) : addr;
		port = ports ? resolve_next(&ports) : port;
		if (addr.n || resolve_needs_no_name(host))
			targets_add(to, host, addr, port);
		else
			resolve_add_addresses(to, host, port, &error);
	}
	if (to->n == 0)
		to->error = error;
	else
		free(error);
}

static void *resolve_job_run(void *arg)
{
	struct resolve_job *j = arg;
	struct targets t = {0};
	resolve_all(j->host, j->addr, j->port, &t);
	pthread_mutex_lock(&j->lock);
	j->targets = t;
	j->finished = true;
	bool orphan = !j->owner;
	if (!orphan)
		ev_async_send(loop_ev(j->owner->loop), &j->owner->ready);
	pthread_mutex_unlock(&j->lock);
	if (orphan)
		resolve_job_free(j);
	return NULL;
}

/* ---- on the loop ---- */

static void resolve_deliver(struct resolve *r)
{
	struct targets t = r->targets;
	resolved *done = r->done;
	void *arg = r->arg;
	r->targets = (struct targets){0};
	resolve_cancel(&r);
	done(arg, &t);
}

static void resolve_at_once(struct deferred *d)
{
	resolve_deliver(container_of(d, struct resolve, at_once));
}

static void resolve_on_ready(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev, (void)revents;
	struct resolve *r = w->data;
	pthread_mutex_lock(&r->job->lock);
	bool finished = r->job->finished;
	if (finished) {
		r->targets = r->job->targets;
		r->job->targets = (struct targets){0};
	}
	pthread_mutex_unlock(&r->job->lock);
	if (finished)
		resolve_deliver(r);
}

static bool resolve_start_thread(struct resolve *r, const char *host, const char *addr, const char *port)
{
	struct resolve_job *j = r->job = NEW(struct resolve_job);
	pthread_mutex_init(&j->lock, NULL);
	j->owner = r;
	j->host = mem_strndup(host, strlen(host));
	j->addr = addr ? mem_strndup(addr, strlen(addr)) : NULL;
	j->port = port ? mem_strndup(port, strlen(port)) : NULL;
	ev_async_start(loop_ev(r->loop), &r->ready);
	sigset_t all, kept;
	sigfillset(&all); /* signals belong to the loop's thread */
	pthread_sigmask(SIG_SETMASK, &all, &kept);
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_t thread;
	int failed = pthread_create(&thread, &detached, resolve_job_run, j);
	pthread_attr_destroy(&detached);
	pthread_sigmask(SIG_SETMASK, &kept, NULL);
	if (failed)
		j->finished = true;
	return !failed;
}

static const char *resolve_option(const PQconninfoOption *o, const char *keyword, const char *env)
{
	for (; o && o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0 && o->val)
			return o->val;
	return getenv(env);
}

static bool resolve_all_known(const char *hosts, const char *addrs)
{
	while (hosts) {
		struct slice host = resolve_next(&hosts), addr = addrs ? resolve_next(&addrs) : host;
		if (!resolve_needs_no_name(host) && (addr.p == host.p || !addr.n))
			return false;
	}
	return true;
}

struct resolve *resolve_start(struct loop *l, const char *url, resolved *done, void *arg)
{
	struct resolve *r = NEW(struct resolve);
	r->loop = l;
	r->done = done;
	r->arg = arg;
	deferred_init(&r->at_once, resolve_at_once);
	ev_async_init(&r->ready, resolve_on_ready);
	r->ready.data = r;
	char *why = NULL;
	PQconninfoOption *o = PQconninfoParse(url, &why);
	const char *host = resolve_option(o, "host", "PGHOST"), *addr = resolve_option(o, "hostaddr", "PGHOSTADDR"),
		   *port = resolve_option(o, "port", "PGPORT");
	bool thread = false;
	if (!o)
		r->targets.error = mem_printf("connection string: %s", why ? why : "malformed");
	else if (resolve_all_known(host, addr))
		resolve_all(host, addr, port, &r->targets);
	else if (!(thread = resolve_start_thread(r, host, addr, port)))
		r->targets.error = mem_printf("no thread to resolve \"%s\"", host);
	if (!thread)
		loop_defer(l, LOOP_WORK, &r->at_once);
	PQconninfoFree(o);
	PQfreemem(why);
	return r;
}

void resolve_cancel(struct resolve **rp)
{
	struct resolve *r = *rp;
	*rp = NULL;
	if (!r)
		return;
	deferred_cancel(&r->at_once);
	ev_async_stop(loop_ev(r->loop), &r->ready);
	struct resolve_job *j = r->job;
	if (j) {
		pthread_mutex_lock(&j->lock);
		bool finished = j->finished;
		j->owner = NULL;
		pthread_mutex_unlock(&j->lock);
		if (finished)
			resolve_job_free(j);
	}
	targets_fini(&r->targets);
	free(r);
}
