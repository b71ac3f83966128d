#include "people/choice.h"

#include "test.h"

/* stands for the clients, of which only addresses matter */
struct client {
	int n;
};

static struct client client[10];

TEST(all_of_a_few)
{
	struct choice ch = {.random = 1};
	choice_begin(&ch, 4);
	for (int i = 0; i < 3; i++)
		choice_offer(&ch, client + i);
	CHECK_INT(ch.n, 3);
	for (int i = 0; i < 3; i++)
		CHECK(ch.clients[i] == client + i);
	choice_begin(&ch, 4);
	CHECK_INT(ch.n, 0);
}

TEST(each_of_many_is_taken_as_often)
{
	struct choice ch = {.random = 1};
	int taken[10] = {0};
	for (int round = 0; round < 10000; round++) {
		choice_begin(&ch, 4);
		for (int i = 0; i < 10; i++)
			choice_offer(&ch, client + i);
		CHECK_INT(ch.n, 4);
		for (int i = 0; i < 4; i++)
			taken[ch.clients[i] - client]++;
	}
	for (int i = 0; i < 10; i++)
		CHECK(taken[i] > 3500 && taken[i] < 4500);
}
