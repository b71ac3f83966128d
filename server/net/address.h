/*
 * Addresses as settings name them: lists of addresses and CIDR blocks ("10.0.0.0/8, ::1"), and addresses to listen on
 * ("[::1]:3000").
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/slice.h"

struct address_list;

#define ADDRESS_TEXT_MOST 45 /* an IPv6 address with an IPv4 one at its end */

struct address_list *address_list_new(const char *text); /* NULL when a part is neither ADDRESS nor ADDRESS/BITS */
void address_list_free(struct address_list **l);

/* An IPv4 address mapped into IPv6 counts as the IPv4 address. False also for text that is no address, and for no
 * list. */
bool address_list_has(const struct address_list *l, struct slice address);

bool address_valid(struct slice text); /* an IPv4 or IPv6 address, and nothing else */

/* The address in an entry of X-Forwarded-For, which some proxies write with the port: "203.0.113.7:50001", "[v6]:port",
 * "[v6]". Other text comes back as it is. */
struct slice address_host(struct slice entry);

/* The network that one client can hold by itself, as text: an IPv4 address, or the first 64 bits of an IPv6 one. A home or a
 * telephone has so many IPv6 addresses that each connection could come from another. Text that is no address is
 * copied, as much as fits. */
void address_network(struct slice address, char out[ADDRESS_TEXT_MOST + 1]);

/* "host:port" or "[v6]:port". The host is an address, never a name that has to be looked up; an empty one means every
 * address. The caller calls freeaddrinfo. NULL: *error says why. */
struct addrinfo;
struct addrinfo *address_find(const char *text, const char **error);

#endif
