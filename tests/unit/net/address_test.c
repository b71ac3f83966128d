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

TEST(an_entry_of_a_proxy_loses_its_port)
{
	static const struct {
		const char *entry, *host;
	} rows[] = {
		{"203.0.113.7", "203.0.113.7"},
		{"203.0.113.7:50001", "203.0.113.7"},
		{"203.0.113.7:", "203.0.113.7"},
		{"[2001:db8::1]:443", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::1"},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
		{"[2001:db8::1", "[2001:db8::1"},
		{"[2001:db8::1]x", "[2001:db8::1]x"},
		{"unknown", "unknown"},
		{":", ""},
		{"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].entry);
		CHECK_SLICE(address_host(slice_str(rows[i].entry)), slice_str(rows[i].host));
	}
}

TEST(one_client_is_an_ipv4_address_or_half_an_ipv6_one)
{
	static const struct {
		const char *address, *network;
	} rows[] = {
		{"203.0.113.7", "203.0.113.7"},
		{"::ffff:203.0.113.7", "203.0.113.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::9", "2001:db8:1:2::"},
		{"2001:db8:1:3::9", "2001:db8:1:3::"},
		{"::1", "::"},
		{"unknown", "unknown"},
		{"", ""},
		{"0123456789012345678901234567890123456789012345678901234567890123456789",
	         "012345678901234567890123456789012345678901234"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[ADDRESS_TEXT_MOST + 1];
		CHECK_ROW(rows[i].address);
		address_network(slice_str(rows[i].address), out);
		CHECK_STR(out, rows[i].network);
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
