#include "events/token_keys.h"

#include "auth/auth.h"
#include "auth/issuer.h"
#include "hall.h"
#include "people/tokens.h"
#include "test.h"

#define USER "00000000-0000-4000-8000-00000000000a"
#define ROW(kid, secret) kid "|HS256|" secret "|0|~"

static int heard; /* calls of on_keys */

static void on_keys(void *ctx)
{
	(void)ctx;
	heard++;
}

static struct auth *settings;

static void keys_begin(void)
{
	char error[200];
	hall_begin();
	settings = auth_new(&(struct auth_config){.algorithm = "keys"}, error, sizeof error);
	hall.stage.people.auth = settings;
	hall.events.on_keys = on_keys;
	heard = 0;
	keys_start(&hall.events);
}

static void keys_end(void)
{
	stage_end_clients(&hall.stage);
	db_free(&hall.base.db);
	keys_stop(&hall.events);
	hall_end_floor();
	auth_free(&settings);
}

/* Of a token that was signed with SECRET. */
static enum auth_result judged(const char *kid)
{
	char header[100];
	struct auth_claims claims;
	snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
	struct buf t = hs256_token(header, SLICE("{\"sub\":\"" USER "\",\"exp\":9000000000}"));
	enum auth_result r = token_check(&hall.stage.people, buf_view(&t), &claims);
	buf_fini(&t);
	return r;
}

TEST(keys_are_read_at_start_at_a_control_row_and_after_a_gap)
{
	keys_begin();
	CHECK_STR(keys_missing(&hall.events), "starting");
	CHECK_INT(judged("a"), AUTH_UNREAD);
	database_answers(&hall.base, "rt.token_keys", ROW("a", SECRET) "\n" ROW("b", OTHER_SECRET));
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	keys_database_up(&hall.events);
	HALL_UNTIL(!keys_missing(&hall.events));
	CHECK_INT(heard, 1);
	CHECK_INT(judged("a"), AUTH_OK);
	CHECK_INT(judged("b"), AUTH_SIGNATURE);
	CHECK_INT(judged("c"), AUTH_KEY);

	database_answers(&hall.base, "rt.token_keys", ROW("c", SECRET));
	hall_publish((struct published){.control = "keys_changed", .data = "{}"});
	HALL_UNTIL(judged("c") == AUTH_OK);
	CHECK_INT(judged("a"), AUTH_KEY);

	database_answers(&hall.base, "rt.token_keys", ROW("d", SECRET));
	keys_gap(&hall.events);
	HALL_UNTIL(judged("d") == AUTH_OK);
	CHECK_INT(heard, 1);
	keys_end();
}

TEST(a_change_while_they_are_read_is_read_too_and_a_failure_keeps_what_is_known)
{
	keys_begin();
	database_answers(&hall.base, "rt.token_keys", ROW("a", SECRET));
	database_holds(&hall.base, "rt.token_keys");
	db_start(hall.base.db);
	HALL_UNTIL(!routes_missing(&hall.events));
	keys_database_up(&hall.events);
	HALL_UNTIL(database_is_held(&hall.base, "rt.token_keys"));
	keys_load(&hall.events);
	database_said(&hall.base);
	database_release(&hall.base, "rt.token_keys");
	HALL_UNTIL(!keys_missing(&hall.events));
	database_answers(&hall.base, "rt.token_keys", ROW("b", SECRET));
	HALL_UNTIL(judged("a") == AUTH_OK || judged("b") == AUTH_OK);
	for (int i = 0; i < 100; i++)
		hall_turns();
	CHECK(strstr(database_said(&hall.base), "rt.token_keys"));

	database_answers(&hall.base, "rt.token_keys", "only one column");
	keys_load(&hall.events);
	for (int i = 0; i < 100; i++)
		hall_turns();
	CHECK(!keys_missing(&hall.events));
	CHECK(judged("a") == AUTH_OK || judged("b") == AUTH_OK);
	database_answers(&hall.base, "rt.token_keys", ROW("e", SECRET));
	HALL_UNTIL(judged("e") == AUTH_OK); /* nobody asks: it tries again by itself */
	keys_end();
}
