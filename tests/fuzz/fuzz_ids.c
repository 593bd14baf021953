/* Identifiers: the parts that are found are the parts of the text, and never more than the limit. */
#include "fuzz.h"

#include "matrix/ids.h"

typedef bool (*parser)(str id, struct id_parts *ret_parts);

/* Sigil, localpart and, where there is one, ':' and a server name. */
static void check_parts(parser parse, str id, char sigil)
{
	struct id_parts parts;
	if (!parse(id, &parts))
		return;
	HOLDS(parse(id, NULL));
	HOLDS(id.n <= ID_MAX_BYTES && id.p[0] == sigil);
	HOLDS(parts.localpart.p == id.p + 1);
	HOLDS(str_find(parts.localpart, ':') == parts.localpart.n);
	HOLDS(str_find(parts.localpart, '\0') == parts.localpart.n);
	if (parts.domain.n == 0) {
		HOLDS(parts.localpart.n == id.n - 1);
		return;
	}
	HOLDS(server_name_valid(parts.domain));
	HOLDS(parts.domain.p == parts.localpart.p + parts.localpart.n + 1);
	HOLDS(parts.domain.p + parts.domain.n == id.p + id.n);
}

static void check_made(str text)
{
	struct arena CLEANUP(arena_release) arena;
	struct id_parts parts;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	if (!user_localpart_valid_for_registration(text))
		return;
	str id = user_id_make(&arena, text, STR("example.org"));
	HOLDS((id.n == 0) == (text.n + 13 > ID_MAX_BYTES));
	if (id.n) {
		HOLDS(user_id_parse(id, &parts));
		HOLDS(str_eq(parts.localpart, text) && str_eq(parts.domain, STR("example.org")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_bytes(data, size), server, media;
	check_parts(user_id_parse, text, '@');
	check_parts(room_id_parse, text, '!');
	check_parts(room_alias_parse, text, '#');
	check_parts(event_id_parse, text, '$');
	if (server_name_valid(text))
		HOLDS(size > 0 && size <= SERVER_NAME_MAX_BYTES);
	if (mxc_parse(text, &server, &media)) {
		HOLDS(server_name_valid(server) && media.n > 0);
		HOLDS(6 + server.n + 1 + media.n == size);
	}
	check_made(text);
	return 0;
}
