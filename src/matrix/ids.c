#include "matrix/ids.h"

#include "codec/utf8.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	PORT_DIGITS_MAX = 5,
	DNS_LABEL_MAX_BYTES = 63,
	EVENT_HASH_CHARACTERS = 43, /* SHA-256 in unpadded base64 */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool port_valid(str port)
{
	int64_t number;
	return port.n <= PORT_DIGITS_MAX && str_to_i64(port, 0, UINT16_MAX, &number) && port.p[0] != '-';
}

static bool ipv6_valid(str address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr parsed;
	if (address.n == 0 || address.n >= sizeof text || memchr(address.p, '\0', address.n))
		return false;
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	return inet_pton(AF_INET6, text, &parsed) == 1;
}

/* Four numbers that look like an IPv4 address must be one. */
static bool ipv4_valid(str name)
{
	str part;
	int64_t number;
	while (str_split(&name, '.', &part))
		if (part.n > 3 || !str_to_i64(part, 0, UINT8_MAX, &number))
			return false;
	return true;
}

/* Labels of letters, digits and hyphens. A trailing dot and empty labels are no host name. */
static bool dns_name_valid(str name)
{
	bool only_digits = true;
	unsigned labels = 0;
	str label, rest = name;
	if (name.n == 0)
		return false;
	while (str_split(&rest, '.', &label)) {
		if (label.n == 0 || label.n > DNS_LABEL_MAX_BYTES)
			return false;
		for (size_t i = 0; i < label.n; i++) {
			if (!is_alphanumeric(label.p[i]) && label.p[i] != '-')
				return false;
			only_digits = only_digits && is_digit(label.p[i]);
		}
		labels++;
	}
	return only_digits && labels == 4 ? ipv4_valid(name) : true;
}

bool server_name_valid(str name)
{
	if (name.n == 0 || name.n > SERVER_NAME_MAX_BYTES)
		return false;
	if (name.p[0] == '[') {
		size_t end = str_find(name, ']');
		str after = str_from(name, end + 1);
		return end < name.n && ipv6_valid((str){name.p + 1, end - 1}) &&
		       (after.n == 0 || (after.p[0] == ':' && port_valid(str_from(after, 1))));
	}
	size_t colon = str_find(name, ':');
	return dns_name_valid(str_first(name, colon)) &&
	       (colon == name.n || port_valid(str_from(name, colon + 1)));
}

/* Sigil, any code points but ':' and NUL, ':' and a server name. */
static bool parse_with_domain(str id, char sigil, struct id_parts *ret_parts)
{
	if (id.n < 2 || id.n > ID_MAX_BYTES || id.p[0] != sigil)
		return false;
	size_t colon = str_find(id, ':');
	struct id_parts parts = {
		.localpart = {id.p + 1, colon - 1},
		.domain = str_from(id, colon + 1),
	};
	if (colon == id.n || !server_name_valid(parts.domain) ||
	    str_find(parts.localpart, '\0') < parts.localpart.n || !utf8_valid(parts.localpart))
		return false;
	if (ret_parts)
		*ret_parts = parts;
	return true;
}

/* The sigil and a hash: event ids of v3 and later, room ids of v12. Version 3 has '+' and '/' in it. */
static bool parse_hash(str id, char sigil, struct id_parts *ret_parts)
{
	if (id.n != 1 + EVENT_HASH_CHARACTERS || id.p[0] != sigil)
		return false;
	for (size_t i = 1; i < id.n; i++)
		if (!is_alphanumeric(id.p[i]) && !memchr("-_+/", id.p[i], 4))
			return false;
	if (ret_parts)
		*ret_parts = (struct id_parts){.localpart = str_from(id, 1)};
	return true;
}

bool user_id_parse(str id, struct id_parts *ret_parts)
{
	return parse_with_domain(id, '@', ret_parts);
}

bool room_id_parse(str id, struct id_parts *ret_parts)
{
	return parse_hash(id, '!', ret_parts) || parse_with_domain(id, '!', ret_parts);
}

bool room_alias_parse(str id, struct id_parts *ret_parts)
{
	return parse_with_domain(id, '#', ret_parts);
}

bool event_id_parse(str id, struct id_parts *ret_parts)
{
	return parse_hash(id, '$', ret_parts) || parse_with_domain(id, '$', ret_parts);
}

bool user_localpart_valid_for_registration(str localpart)
{
	if (localpart.n == 0 || localpart.n > ID_MAX_BYTES)
		return false;
	for (size_t i = 0; i < localpart.n; i++) {
		char c = localpart.p[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !memchr("._=/+-", c, 6))
			return false;
	}
	return true;
}

str user_id_make(struct arena *arena, str localpart, str server_name)
{
	if (localpart.n > ID_MAX_BYTES || server_name.n > ID_MAX_BYTES ||
	    localpart.n + server_name.n + 2 > ID_MAX_BYTES)
		return STR_EMPTY;
	char *p = arena_alloc(arena, localpart.n + server_name.n + 2);
	if (!p)
		return STR_EMPTY;
	p[0] = '@';
	if (localpart.n)
		memcpy(p + 1, localpart.p, localpart.n);
	p[1 + localpart.n] = ':';
	if (server_name.n)
		memcpy(p + 2 + localpart.n, server_name.p, server_name.n);
	return (str){p, localpart.n + server_name.n + 2};
}

bool mxc_parse(str uri, str *ret_server_name, str *ret_media_id)
{
	if (!str_starts(uri, STR("mxc://")))
		return false;
	str rest = str_from(uri, strlen("mxc://"));
	size_t slash = str_find(rest, '/');
	str media_id = str_from(rest, slash + 1);
	if (!server_name_valid(str_first(rest, slash)) || media_id.n == 0 || media_id.n > ID_MAX_BYTES)
		return false;
	for (size_t i = 0; i < media_id.n; i++)
		if (!is_alphanumeric(media_id.p[i]) && media_id.p[i] != '-' && media_id.p[i] != '_')
			return false;
	*ret_server_name = str_first(rest, slash);
	*ret_media_id = media_id;
	return true;
}
