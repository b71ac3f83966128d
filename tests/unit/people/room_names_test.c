#include "people/room_names.h"

#include "test.h"

#define UUID "0b0e7c9e-6a86-4d0c-8a56-0a2b6a9d8a01"

TEST(a_name_belongs_to_the_family_of_its_prefix)
{
	static const struct {
		struct slice name;
		enum room_family family;
		bool derived;
	} rows[] = {
		{SLICE_INIT("user:" UUID), ROOM_USER, true},
		{SLICE_INIT("participants:" UUID), ROOM_PARTICIPANTS, true},
		{SLICE_INIT("followers:" UUID), ROOM_FOLLOWERS, true},
		{SLICE_INIT("chat:" UUID), ROOM_CHAT, false},
		{SLICE_INIT("chat"), ROOM_OTHER, false},
		{SLICE_INIT("users:" UUID), ROOM_OTHER, false},
		{SLICE_INIT("xchat:" UUID), ROOM_OTHER, false},
		{SLICE_INIT("AAAAAAAAAAbbbbbbbbbb"), ROOM_OTHER, false},
		{SLICE_INIT(""), ROOM_OTHER, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].name.p);
		enum room_family f = room_family(rows[i].name);
		CHECK_INT(f, rows[i].family);
		CHECK_INT(room_is_derived(f), rows[i].derived);
		if (f != ROOM_OTHER)
			CHECK_SLICE(room_rest(rows[i].name, f), SLICE(UUID));
	}
}

TEST(a_name_is_put_together_as_it_is_taken_apart)
{
	struct buf name = {0};
	room_put(&name, ROOM_PARTICIPANTS, SLICE(UUID));
	CHECK_SLICE(buf_view(&name), SLICE("participants:" UUID));
	buf_fini(&name);
}

TEST(lists_have_whole_names)
{
	struct slice lines = SLICE("chat:a\nchat:bb\nuser:c");
	CHECK(rooms_have(lines, SLICE("chat:a")) && rooms_have(lines, SLICE("chat:bb")) &&
	      rooms_have(lines, SLICE("user:c")));
	CHECK(!rooms_have(lines, SLICE("chat:b")));
	CHECK(!rooms_have(lines, SLICE("chat:a\nchat:bb")));
	CHECK(!rooms_have(SLICE(""), SLICE("chat:a")));
}
