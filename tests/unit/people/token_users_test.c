#include "people/token_users.h"

#include "check.h"
#include "test.h"

#define ANNA "00000000-0000-4000-8000-00000000000a"
#define BORIS "00000000-0000-4000-8000-00000000000b"

static const unsigned char *digest(unsigned char n)
{
	static unsigned char d[DIGEST_LEN];
	memset(d, n, sizeof d);
	return d;
}

static void expect(const struct token_users *tu, unsigned char n, const char *user)
{
	char found[UUID_LEN + 1] = "";
	CHECK_INT(token_users_find(tu, digest(n), found), user != NULL);
	CHECK_STR(found, user ? user : "");
}

TEST(the_oldest_and_those_that_have_ended_are_forgotten)
{
	struct token_users *tu = token_users_new(3);
	expect(tu, 1, NULL);
	token_users_add(tu, digest(1), SLICE(ANNA), 1000, 0);
	token_users_add(tu, digest(2), SLICE(BORIS), 9000, 0);
	token_users_add(tu, digest(3), SLICE(ANNA), 9000, 0);
	expect(tu, 1, ANNA);
	expect(tu, 2, BORIS);
	token_users_add(tu, digest(4), SLICE(ANNA), 9000, 0); /* one too many */
	expect(tu, 1, NULL);
	expect(tu, 2, BORIS);
	token_users_add(tu, digest(2), SLICE(ANNA), 9000, 0); /* again: it is the youngest now */
	token_users_add(tu, digest(5), SLICE(ANNA), 9000, 0);
	expect(tu, 2, ANNA);
	expect(tu, 3, NULL);
	token_users_add(tu, digest(6), SLICE(ANNA), 20000, 9000); /* all before it have ended */
	for (unsigned char n = 1; n < 6; n++)
		expect(tu, n, NULL);
	expect(tu, 6, ANNA);
	token_users_free(&tu);
}
