#include "matrix/filter.h"

#include "matrix/ids.h"

/* The object that is being read, and its path in the filter for sentences: "" or "room.timeline.". */
struct reader {
	struct arena *arena;
	struct fail *fail;
	json object;
	const char *path;
};

static enum rc wrong_kind(const struct reader *r, const char *name, const char *must)
{
	return fail_set(r->fail, RC_BAD_JSON, "filter: %s%s must be %s", r->path, name, must);
}

static enum rc wrong_value(const struct reader *r, const char *name, const char *must)
{
	return fail_set(r->fail, RC_INVALID_PARAM, "filter: %s%s must be %s", r->path, name, must);
}

static enum rc read_bool(const struct reader *r, const char *name, bool *given, bool *value)
{
	json v = json_get(r->object, str_of(name));
	if (!v)
		return RC_OK;
	*given = true;
	return json_bool(v, value) ? RC_OK : wrong_kind(r, name, "true or false");
}

static bool is_type(str entry)
{
	return entry.n <= FILTER_ENTRY_MAX_BYTES;
}

static bool is_field(str entry)
{
	return entry.n <= FILTER_FIELD_MAX_BYTES;
}

static bool is_user_id(str entry)
{
	return user_id_parse(entry, NULL);
}

static bool is_room_id(str entry)
{
	return room_id_parse(entry, NULL);
}

/* What the entries of a list must be. */
struct entry_kind {
	bool (*accepts)(str entry);
	size_t max;
	const char *must;
};

static const struct entry_kind types = {
    is_type, FILTER_LIST_MAX, "a list of event types of at most 255 bytes"};
static const struct entry_kind rel_types = {
    is_type, FILTER_LIST_MAX, "a list of relationship types of at most 255 bytes"};
static const struct entry_kind fields = {
    is_field, FILTER_FIELDS_MAX, "a list of paths of at most 1024 bytes"};
static const struct entry_kind users = {is_user_id, FILTER_LIST_MAX, "a list of user IDs"};
static const struct entry_kind rooms = {is_room_id, FILTER_LIST_MAX, "a list of room IDs"};

static enum rc read_list(const struct reader *r, const char *name, const struct entry_kind *kind,
                         struct filter_list *ret_list)
{
	json list = json_get(r->object, str_of(name)), v;
	if (!list)
		return RC_OK;
	if (!json_is_array(list))
		return wrong_kind(r, name, kind->must);
	if (json_count(list) > kind->max)
		return fail_set(r->fail, RC_INVALID_PARAM, "filter: %s%s has more than %zu entries",
		    r->path, name, kind->max);
	str *entries = arena_array(r->arena, str, json_count(list));
	if (!entries)
		return arena_status(r->arena);
	struct json_iter iter = json_iter(list);
	for (size_t i = 0; json_next(&iter, NULL, &v); i++) {
		if (!json_text(v, &entries[i]))
			return wrong_kind(r, name, kind->must);
		if (!kind->accepts(entries[i]))
			return wrong_value(r, name, kind->must);
	}
	*ret_list = (struct filter_list){entries, json_count(list), true};
	return RC_OK;
}

static enum rc read_limit(const struct reader *r, struct event_filter *section)
{
	json v = json_get(r->object, STR("limit"));
	if (!v)
		return RC_OK;
	section->has_limit = true;
	if (!json_integer(v, &section->limit))
		return wrong_kind(r, "limit", "an integer");
	return section->limit >= 0 ? RC_OK : wrong_value(r, "limit", "0 or more");
}

static enum rc read_flags(const struct reader *r, struct event_filter *section)
{
	bool given;
	TRY(read_bool(r, "contains_url", &section->has_contains_url, &section->contains_url));
	TRY(read_bool(r, "lazy_load_members", &given, &section->lazy_load_members));
	TRY(read_bool(r, "include_redundant_members", &given, &section->include_redundant_members));
	return read_bool(r, "unread_thread_notifications", &given, &section->unread_thread_notifications);
}

static enum rc read_event_filter(const struct reader *r, bool of_rooms, struct event_filter *section)
{
	TRY(read_list(r, "types", &types, &section->types));
	TRY(read_list(r, "not_types", &types, &section->not_types));
	TRY(read_list(r, "senders", &users, &section->senders));
	TRY(read_list(r, "not_senders", &users, &section->not_senders));
	TRY(read_limit(r, section));
	if (!of_rooms)
		return RC_OK;
	TRY(read_list(r, "rooms", &rooms, &section->rooms));
	TRY(read_list(r, "not_rooms", &rooms, &section->not_rooms));
	TRY(read_list(r, "related_by_rel_types", &rel_types, &section->related_by_rel_types));
	TRY(read_list(r, "related_by_senders", &users, &section->related_by_senders));
	return read_flags(r, section);
}

/* The reader of the object under `name`; its `object` is NULL when there is none. */
static enum rc open_section(const struct reader *r, const char *name, const char *path, struct reader *ret_reader)
{
	json object = json_get(r->object, str_of(name));
	if (object && !json_is_object(object))
		return wrong_kind(r, name, "an object");
	*ret_reader = (struct reader){r->arena, r->fail, object, path};
	return RC_OK;
}

static enum rc read_section(const struct reader *r, const char *name, const char *path, bool of_rooms,
                            struct event_filter *section)
{
	struct reader inner;
	TRY(open_section(r, name, path, &inner));
	return read_event_filter(&inner, of_rooms, section);
}

static enum rc read_room(const struct reader *outer, struct room_filter *room)
{
	struct reader r;
	bool given;
	TRY(open_section(outer, "room", "room.", &r));
	TRY(read_list(&r, "rooms", &rooms, &room->rooms));
	TRY(read_list(&r, "not_rooms", &rooms, &room->not_rooms));
	TRY(read_bool(&r, "include_leave", &given, &room->include_leave));
	TRY(read_section(&r, "state", "room.state.", true, &room->state));
	TRY(read_section(&r, "timeline", "room.timeline.", true, &room->timeline));
	TRY(read_section(&r, "ephemeral", "room.ephemeral.", true, &room->ephemeral));
	return read_section(&r, "account_data", "room.account_data.", true, &room->account_data);
}

static enum rc read_format(const struct reader *r, bool *ret_federation)
{
	json v = json_get(r->object, STR("event_format"));
	str format;
	if (!v)
		return RC_OK;
	if (!json_text(v, &format))
		return wrong_kind(r, "event_format", "a string");
	*ret_federation = str_eq(format, STR("federation"));
	if (!*ret_federation && !str_eq(format, STR("client")))
		return wrong_value(r, "event_format", "client or federation");
	return RC_OK;
}

static enum rc open_text(struct arena *arena, str text, struct reader *ret_reader, struct fail *fail)
{
	struct reader r = {arena, fail, NULL, ""};
	TRY(json_parse(arena, text, &r.object, fail));
	if (!json_is_object(r.object))
		return fail_set(fail, RC_BAD_JSON, "The filter must be an object");
	*ret_reader = r;
	return RC_OK;
}

enum rc filter_parse(struct arena *arena, str text, struct filter *ret_filter, struct fail *fail)
{
	struct filter filter = {.federation_format = false};
	struct reader r = {0};
	TRY(open_text(arena, text, &r, fail));
	TRY(read_list(&r, "event_fields", &fields, &filter.event_fields));
	TRY(read_format(&r, &filter.federation_format));
	TRY(read_section(&r, "presence", "presence.", false, &filter.presence));
	TRY(read_section(&r, "account_data", "account_data.", false, &filter.account_data));
	TRY(read_room(&r, &filter.room));
	*ret_filter = filter;
	return RC_OK;
}

enum rc filter_parse_room_event(struct arena *arena, str text, struct event_filter *ret_filter, struct fail *fail)
{
	struct event_filter section = {.has_limit = false};
	struct reader r = {0};
	TRY(open_text(arena, text, &r, fail));
	TRY(read_event_filter(&r, true, &section));
	*ret_filter = section;
	return RC_OK;
}
