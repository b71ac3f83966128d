/* The token of a live socket: it runs out, or the next one comes. */
#include "hall.h"

#include "auth/auth.h"
#include "base/text.h"

static const struct auth_config keys = {.algorithm = "HS256", .secret = "0123456789abcdef0123456789abcdef"};
static struct auth *auth;

static void begin(void)
{
	char error[200];
	hall_opens();
	auth = auth_new(&keys, error, sizeof error);
	CHECK(auth);
	hall.stage.people.auth = auth;
}

static void end(void)
{
	hall_end();
	auth_free(&auth);
}

static void refresh(struct guest *g, const char *user, uint64_t exp_s)
{
	char error[200], text[800];
	char *token = auth_sign(&keys, user, exp_s, error, sizeof error);
	CHECK(token);
	snprintf(text, sizeof text, "421[\"auth:refresh\",{\"token\":\"%s\"}]", token);
	guest_say(g, text);
	free(token);
}

TEST(the_next_token_moves_the_end)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	struct client *c = guest_client(a);
	uint64_t now = clock_wall_ms();
	c->until_ms = now + 60000;
	refresh_arm(c);
	refresh(a, ANNA, now / 1000 + 7200);
	guest_reads(a, "431[{\"status\":\"refreshed\",\"expires_at\":\"TIME\"}]\n"
	               "42[\"sync:required\",{\"user_id\":\"" ANNA
	               "\",\"reason\":\"token_refresh\",\"timestamp\":\"TIME\"}]\n");
	CHECK_INT(c->until_ms, (now / 1000 + 7200) * 1000);
	CHECK_INT(hall.stage.people.counts.connects[CONNECT_TOKEN_REFRESH], 1);
	CHECK_STR(database_said(&hall.base), ""); /* the edge's own */
	end();
}

TEST(a_token_that_is_not_accepted_changes_nothing)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	struct client *c = guest_client(a);
	uint64_t now = clock_wall_ms(), until = c->until_ms = now + 60000;
	static const char *const refused = "\"code\":\"UNAUTHORIZED\",\"message\":\"Token not accepted\"";
	refresh(a, BORIS, now / 1000 + 7200); /* another user's */
	CHECK(strstr(guest_text(a), refused));
	refresh(a, ANNA, now / 1000 - 7200);
	CHECK(strstr(guest_text(a), refused));
	guest_say(a, "42[\"auth:refresh\",{\"token\":\"x.y.z\"}]");
	CHECK(strstr(guest_text(a), refused));
	guest_say(a, "42[\"auth:refresh\",{\"token\":7}]");
	CHECK(strstr(guest_text(a), refused));
	CHECK_INT(c->until_ms, until);
	CHECK_INT(c->state, CLIENT_OPEN);
	CHECK_INT(hall.stage.people.counts.tokens_refused[AUTH_EXPIRED], 1);
	end();
}

TEST(refreshing_has_a_rate_of_its_own)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	for (int i = 0; i < 10; i++)
		guest_say(a, "42[\"auth:refresh\",{}]");
	guest_text(a);
	guest_say(a, "42[\"auth:refresh\",{}]");
	CHECK(strstr(guest_text(a), "RATE_LIMIT"));
	end();
}

TEST(a_token_that_runs_out_ends_its_socket)
{
	begin();
	struct guest *a = hall_guest(ANNA);
	struct client *c = guest_client(a);
	uint64_t until = c->until_ms = clock_wall_ms() + 40;
	refresh_arm(c);
	guest_waits_for(a, "41\n");
	CHECK(strstr(guest_text(a), "UNAUTHORIZED"));
	CHECK(clock_wall_ms() >= until);
	end();
	CHECK(hall.expired);
	CHECK_INT(hall.why, CLOSE_UNAUTHORIZED);
}
