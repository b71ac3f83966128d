/*
 * A list of addresses and CIDR blocks, as settings name them: "10.0.0.0/8, ::1".
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/slice.h"

struct address_list;

#define ADDRESS_TEXT_MOST 45 /* an IPv6 address with an IPv4 one at its end */

struct address_list *address_list_new(const char *text); /* NULL when a part is neither ADDRESS nor ADDRESS/BITS */
void address_list_free(struct address_list **l);
bool address_list_has(const struct address_list *l, struct slice address); /* no address: false; an IPv4 address mapped into IPv6 is the IPv4 one */

#endif
