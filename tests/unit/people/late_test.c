#include "people/late.h"

#include "test.h"
#include "base/mem.h"

TEST(rows_are_kept_in_order_and_may_be_kept_again_after_free)
{
	struct late_list l;
	late_init(&l);
	for (int again = 0; again < 2; again++) {
		char room[] = "chat:a";
		late_add(&l, 7, ROOM_JOIN, slice_str(room));
		late_add(&l, 9, ROOM_KICK, (struct slice){0});
		late_add(&l, 8, ROOM_LEAVE, SLICE("chat:b"));
		room[5] = 'x'; /* it was copied */
		const struct late *x = l.first;
		CHECK(x->xid == 7 && x->verb == ROOM_JOIN);
		CHECK_SLICE(late_room(x), SLICE("chat:a"));
		CHECK(x->next->xid == 9 && x->next->verb == ROOM_KICK);
		CHECK_INT(late_room(x->next).n, 0);
		CHECK_SLICE(late_room(x->next->next), SLICE("chat:b"));
		CHECK(!x->next->next->next);
		late_free(&l);
		CHECK(!l.first);
	}
}
