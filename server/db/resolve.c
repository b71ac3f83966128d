#include "db/resolve.h"

#include "base/buf.h"
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
	char *host, *port;
	struct target target;
};

struct resolve {
	struct loop *loop;
	struct resolve_job *job;
	ev_async ready;
	struct deferred at_once; /* nothing to resolve */
	struct target target;
	resolved *done;
	void *arg;
};

void target_fini(struct target *t)
{
	free(t->host);
	free(t->hostaddr);
	free(t->port);
	free(t->error);
	*t = (struct target){0};
}

static void resolve_job_free(struct resolve_job *j)
{
	target_fini(&j->target);
	free(j->host);
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

struct resolve_lists {
	size_t n;
	struct buf host, hostaddr, port, error;
};

static void resolve_add(struct resolve_lists *to, struct slice host, struct slice addr, struct slice port)
{
	if (to->n++) {
		buf_char(&to->host, ',');
		buf_char(&to->hostaddr, ',');
		buf_char(&to->port, ',');
	}
	buf_slice(&to->host, host);
	buf_slice(&to->hostaddr, addr); /* empty: libpq goes by the host */
	buf_slice(&to->port, port);     /* empty: the default */
}

static void resolve_add_addresses(struct resolve_lists *to, struct slice host, struct slice port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
	char *name = mem_strndup(host.p, host.n);
	int why = getaddrinfo(name, NULL, &hints, &found);
	if (why && to->error.n == 0)
		buf_printf(&to->error, "could not resolve \"%s\": %s", name, gai_strerror(why));
	for (struct addrinfo *a = why ? NULL : found; a; a = a->ai_next) {
		char text[NI_MAXHOST];
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		resolve_add(to, host, slice_str(text), port);
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

/* Every address of every host becomes an entry; one port stands for all, as libpq has it. */
static void resolve_all(const char *hosts, const char *ports, struct target *out)
{
	struct resolve_lists to = {0};
	struct slice port = slice_str("");
	while (hosts) {
		struct slice host = resolve_next(&hosts);
		if (ports)
			port = resolve_next(&ports);
		if (resolve_needs_no_name(host))
			resolve_add(&to, host, SLICE(""), port);
		else
			resolve_add_addresses(&to, host, port);
	}
	if (to.n == 0)
		out->error = buf_steal(&to.error, NULL);
	out->host = buf_steal(&to.host, NULL);
	out->hostaddr = buf_steal(&to.hostaddr, NULL);
	out->port = buf_steal(&to.port, NULL);
	buf_fini(&to.error);
}

static void *resolve_job_run(void *arg)
{
	struct resolve_job *j = arg;
	struct target t = {0};
	resolve_all(j->host, j->port, &t);
	pthread_mutex_lock(&j->lock);
	j->target = t;
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
	struct target t = r->target;
	resolved *done = r->done;
	void *arg = r->arg;
	r->target = (struct target){0};
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
		r->target = r->job->target;
		r->job->target = (struct target){0};
	}
	pthread_mutex_unlock(&r->job->lock);
	if (finished)
		resolve_deliver(r);
}

static bool resolve_start_thread(struct resolve *r, const char *host, const char *port)
{
	struct resolve_job *j = r->job = NEW(struct resolve_job);
	pthread_mutex_init(&j->lock, NULL);
	j->owner = r;
	j->host = mem_strndup(host, strlen(host));
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

static bool resolve_all_known(const char *hosts)
{
	while (hosts)
		if (!resolve_needs_no_name(resolve_next(&hosts)))
			return false;
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
		r->target.error = mem_printf("connection string: %s", why ? why : "malformed");
	else if (host && !addr && !resolve_all_known(host) && !(thread = resolve_start_thread(r, host, port)))
		r->target.error = mem_printf("no thread to resolve \"%s\"", host);
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
	target_fini(&r->target);
	free(r);
}
