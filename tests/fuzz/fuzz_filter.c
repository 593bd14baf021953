/* Filters: any text is read or refused with a sentence; what is read answers about any event. */
#include "fuzz.h"

#include "matrix/filter.h"

#define EVENT "{\"content\":{\"url\":\"x\"},\"sender\":\"@a:b\",\"type\":\"m.room.message\"}"

static void ask(const struct event_filter *section)
{
	bool allowed = filter_allows_event(section, STR(EVENT));
	bool by_parts = filter_allows(section, STR("m.room.message"), STR("@a:b"));
	HOLDS(!allowed || by_parts);
	HOLDS(allowed || !by_parts || (section->has_contains_url && !section->contains_url));
	HOLDS(section->limit >= 0 && (section->has_limit || section->limit == 0));
	HOLDS(section->types.count <= FILTER_LIST_MAX && section->rooms.count <= FILTER_LIST_MAX);
	filter_section_allows_room(section, STR("!r:b"));
}

/* The filter's text as the event: the scanner must stand anything. */
static void ask_about_anything(const struct event_filter *section, str text)
{
	filter_allows_event(section, text);
	filter_allows(section, text, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct filter filter;
	struct event_filter section;
	struct fail fail = {0};
	str text = str_bytes(data, size);
	const struct event_filter picky = {.has_contains_url = true};
	arena_init(&arena, FUZZ_ARENA_BYTES);
	ask_about_anything(&picky, text);
	enum rc rc = filter_parse(&arena, text, &filter, &fail);
	HOLDS(rc == RC_OK || (fail.rc == rc && fail.message[0]));
	HOLDS(rc == RC_OK || rc == RC_NOT_JSON || rc == RC_BAD_JSON || rc == RC_INVALID_PARAM);
	if (filter_parse_room_event(&arena, text, &section, NULL) == RC_OK) {
		ask(&section);
		ask_about_anything(&section, text);
	}
	if (rc != RC_OK)
		return 0;
	const struct event_filter *all[] = {&filter.presence,      &filter.account_data,   &filter.room.state,
	                                    &filter.room.timeline, &filter.room.ephemeral, &filter.room.account_data};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		ask(all[i]);
	filter_allows_room(&filter, STR("!r:b"));
	return 0;
}
