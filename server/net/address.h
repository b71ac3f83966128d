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

/* "host:port" or "[v6]:port". The host is an address, never a name that has to be looked up; an empty one means every
 * address. The caller calls freeaddrinfo. NULL: *error says why. */
struct addrinfo;
struct addrinfo *address_find(const char *text, const char **error);

#endif
