#include "net/address.h"
#include "test.h"
#include <netdb.h>

TEST(blocks_hold_their_addresses)
{
	static const struct {
		const char *list, *address;
		bool in;
	} rows[] = {
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "::ffff:127.0.0.1", true},
		{"::1", "::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"10.0.0.0/8, ::1", "::1", true},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"10.0.0.0/8", "not an address", false},
		{"10.0.0.0/8", "", false},
		{"", "10.0.0.1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].address);
		struct address_list *l = address_list_new(rows[i].list);
		CHECK(l != NULL);
		CHECK_INT(address_list_has(l, slice_str(rows[i].address)), rows[i].in);
		address_list_free(&l);
	}
}

TEST(nonsense_is_no_list)
{
	static const char *const rows[] = {"10.0.0.0/33", "10.0.0/8",   "::1/129",    "localhost",
	                                   "10.0.0.1/",   "10.0.0.1/x", "10.0.0.1/-1"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i]);
		CHECK(address_list_new(rows[i]) == NULL);
	}
}

TEST(where_to_listen)
{
	static const char *const good[] = {"127.0.0.1:3000", "[::1]:0", ":3000", "0.0.0.0:65535"};
	static const char *const bad[] = {"",          "3000",      "localhost:3000", "127.0.0.1:", "127.0.0.1:http",
	                                  "[::1:3000", "::1]:3000", "1.2.3:x",        "[]3000",     "example.com:1"};
	const char *error;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_ROW(good[i]);
		struct addrinfo *found = address_find(good[i], &error);
		CHECK(found);
		if (found)
			freeaddrinfo(found);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_ROW(bad[i]);
		error = NULL;
		CHECK(!address_find(bad[i], &error));
		CHECK(error && *error);
	}
}
