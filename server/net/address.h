/*
 * Addresses as settings name them: lists of addresses and CIDR blocks ("10.0.0.0/8, ::1"), and where to listen ("[::1]:3000").
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/slice.h"

struct address_list;

#define ADDRESS_TEXT_MOST 45 /* an IPv6 address with an IPv4 one at its end */

struct address_list *address_list_new(const char *text); /* NULL when a part is neither ADDRESS nor ADDRESS/BITS */
void address_list_free(struct address_list **l);
bool address_list_has(const struct address_list *l,
                      struct slice address); /* no address: false; an IPv4 address mapped into IPv6 is the IPv4 one */

/* "host:port" or "[v6]:port"; the host is an address, never a name to be looked up; none: every address. For freeaddrinfo; NULL: error says why. */
struct addrinfo;
struct addrinfo *address_find(const char *text, const char **error);

#endif
