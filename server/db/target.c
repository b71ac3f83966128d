#include "db/target.h"

#include "base/mem.h"

static char *target_text(struct slice s)
{
	return s.n ? mem_strndup(s.p, s.n) : NULL;
}

void targets_add(struct targets *t, struct slice host, struct slice hostaddr, struct slice port)
{
	t->at = mem_realloc(t->at, (t->n + 1) * sizeof(*t->at));
	t->at[t->n++] = (struct target){target_text(host), target_text(hostaddr), target_text(port)};
}

static void targets_clear(struct targets *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->at[i].host);
		free(t->at[i].hostaddr);
		free(t->at[i].port);
	}
	free(t->at);
	free(t->error);
	t->at = NULL;
	t->error = NULL;
	t->n = t->first = t->tried = 0;
}

void targets_fini(struct targets *t)
{
	targets_clear(t);
	free(t->good);
	t->good = NULL;
}

void targets_renew(struct targets *t, struct targets *from)
{
	targets_clear(t);
	t->at = from->at;
	t->n = from->n;
	t->error = from->error;
	*from = (struct targets){0};
}

/* ---- the walk ---- */

static const struct target *targets_present(const struct targets *t)
{
	return &t->at[(t->first + t->tried - 1) % t->n];
}

static char *target_name(const struct target *one)
{
	return mem_printf("%s %s %s", one->host ? one->host : "", one->hostaddr ? one->hostaddr : "",
	                  one->port ? one->port : "");
}

static bool target_is(const struct target *one, const char *name)
{
	char *own = target_name(one);
	bool same = strcmp(own, name) == 0;
	free(own);
	return same;
}

const struct target *targets_first(struct targets *t)
{
	t->first = t->tried = 0;
	for (size_t i = 0; t->good && i < t->n; i++)
		if (target_is(&t->at[i], t->good)) {
			t->first = i;
			break;
		}
	return targets_next(t);
}

const struct target *targets_next(struct targets *t)
{
	if (t->tried == t->n)
		return NULL;
	t->tried++;
	return targets_present(t);
}

void targets_worked(struct targets *t)
{
	free(t->good);
	t->good = target_name(targets_present(t));
}
