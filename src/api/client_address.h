/*
 * Who asks: the peer of the connection, or the client that a trusted reverse proxy names in X-Forwarded-For.
 *
 * Anybody can write that header, so only proxies of the configuration are believed, and of each only what it says of
 * the peer it had itself: the last entry, and the one before it when the last is such a proxy, too. Any thread.
 */
#ifndef EXEUNT_API_CLIENT_ADDRESS_H
#define EXEUNT_API_CLIENT_ADDRESS_H

#include "base/rc.h"
#include "base/str.h"

enum { TRUSTED_PROXIES_MAX = 32, CLIENT_ADDRESS_BYTES = 16, CLIENT_ADDRESS_CHARS = 46 };

/* An IPv4 address is the IPv6 address ::ffff:a.b.c.d. */
struct client_address {
	unsigned char bytes[CLIENT_ADDRESS_BYTES];
};

struct trusted_proxies {
	struct {
		struct client_address address;
		unsigned bits; /* from the first on, 0 … 128: the network that the address is in */
	} of[TRUSTED_PROXIES_MAX];
	size_t count;
};

/*
 * Reads "ADDRESS" and "ADDRESS/BITS", IPv4 and IPv6, separated by commas; empty: nobody is trusted. RC_INVALID_PARAM
 * with the entry that is neither, or with too many of them.
 */
MUST_CHECK enum rc trusted_proxies_parse(str text, struct trusted_proxies *ret_proxies, struct fail *fail);
bool is_trusted_proxy(const struct trusted_proxies *proxies, struct client_address address);

/* A numeric address, which may stand in brackets and before a port. False: it is none. */
bool client_address_parse(str text, struct client_address *ret_address);

/*
 * `forwarded`: X-Forwarded-For, all lines of it. An entry that is no address ends the search: then the proxy that
 * wrote it is the client.
 */
struct client_address client_address_of(
    const struct trusted_proxies *proxies, struct client_address peer, str forwarded);

/* Numeric, as client_address_parse() reads it again; IPv4 as IPv4. */
str client_address_text(const struct client_address *address, char ret_text[CLIENT_ADDRESS_CHARS]);

/* What limits count: an IPv4 address, or of an IPv6 address its /64, since one customer has all of that. Borrowed. */
str client_address_key(const struct client_address *address);

#endif
