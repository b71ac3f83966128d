/*
 * `bellwire verify`: the options, and the key that signs the tokens of its people.
 */
#include "verify/verify.h"
#include "app/config_check.h"
#include "base/mem.h"
#include "base/number.h"
#include "cmd/question.h"
#include <stdio.h>

#define ABOUT                                                                                                  \
	"Makes people and chats of its own, connects to every edge by every transport, writes by SQL and by\n" \
	"client, and compares what was heard with what was stored. 0: every promise was kept; 1: one was\n"    \
	"broken, or it could not be shown. docs/verify.md.\n"                                                  \
	"Example: bellwire verify --database postgresql://service@db/app --edge https://a.example.org\n"

struct verify_words {
	const char *database, *edges, *minutes, *seconds, *rate, *within, *json, *end_sessions, *kill, *key, *kid,
		*every, *metrics;
};

static bool number_within(struct slice s, uint64_t most, uint64_t *out)
{
	return u64_parse(s, out) && *out >= 1 && *out <= most;
}

/* False: it is no number, or not within 1 to most. NULL: not given, and *out stays. */
static bool word_number(const char *word, uint64_t most, uint64_t *out)
{
	return !word || number_within(slice_str(word), most, out);
}

/* The same, with or without an s behind it. */
static bool word_seconds(const char *word, uint64_t most, uint64_t *out)
{
	struct slice s = word ? slice_str(word) : (struct slice){0};
	if (s.n > 1 && s.p[s.n - 1] == 's')
		s.n--;
	return !word || number_within(s, most, out);
}

/* The URLs in the list, which is cut up. */
static unsigned split_edges(char *list, const char **out)
{
	unsigned n = 0;
	char *save = NULL;
	for (char *p = strtok_r(list, ", ", &save); p; p = strtok_r(NULL, ", ", &save)) {
		if (n == VERIFY_EDGES_MOST)
			return n + 1;
		out[n++] = p;
	}
	return n;
}

/* NULL: it cannot be read, and stderr says why. */
static char *read_key(const char *path)
{
	struct buf text = {0};
	if (!cmd_read_file(path, &text)) {
		buf_fini(&text);
		return NULL;
	}
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	return buf_steal(&text, NULL);
}

static int verify_with_key(struct verify_options *o, const struct verify_words *w, const struct canary_options *c)
{
	char *key = w->key ? read_key(w->key) : NULL;
	if (w->key && !key)
		return EXIT_FAILED;
	bool pem = key && strncmp(key, "-----BEGIN", 10) == 0;
	if (pem)
		o->auth.private_key = key;
	else if (key) {
		o->auth.secret = key;
		o->auth.algorithm = "HS256";
	}
	o->auth.kid = w->kid;
	bool good = c->every_ms ? canary_run(o, c) : verify_run(o);
	free(key);
	return good ? cmd_finish(EXIT_DONE) : EXIT_FAILED;
}

static int verify_with(const struct verify_words *w, const char *file)
{
	struct verify_options o = {.json = w->json, .end_sessions = w->end_sessions, .kill = w->kill};
	uint64_t minutes = 1, seconds = 0, rate = 20, within = 15, every = 0;
	if (!w->database || !w->edges)
		return cmd_usage("verify", w->database ? "--edge is missing" : "--database is missing");
	if (!word_number(w->minutes, 100000, &minutes) || !word_number(w->rate, 10000, &rate))
		return cmd_usage("verify", "--minutes and --rate take numbers from 1");
	if (!word_seconds(w->seconds, 3600, &seconds) || !word_seconds(w->within, 600, &within) ||
	    !word_seconds(w->every, 86400, &every))
		return cmd_usage("verify", "--seconds, --within and --every take seconds from 1");
	if (w->metrics && !every)
		return cmd_usage("verify", "--metrics goes with --every");
	struct config c;
	if (!cmd_load(&c, file))
		return EXIT_FAILED;
	char *list = mem_strndup(w->edges, strlen(w->edges));
	o.database_url = w->database;
	o.nedges = split_edges(list, o.edges);
	o.auth = config_auth(&c);
	o.run_ms = seconds ? seconds * 1000 : minutes * 60000;
	o.within_ms = within * 1000;
	o.rate = (unsigned)rate;
	const struct canary_options canary = {every * 1000, w->metrics};
	int code = o.nedges < 1 || o.nedges > VERIFY_EDGES_MOST
	                   ? cmd_usage("verify", "--edge takes one to eight URLs, separated by commas")
	                   : verify_with_key(&o, w, &canary);
	free(list);
	config_free(&c);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	struct verify_words w = {0};
	const char *file = NULL;
	const struct cmd_option options[] = {
		{"database", "URL", "a member of bellwire_service", &w.database},
		{"edge", "URLS", "of the edges, past any balancer: http://host:port, separated by commas", &w.edges},
		{"minutes", "N", "how long it writes; default 1", &w.minutes},
		{"seconds", "N", "the same in seconds", &w.seconds},
		{"rate", "N", "messages a second; default 20", &w.rate},
		{"within", "SECONDS", "how long a delivery, a confirmation or a connection may take; default 15",
	         &w.within},
		{"json", NULL, "for programs: the report as one JSON object", &w.json},
		{"end-sessions", NULL, "ends sessions of Postgres as it goes (needs pg_signal_backend)",
	         &w.end_sessions},
		{"kill", "COMMAND", "run now and then, by sh: kill an edge, restart Postgres", &w.kill},
		{"token-key", "FILE", "what signs its tokens: a secret, or a private key in PEM; default JWT_SECRET",
	         &w.key},
		{"token-kid", "ID", "the kid of that key", &w.kid},
		{"every", "SECONDS", "a canary instead: one message through every edge, again and again", &w.every},
		{"metrics", "ADDRESS", "of the canary: where Prometheus finds it", &w.metrics},
		CMD_CONFIG(&file),
		{0},
	};
	int code;
	if (!cmd_options(options, ABOUT, argc, argv, &code))
		return code;
	return verify_with(&w, file);
}
