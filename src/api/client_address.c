#include "api/client_address.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_PREFIX_BYTES = 12, CUSTOMER_BYTES = 8, ADDRESS_BITS = 8 * CLIENT_ADDRESS_BYTES };

static const unsigned char v4_prefix[V4_PREFIX_BYTES] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct client_address *address)
{
	return memcmp(address->bytes, v4_prefix, V4_PREFIX_BYTES) == 0;
}

/* `ret_is_text_v4`: written as IPv4, so that a length of its network counts from there. */
static bool numeric_parse(str text, struct client_address *ret_address, bool *ret_is_text_v4)
{
	char numeric[INET6_ADDRSTRLEN];
	struct client_address address;
	if (text.n == 0 || text.n >= sizeof(numeric) || str_find(text, '\0') < text.n)
		return false;
	memcpy(numeric, text.p, text.n);
	numeric[text.n] = '\0';
	*ret_is_text_v4 = str_find(text, ':') == text.n;
	if (*ret_is_text_v4) {
		memcpy(address.bytes, v4_prefix, V4_PREFIX_BYTES);
		if (inet_pton(AF_INET, numeric, address.bytes + V4_PREFIX_BYTES) != 1)
			return false;
	} else if (inet_pton(AF_INET6, numeric, address.bytes) != 1) {
		return false;
	}
	*ret_address = address;
	return true;
}

/* "[ADDRESS]", "[ADDRESS]:PORT" and, only of IPv4, "ADDRESS:PORT": the address. Everything else as it is. */
static str without_port(str text)
{
	int64_t port;
	size_t colon = str_find_last(text, ':');
	bool has_port = colon < text.n && str_to_i64(str_from(text, colon + 1), 0, UINT16_MAX, &port);
	bool bracketed = str_starts(text, STR("["));
	if (has_port && (bracketed ? text.p[colon - 1] == ']' : str_find(text, ':') == colon))
		text = str_first(text, colon);
	if (bracketed && str_ends(text, STR("]")) && str_find(text, ':') < text.n)
		text = str_first(str_from(text, 1), text.n - 2);
	return text;
}

bool client_address_parse(str text, struct client_address *ret_address)
{
	bool is_text_v4;
	return numeric_parse(without_port(text), ret_address, &is_text_v4);
}

static bool network_parse(str entry, struct client_address *ret_address, unsigned *ret_bits)
{
	size_t slash = str_find(entry, '/');
	bool is_text_v4 = false;
	int64_t bits;
	if (!numeric_parse(str_first(entry, slash), ret_address, &is_text_v4))
		return false;
	int64_t most = is_text_v4 ? ADDRESS_BITS - 8 * V4_PREFIX_BYTES : ADDRESS_BITS;
	if (slash == entry.n)
		bits = most;
	else if (!str_to_i64(str_from(entry, slash + 1), 0, most, &bits))
		return false;
	*ret_bits = (unsigned)(bits + ADDRESS_BITS - most);
	return true;
}

enum rc trusted_proxies_parse(str text, struct trusted_proxies *ret_proxies, struct fail *fail)
{
	struct trusted_proxies proxies = {.count = 0};
	str rest = text, entry;
	while (text.n > 0 && str_split(&rest, ',', &entry)) {
		entry = str_trim(entry);
		if (proxies.count == TRUSTED_PROXIES_MAX)
			return fail_set(fail, RC_INVALID_PARAM, "at most %d addresses and networks can be named",
			    TRUSTED_PROXIES_MAX);
		size_t i = proxies.count++;
		if (!network_parse(entry, &proxies.of[i].address, &proxies.of[i].bits))
			return fail_set(fail, RC_INVALID_PARAM, "'%.*s' is no ADDRESS or ADDRESS/BITS",
			    STR_ARG(str_first(entry, 80)));
	}
	*ret_proxies = proxies;
	return RC_OK;
}

static bool begins_alike(const struct client_address *a, const struct client_address *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

bool is_trusted_proxy(const struct trusted_proxies *proxies, struct client_address address)
{
	for (size_t i = 0; i < proxies->count; i++)
		if (begins_alike(&proxies->of[i].address, &address, proxies->of[i].bits))
			return true;
	return false;
}

struct client_address client_address_of(
    const struct trusted_proxies *proxies, struct client_address peer, str forwarded)
{
	struct client_address client = peer;
	while (forwarded.n > 0 && is_trusted_proxy(proxies, client)) {
		size_t comma = str_find_last(forwarded, ',');
		str entry = comma < forwarded.n ? str_from(forwarded, comma + 1) : forwarded;
		if (!client_address_parse(str_trim(entry), &client))
			break;
		forwarded = str_first(forwarded, comma < forwarded.n ? comma : 0);
	}
	return client;
}

_Static_assert(CLIENT_ADDRESS_CHARS >= INET6_ADDRSTRLEN, "an address must fit");

str client_address_text(const struct client_address *address, char ret_text[CLIENT_ADDRESS_CHARS])
{
	const char *text = is_v4(address)
	    ? inet_ntop(AF_INET, address->bytes + V4_PREFIX_BYTES, ret_text, CLIENT_ADDRESS_CHARS)
	    : inet_ntop(AF_INET6, address->bytes, ret_text, CLIENT_ADDRESS_CHARS);
	return str_of(text);
}

str client_address_key(const struct client_address *address)
{
	return str_bytes(address->bytes, is_v4(address) ? CLIENT_ADDRESS_BYTES : CUSTOMER_BYTES);
}
