/* Clients and users: states, rooms, ends, and whom an event is for. The sockets are real, and nobody asks a
 * database. */
#include "people/client.h"

#include "base/blob.h"
#include "people/audience.h"
#include "people/tell.h"
#include "stage.h"
#include "trace.h"

/* ---- a floor above, as small as it can be: the user's id is the payload's, and everybody opens at once ---- */

static struct {
	bool waits; /* CONNECT is left unanswered */
	int sent, synced, held, forgotten;
	enum close_reason why;
} above;

static void on_connect(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)flaws;
	struct stage *stage = *(struct stage **)ctx;
	struct slice user;
	CHECK(json_get(auth, "user", &user) && user.n == UUID_LEN + 2);
	struct client *c = client_new(&stage->people, s, user.p + 1);
	if (above.waits)
		return;
	sio_accept(s, SLICE(""));
	hub_enter(stage->people.hub, &c->member);
	client_enter(c, CLIENT_OPEN);
}

static void on_event(struct sio_socket *s, const struct sio_event *ev, void *ctx)
{
	(void)ctx;
	client_fail_event(sio_user(s), ev, ERROR_FORBIDDEN, "Not you", NULL, 1500);
}

static void on_disconnect(struct sio_socket *s, enum close_reason why, void *ctx)
{
	(void)ctx;
	above.why = why;
	if (sio_user(s))
		client_free(sio_user(s));
}

static void recovery_sent(struct client *c)
{
	(void)c;
	above.sent++;
}

static void recovery_synced(struct client *c)
{
	(void)c;
	above.synced++;
}

static void recovery_forget(struct client *c)
{
	c->recoverable = NULL;
	above.forgotten++;
}

static struct stage stage, *stage_now = &stage;

static void begin(void)
{
	static const struct recovery_hooks hooks = {
		.sent = recovery_sent, .synced = recovery_synced, .forget = recovery_forget};
	memset(&above, 0, sizeof above);
	stage_begin(&stage, &(struct sio_namespace){.on_connect = on_connect,
	                                            .on_event = on_event,
	                                            .on_disconnect = on_disconnect,
	                                            .ctx = &stage_now,
	                                            .event_ctx = &stage_now});
	stage.people.recovery = &hooks;
}

static void end(void)
{
	stage_end_clients(&stage);
	stage_end(&stage);
}

static struct guest *arrive(const char *user)
{
	struct guest *g = stage_guest(&stage);
	char text[100];
	snprintf(text, sizeof text, "40{\"user\":\"%s\"}", user);
	guest_say(g, text);
	if (!above.waits)
		guest_reads(g, "40{\"sid\":\"ID\"}\n");
	return g;
}

/* ---- an audience ---- */

/* The guests that an event for `rooms` but not `except` reaches, as their numbers. */
static const char *reached(const char *rooms, const char *except)
{
	static char text[64];
	struct audience a;
	struct client *c;
	size_t n = 0;
	audience_begin(&a, &stage.people, slice_str(rooms), slice_str(except));
	while ((c = audience_next(&a)))
		for (size_t i = 0; i < stage.n; i++)
			if (guest_client(stage.guests[i]) == c)
				text[n++] = (char)('0' + i);
	text[n] = '\0';
	return text;
}

TEST(an_event_reaches_each_client_of_its_rooms_once)
{
	begin();
	struct guest *a = arrive(ANNA), *a2 = arrive(ANNA), *b = arrive(BORIS);
	client_join_all(guest_client(a), SLICE("chat:1\nuser:" ANNA));
	client_join_all(guest_client(b), SLICE("chat:1\nchat:2"));
	CHECK_STR(reached("chat:1", ""), "02");
	CHECK_STR(reached("user:" ANNA, ""), "01"); /* in its user's room without joining it */
	CHECK_STR(reached("user:" ANNA "\nchat:1", ""), "012");
	CHECK_STR(reached("user:" ANNA "\nchat:1", "chat:2"), "01");
	CHECK_STR(reached("chat:1", "user:" ANNA), "2");
	CHECK_STR(reached(HUB_EVERYONE, ""), "012");
	CHECK_STR(reached("user:" CLARA "\nchat:3", ""), "");
	char own[SIO_ID_LEN + 1] = "";
	memcpy(own, a2->id, SIO_ID_LEN);
	CHECK_STR(reached(own, ""), "1"); /* a socket's id is its room */
	CHECK_STR(reached("chat:1\nchat:1", own), "02");
	CHECK_INT(hub_stats(stage.people.hub)->rooms, 2); /* the own ones cost none */
	end();
}

TEST(who_is_not_open_yet_is_in_no_audience)
{
	begin();
	above.waits = true;
	arrive(ANNA);
	CHECK_STR(reached("user:" ANNA, ""), "");
	CHECK_INT(people_present(&stage.people), 1);
	end();
}

/* ---- rooms ---- */

static bool starts_with_chat(struct slice room, void *arg)
{
	++*(int *)arg;
	return slice_starts(room, SLICE("chat:"));
}

TEST(rooms_are_kept_by_what_a_function_says)
{
	begin();
	struct client *c = guest_client(arrive(ANNA));
	int asked = 0;
	client_join_all(c, SLICE("chat:1\nfollowers:9\nchat:2\nparticipants:3"));
	client_keep(c, starts_with_chat, &asked);
	CHECK_INT(asked, 4);
	CHECK_INT(hub_stats(stage.people.hub)->seats, 2);
	CHECK(hub_is_in(stage.people.hub, &c->member, SLICE("chat:2")));
	client_apply(c, ROOM_LEAVE, SLICE("chat:2"));
	client_apply(c, ROOM_JOIN, SLICE("followers:7"));
	CHECK(!hub_is_in(stage.people.hub, &c->member, SLICE("chat:2")));
	CHECK(hub_is_in(stage.people.hub, &c->member, SLICE("followers:7")));
	end();
}

TEST(a_kick_is_told_as_a_refused_token)
{
	begin();
	struct guest *a = arrive(ANNA);
	struct client *c = guest_client(a);
	client_join_all(c, SLICE("chat:1"));
	client_apply(c, ROOM_KICK, SLICE(""));
	CHECK_INT(c->state, CLIENT_REFUSED);
	CHECK_INT(hub_stats(stage.people.hub)->rooms, 0);
	client_refuse(c); /* twice is once */
	client_kick(c, true);
	client_taken_over(c);
	stage_turn(&stage);
	guest_reads(
		a,
		"42[\"error\",{\"code\":\"UNAUTHORIZED\",\"message\":\"Invalid token\",\"timestamp\":\"TIME\"}]\n41\n");
	CHECK_INT(stage.people.counts.errors[ERROR_UNAUTHORIZED], 1);
	end();
	CHECK_INT(above.why, CLOSE_UNAUTHORIZED);
}

TEST(one_that_another_has_taken_over_is_told_to_go)
{
	begin();
	above.waits = true;
	struct guest *a = arrive(ANNA);
	client_taken_over(guest_client(a) ? guest_client(a)
	                                  : list_first(&user_find(&stage.people, SLICE(ANNA))->clients, struct client,
	                                               user_link));
	stage_turn(&stage);
	guest_reads(a, "40{\"sid\":\"ID\"}\n41\n"); /* CONNECT is answered first: a client takes a 41 then only */
	end();
	CHECK_INT(above.why, CLOSE_TAKEN_OVER);
}

/* ---- late control rows ---- */

TEST(control_rows_are_kept_while_an_opening_is_out)
{
	begin();
	above.waits = true;
	arrive(ANNA);
	struct client *c = list_first(&user_find(&stage.people, SLICE(ANNA))->clients, struct client, user_link);
	CHECK(!client_keep_late(c, 7, ROOM_JOIN, SLICE("chat:1"))); /* nothing is out: the answer will know it */
	c->entering->opening = (struct opening *)c;
	CHECK(client_keep_late(c, 7, ROOM_JOIN, SLICE("chat:1")));
	CHECK(client_keep_late(c, 8, ROOM_KICK, SLICE("")));
	CHECK_SLICE(late_room(c->entering->late.first), SLICE("chat:1"));
	CHECK_INT(c->entering->late.first->next->xid, 8);
	c->entering->opening = NULL;
	end();
}

/* ---- users ---- */

TEST(reconnecting_refills_no_bucket)
{
	begin();
	static const struct rate_limit limit = {.per_s = 0.01, .burst = 1, .rate_class = 3};
	uint64_t retry = 0;
	struct guest *a = arrive(ANNA);
	struct client *c = guest_client(a);
	CHECK(rate_allows(&c->user->rates, &limit, loop_now(stage.loop), &retry));
	guest_say(a, "41");
	CHECK_INT(above.why, CLOSE_CLIENT_LEFT);
	CHECK_INT(people_present(&stage.people), 0);
	CHECK_INT(stage.people.nidle, 1);
	people_tick(&stage.people); /* not full yet: it is remembered */
	CHECK_INT(stage.people.nidle, 1);
	c = guest_client(arrive(ANNA));
	CHECK_INT(stage.people.nidle, 0);
	CHECK(!rate_allows(&c->user->rates, &limit, loop_now(stage.loop), &retry));
	CHECK(!user_allows(&stage.people, ANNA, &limit, &retry)); /* the same bucket */
	CHECK(user_allows(&stage.people, BORIS, &limit, &retry));
	CHECK_INT(stage.people.nidle, 1);
	end();
}

TEST(an_idle_user_is_forgotten_once_its_buckets_are_full)
{
	begin();
	static const struct rate_limit limit = {.per_s = 1000, .burst = 1, .rate_class = 3};
	uint64_t retry;
	CHECK(user_allows(&stage.people, ANNA, &limit, &retry));
	CHECK_INT(stage.people.nidle, 1);
	while (stage.people.nidle) {
		stage_turn(&stage);
		people_tick(&stage.people);
	}
	CHECK(!user_find(&stage.people, SLICE(ANNA)));
	end();
}

static void count(struct client *c, void *arg)
{
	(void)c;
	++*(int *)arg;
}

TEST(everybody_can_be_asked)
{
	begin();
	int n = 0;
	arrive(ANNA), arrive(ANNA), arrive(BORIS);
	people_each(&stage.people, count, &n);
	CHECK_INT(n, 3);
	CHECK_INT(people_present(&stage.people), 2);
	CHECK_INT(user_find(&stage.people, SLICE(ANNA))->nclients, 2);
	end();
}

/* ---- calls for both ---- */

TEST(a_refused_event_is_told_as_error_and_as_ack)
{
	begin();
	struct guest *a = arrive(ANNA);
	guest_say(a, "427[\"chat:typing\",{\"client_id\":\"x\\u0041\",\"more\":1}]");
	guest_reads(
		a,
		"42[\"error\",{\"code\":\"FORBIDDEN\",\"message\":\"Not you\",\"timestamp\":\"TIME\",\"event\":\"chat:typing\","
		"\"client_id\":\"x\\u0041\",\"retry_after_ms\":1500}]\n"
		"437[{\"status\":\"error\",\"code\":\"FORBIDDEN\",\"message\":\"Not you\",\"timestamp\":\"TIME\","
		"\"client_id\":\"x\\u0041\",\"retry_after_ms\":1500}]\n");
	guest_say(a, "42[\"chat:typing\",{\"client_id\":7}]"); /* no string: not repeated; no ack asked for: none */
	guest_reads(
		a,
		"42[\"error\",{\"code\":\"FORBIDDEN\",\"message\":\"Not you\",\"timestamp\":\"TIME\",\"event\":\"chat:typing\","
		"\"retry_after_ms\":1500}]\n");
	CHECK_INT(stage.people.counts.errors[ERROR_FORBIDDEN], 2);
	end();
}

TEST(who_asked_for_recovery_hears_of_sync_there_too)
{
	begin();
	struct guest *a = arrive(ANNA);
	struct client *c = guest_client(a);
	client_sync(c, SLICE("reconnection"));
	CHECK_INT(above.synced, 0);
	c->recoverable = (struct recoverable *)c;
	client_sync(c, SLICE("connection_established"));
	CHECK_INT(above.synced, 1);
	stage_turn(&stage);
	guest_reads(a, "42[\"sync:required\",{\"user_id\":\"" ANNA
	               "\",\"reason\":\"reconnection\",\"timestamp\":\"TIME\"}]\n"
	               "42[\"sync:required\",{\"user_id\":\"" ANNA
	               "\",\"reason\":\"connection_established\",\"timestamp\":\"TIME\"}]\n");
	guest_say(a, "41");
	CHECK_INT(above.forgotten, 1);
	end();
}

static void turn_away(struct sio_socket *s, struct slice auth, unsigned flaws, void *ctx)
{
	(void)auth, (void)flaws;
	struct error_about about = {
		.code = error_name(ERROR_RATE_LIMIT), .message = SLICE("Too many"), .retry_after_ms = 9};
	tell_turn_away(&(*(struct stage **)ctx)->people, s, &about, CLOSE_LIMIT);
}

TEST(a_socket_without_a_client_is_turned_away_with_a_reason)
{
	stage_begin(&stage, &(struct sio_namespace){
				    .on_connect = turn_away, .on_disconnect = on_disconnect, .ctx = &stage_now});
	struct guest *g = stage_guest(&stage);
	guest_say(g, "40");
	guest_reads(
		g,
		"40{\"sid\":\"ID\"}\n"
		"42[\"error\",{\"code\":\"RATE_LIMIT\",\"message\":\"Too many\",\"timestamp\":\"TIME\",\"retry_after_ms\":9}]\n"
		"41\n");
	CHECK_INT(stage.people.counts.errors[ERROR_RATE_LIMIT], 1);
	end();
	CHECK_INT(above.why, CLOSE_LIMIT);
}

/* ---- the doors ---- */

static void life(void)
{
	begin();
	above.waits = true;
	arrive(ANNA);
	struct client *c = list_first(&user_find(&stage.people, SLICE(ANNA))->clients, struct client, user_link);
	struct list line;
	list_init(&line);
	client_stand(c, PLACE_QUEUE, &line);
	CHECK(list_first(&line, struct entering, link)->client == c);
	client_stand(c, PLACE_DATABASE, &line);
	client_enter(c, CLIENT_WAITING);
	client_stand(c, PLACE_QUEUE, &line);
	client_stand(c, PLACE_CALL, NULL);
	CHECK(list_empty(&line));
	client_enter(c, CLIENT_OPEN);
	CHECK(!c->entering);
	client_kick(c, false);
	end();
}

TEST(a_life_is_traced_move_by_move)
{
	static const char *const moves[] = {
		"to=opening user=" ANNA,   "from=nowhere to=queue",  "from=queue to=database",
		"from=opening to=waiting", "from=database to=queue", "from=queue to=call",
		"from=waiting to=open",    "from=open to=refused",   "trace client gone",
	};
	struct trace t = trace_begin();
	life();
	char *text = trace_end(&t);
	trace_tells(text, moves, ARRAY_LEN(moves));
	free(text);
}
