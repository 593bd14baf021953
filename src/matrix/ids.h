/*
 * Identifiers: appendices, "Common Namespace Format". At most 255 bytes each, sigil and domain included.
 * Parsers look only at the text; whose it is, is the caller's matter. Any thread.
 */
#ifndef EXEUNT_MATRIX_IDS_H
#define EXEUNT_MATRIX_IDS_H

#include "base/arena.h"

enum {
	ID_MAX_BYTES = 255,
	SERVER_NAME_MAX_BYTES = 230,
	DEVICE_ID_MAX_BYTES = 255,
	EVENT_TYPE_MAX_BYTES = 255,
	STATE_KEY_MAX_BYTES = 255,
};

struct id_parts {
	str localpart; /* without the sigil */
	str domain;    /* empty where the form has none (v3+ event ids, v12 room ids) */
};

/* hostname, IPv4 or [IPv6], with an optional port: appendices, "Server Name". */
bool server_name_valid(str name);

/* Each is false when `id` is no such identifier; `ret_parts` may be NULL. */
bool user_id_parse(str id, struct id_parts *ret_parts);   /* historical localparts are accepted */
bool room_id_parse(str id, struct id_parts *ret_parts);   /* both with and without domain */
bool room_alias_parse(str id, struct id_parts *ret_parts);
bool event_id_parse(str id, struct id_parts *ret_parts);

/* a-z 0-9 . _ = / + - and at least one character: what we let people register. */
bool user_localpart_valid_for_registration(str localpart);

/* "@localpart:server", or empty when longer than ID_MAX_BYTES or when the arena failed. */
str user_id_make(struct arena *arena, str localpart, str server_name);

bool mxc_parse(str uri, str *ret_server_name, str *ret_media_id); /* mxc://server/media */

#endif
