/* Reading the body of sliding sync: MSC4186, "Request Body", and the form that clients of the unstable path send. */
#include "api/client/sync_sliding.h"

#include "matrix/ids.h"

enum { PATTERNS_TOTAL_MAX = 2048 }; /* of all required_states of a request */

static enum rc wrong(struct api_request *rq, const char *name, const char *must)
{
	return fail_set(&rq->fail, RC_BAD_JSON, "%s must be %s", name, must);
}

static enum rc too_many(struct api_request *rq, const char *name, size_t max)
{
	return fail_set(&rq->fail, RC_INVALID_PARAM, "%s may have at most %zu entries", name, max);
}

/* "Opaque identifiers" of the appendices. */
static bool is_opaque_id(str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.' || c == '_' || c == '~'))
			return false;
	}
	return name.n >= 1 && name.n <= SLIDING_NAME_MAX_BYTES;
}

/* ---- required_state ---- */

struct patterns {
	size_t count, total; /* of this required_state, of the request */
};

static enum rc pattern_room(struct api_request *rq, struct patterns *patterns, size_t more)
{
	if (patterns->count + more > SLIDING_PATTERNS_MAX)
		return too_many(rq, "required_state", SLIDING_PATTERNS_MAX);
	if (patterns->total + more > PATTERNS_TOTAL_MAX)
		return too_many(rq, "All required_states together", PATTERNS_TOTAL_MAX);
	patterns->total += more;
	return RC_OK;
}

/* ["type", "key"], with "*" for any, "$ME" for oneself, and ["m.room.member", "$LAZY"]. */
static enum rc pair_read(
    struct api_request *rq, json pair, struct sliding_config *config, struct sliding_pattern *list)
{
	str type, key;
	if (!json_is_array(pair) || json_count(pair) != 2 || !json_text(json_at(pair, 0), &type) ||
	    !json_text(json_at(pair, 1), &key))
		return wrong(rq, "required_state", "a list of pairs of strings, or an object");
	if (str_eq(key, STR("$LAZY"))) {
		config->lazy_members = config->lazy_members || str_eq(type, STR("m.room.member"));
		return RC_OK;
	}
	list[config->include_count++] = (struct sliding_pattern){
	    .any_type = str_eq(type, STR("*")),
	    .any_key = str_eq(key, STR("*")),
	    .own_key = str_eq(key, STR("$ME")),
	    .type = type,
	    .key = key,
	};
	return RC_OK;
}

static enum rc pairs_read(
    struct api_request *rq, json pairs, struct patterns *patterns, struct sliding_config *config)
{
	struct json_iter iter = json_iter(pairs);
	json pair;
	TRY(pattern_room(rq, patterns, json_count(pairs)));
	struct sliding_pattern *list =
	    arena_array(rq->arena, struct sliding_pattern, json_count(pairs));
	TRY(arena_status(rq->arena));
	config->include = list;
	while (json_next(&iter, NULL, &pair))
		TRY(pair_read(rq, pair, config, list));
	return RC_OK;
}

/* [{"type", "state_key"}]: what is not given matches any. */
static enum rc elements_read(struct api_request *rq, json elements, struct patterns *patterns,
    const struct sliding_pattern **ret_list, size_t *ret_count)
{
	struct json_iter iter = json_iter(elements);
	json element;
	size_t count = 0;
	TRY(pattern_room(rq, patterns, json_count(elements)));
	struct sliding_pattern *list =
	    arena_array(rq->arena, struct sliding_pattern, json_count(elements));
	TRY(arena_status(rq->arena));
	while (json_next(&iter, NULL, &element)) {
		struct {
			str type, key;
		} texts = {STR_EMPTY, STR_EMPTY};
		const struct field fields[] = {
		    {"type", FIELD_TEXT, false, 0, ID_MAX_BYTES, offsetof(__typeof__(texts), type)},
		    {"state_key", FIELD_TEXT, false, 0, ID_MAX_BYTES,
			offsetof(__typeof__(texts), key)},
		};
		if (!json_is_object(element))
			return wrong(rq, "required_state", "lists of objects");
		TRY(api_read_object(rq, element, fields, COUNT_OF(fields), &texts));
		list[count++] =
		    (struct sliding_pattern){.any_type = !json_get(element, STR("type")),
			.any_key = !json_get(element, STR("state_key")),
			.type = texts.type,
			.key = texts.key};
	}
	patterns->count += count;
	*ret_list = list;
	*ret_count = count;
	return RC_OK;
}

static enum rc required_read(
    struct api_request *rq, json required, struct patterns *patterns, struct sliding_config *config)
{
	struct {
		json include, exclude;
		bool lazy_members;
	} parts = {0};
	const struct field fields[] = {
	    {"include", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), include)},
	    {"exclude", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), exclude)},
	    {"lazy_members", FIELD_BOOL, false, 0, 0, offsetof(__typeof__(parts), lazy_members)},
	};
	patterns->count = 0;
	if (!required)
		return RC_OK;
	if (json_is_array(required))
		return pairs_read(rq, required, patterns, config);
	if (!json_is_object(required))
		return wrong(rq, "required_state", "a list of pairs of strings, or an object");
	TRY(api_read_object(rq, required, fields, COUNT_OF(fields), &parts));
	config->lazy_members = parts.lazy_members;
	TRY(elements_read(rq, parts.include, patterns, &config->include, &config->include_count));
	return elements_read(rq, parts.exclude, patterns, &config->exclude, &config->exclude_count);
}

static enum rc config_read(
    struct api_request *rq, json object, struct patterns *patterns, struct sliding_config *config)
{
	struct {
		int64_t timeline_limit;
		json required;
		bool heroes;
	} parts = {.heroes = true};
	const struct field fields[] = {
	    {"timeline_limit", FIELD_INTEGER, true, 0, JSON_INTEGER_MAX,
		offsetof(__typeof__(parts), timeline_limit)},
	    {"required_state", FIELD_ANY, false, 0, 0, offsetof(__typeof__(parts), required)},
	    {"include_heroes", FIELD_BOOL, false, 0, 0, offsetof(__typeof__(parts), heroes)},
	};
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	config->timeline_limit = parts.timeline_limit < SLIDING_TIMELINE_MAX ? parts.timeline_limit
									     : SLIDING_TIMELINE_MAX;
	config->without_heroes = !parts.heroes;
	return required_read(rq, parts.required, patterns, config);
}

/* ---- filters ---- */

static enum rc flag_read(
    struct api_request *rq, const char *name, json value, enum sliding_flag *flag)
{
	bool is;
	if (!value || json_is_null(value))
		return RC_OK;
	if (!json_bool(value, &is))
		return wrong(rq, name, "true or false");
	*flag = is ? SLIDING_YES : SLIDING_NO;
	return RC_OK;
}

static enum rc names_read(struct api_request *rq, const char *name, json list, bool may_be_null,
    struct sliding_names *names)
{
	struct json_iter iter = json_iter(list);
	json entry;
	if (!list)
		return RC_OK;
	if (json_count(list) > SLIDING_NAMES_MAX)
		return too_many(rq, name, SLIDING_NAMES_MAX);
	str *texts = arena_array(rq->arena, str, json_count(list));
	TRY(arena_status(rq->arena));
	*names = (struct sliding_names){.given = true, .names = texts};
	while (json_next(&iter, NULL, &entry)) {
		if (may_be_null && json_is_null(entry))
			names->none = true;
		else if (!json_text(entry, &texts[names->count++]))
			return wrong(rq, name,
			    may_be_null ? "a list of strings and null" : "a list of strings");
	}
	return RC_OK;
}

static enum rc filters_read(struct api_request *rq, json object, struct sliding_filters *filters)
{
	struct {
		json is_dm, is_encrypted, is_invited, is_invite, spaces, room_types, not_room_types,
		    tags, not_tags;
	} parts = {0};
	const struct field fields[] = {
	    {"is_dm", FIELD_ANY, false, 0, 0, offsetof(__typeof__(parts), is_dm)},
	    {"is_encrypted", FIELD_ANY, false, 0, 0, offsetof(__typeof__(parts), is_encrypted)},
	    {"is_invited", FIELD_ANY, false, 0, 0, offsetof(__typeof__(parts), is_invited)},
	    {"is_invite", FIELD_ANY, false, 0, 0, offsetof(__typeof__(parts), is_invite)},
	    {"spaces", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), spaces)},
	    {"room_types", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), room_types)},
	    {"not_room_types", FIELD_ARRAY, false, 0, 0,
		offsetof(__typeof__(parts), not_room_types)},
	    {"tags", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), tags)},
	    {"not_tags", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), not_tags)},
	};
	if (!object)
		return RC_OK;
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	TRY(flag_read(rq, "is_dm", parts.is_dm, &filters->is_dm));
	TRY(flag_read(rq, "is_encrypted", parts.is_encrypted, &filters->is_encrypted));
	TRY(flag_read(rq, "is_invite", parts.is_invite, &filters->is_invited));
	TRY(flag_read(rq, "is_invited", parts.is_invited, &filters->is_invited));
	TRY(names_read(rq, "spaces", parts.spaces, false, &filters->spaces));
	TRY(names_read(rq, "room_types", parts.room_types, true, &filters->room_types));
	TRY(names_read(rq, "not_room_types", parts.not_room_types, true, &filters->not_room_types));
	TRY(names_read(rq, "tags", parts.tags, false, &filters->tags));
	return names_read(rq, "not_tags", parts.not_tags, false, &filters->not_tags);
}

/* ---- lists ---- */

static enum rc range_read(struct api_request *rq, json range, struct sliding_list *list)
{
	struct sliding_range read;
	if (!json_is_array(range) || json_count(range) != 2 ||
	    !json_integer(json_at(range, 0), &read.first) ||
	    !json_integer(json_at(range, 1), &read.last))
		return wrong(rq, "A range", "a pair of integers");
	if (read.first < 0 || read.last < read.first)
		return fail_set(&rq->fail, RC_INVALID_PARAM, "A range must ascend, from 0 or more");
	list->ranges[list->range_count++] = read;
	return RC_OK;
}

static enum rc ranges_read(
    struct api_request *rq, json range, json ranges, struct sliding_list *list)
{
	struct json_iter iter = json_iter(ranges);
	json one;
	if (json_count(ranges) + (range != NULL) > SLIDING_RANGES_MAX)
		return too_many(rq, "ranges", SLIDING_RANGES_MAX);
	if (range)
		TRY(range_read(rq, range, list));
	while (json_next(&iter, NULL, &one))
		TRY(range_read(rq, one, list));
	list->everything = list->range_count == 0;
	return RC_OK;
}

static enum rc list_read(struct api_request *rq, str name, json object, struct patterns *patterns,
    struct sliding_list *list)
{
	struct {
		json range, ranges, filters;
	} parts = {0};
	const struct field fields[] = {
	    {"range", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), range)},
	    {"ranges", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), ranges)},
	    {"filters", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), filters)},
	};
	if (!is_opaque_id(name))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "lists: names have 1 to %d letters, digits, '-', '.', '_' and '~'",
		    SLIDING_NAME_MAX_BYTES);
	if (!json_is_object(object))
		return wrong(rq, "Each of lists", "an object");
	list->name = name;
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	TRY(ranges_read(rq, parts.range, parts.ranges, list));
	TRY(filters_read(rq, parts.filters, &list->filters));
	return config_read(rq, object, patterns, &list->config);
}

static enum rc lists_read(
    struct api_request *rq, json object, struct patterns *patterns, struct sliding_request *request)
{
	struct json_iter iter = json_iter(object);
	json one;
	str name;
	if (json_count(object) > SLIDING_LISTS_MAX)
		return too_many(rq, "lists", SLIDING_LISTS_MAX);
	struct sliding_list *lists =
	    arena_array(rq->arena, struct sliding_list, json_count(object));
	TRY(arena_status(rq->arena));
	while (json_next(&iter, &name, &one))
		TRY(list_read(rq, name, one, patterns, &lists[request->list_count++]));
	request->lists = lists;
	return RC_OK;
}

static enum rc subscriptions_read(
    struct api_request *rq, json object, struct patterns *patterns, struct sliding_request *request)
{
	struct json_iter iter = json_iter(object);
	json one;
	str room_id;
	if (json_count(object) > SLIDING_SUBSCRIPTIONS_MAX)
		return too_many(rq, "room_subscriptions", SLIDING_SUBSCRIPTIONS_MAX);
	struct sliding_subscription *list =
	    arena_array(rq->arena, struct sliding_subscription, json_count(object));
	TRY(arena_status(rq->arena));
	while (json_next(&iter, &room_id, &one)) {
		struct sliding_subscription *subscription = &list[request->subscription_count++];
		if (!json_is_object(one))
			return wrong(rq, "Each of room_subscriptions", "an object");
		subscription->room_id = room_id;
		TRY(config_read(rq, one, patterns, &subscription->config));
	}
	request->subscriptions = list;
	return RC_OK;
}

/* ---- extensions ---- */

/* Names of a scope: absent, or with "*", all of them. */
static enum rc scope_names_read(struct api_request *rq, const char *name, json list, bool *ret_all,
    const str **ret_names, size_t *ret_count)
{
	struct sliding_names names = {0};
	TRY(names_read(rq, name, list, false, &names));
	*ret_all = !names.given;
	for (size_t i = 0; i < names.count; i++)
		*ret_all = *ret_all || str_eq(names.names[i], STR("*"));
	*ret_names = names.names;
	*ret_count = names.count;
	return RC_OK;
}

static enum rc scope_read(struct api_request *rq, json object, struct sliding_scope *scope)
{
	struct {
		bool enabled;
		json lists, rooms;
	} parts = {0};
	const struct field fields[] = {
	    {"enabled", FIELD_BOOL, false, 0, 0, offsetof(__typeof__(parts), enabled)},
	    {"lists", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), lists)},
	    {"rooms", FIELD_ARRAY, false, 0, 0, offsetof(__typeof__(parts), rooms)},
	};
	if (!object)
		return RC_OK;
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	scope->enabled = parts.enabled;
	TRY(scope_names_read(
	    rq, "lists", parts.lists, &scope->all_lists, &scope->lists, &scope->list_count));
	return scope_names_read(
	    rq, "rooms", parts.rooms, &scope->all_subscriptions, &scope->rooms, &scope->room_count);
}

static enum rc to_device_read(struct api_request *rq, json object, struct sliding_request *request)
{
	struct {
		bool enabled;
		int64_t limit;
		str since;
	} parts = {.limit = SLIDING_TO_DEVICE_MAX};
	const struct field fields[] = {
	    {"enabled", FIELD_BOOL, false, 0, 0, offsetof(__typeof__(parts), enabled)},
	    {"limit", FIELD_INTEGER, false, 1, JSON_INTEGER_MAX,
		offsetof(__typeof__(parts), limit)},
	    {"since", FIELD_TEXT, false, 0, SLIDING_NAME_MAX_BYTES,
		offsetof(__typeof__(parts), since)},
	};
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	request->to_device = parts.enabled;
	request->to_device_since = parts.since;
	request->to_device_limit =
	    parts.limit < SLIDING_TO_DEVICE_MAX ? parts.limit : SLIDING_TO_DEVICE_MAX;
	return RC_OK;
}

static enum rc e2ee_read(struct api_request *rq, json object, struct sliding_request *request)
{
	const struct field fields[] = {
	    {"enabled", FIELD_BOOL, false, 0, 0, offsetof(struct sliding_request, e2ee)},
	};
	return api_read_object(rq, object, fields, COUNT_OF(fields), request);
}

static enum rc extensions_read(struct api_request *rq, json object, struct sliding_request *request)
{
	struct {
		json to_device, e2ee, account_data, receipts, typing;
	} parts = {0};
	const struct field fields[] = {
	    {"to_device", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), to_device)},
	    {"e2ee", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), e2ee)},
	    {"account_data", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), account_data)},
	    {"receipts", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), receipts)},
	    {"typing", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), typing)},
	};
	TRY(api_read_object(rq, object, fields, COUNT_OF(fields), &parts));
	TRY(to_device_read(rq, parts.to_device, request));
	TRY(e2ee_read(rq, parts.e2ee, request));
	TRY(scope_read(rq, parts.account_data, &request->account_data));
	TRY(scope_read(rq, parts.receipts, &request->receipts));
	return scope_read(rq, parts.typing, &request->typing);
}

enum rc sliding_body_read(struct api_request *rq, struct sliding_body *ret_body)
{
	struct {
		str conn_id, pos, set_presence;
		int64_t timeout_ms;
		json lists, subscriptions, extensions;
	} parts = {0};
	const struct field fields[] = {
	    {"conn_id", FIELD_TEXT, false, 0, SLIDING_NAME_MAX_BYTES,
		offsetof(__typeof__(parts), conn_id)},
	    {"pos", FIELD_TEXT, false, 0, 0, offsetof(__typeof__(parts), pos)},
	    {"set_presence", FIELD_TEXT, false, 0, 0, offsetof(__typeof__(parts), set_presence)},
	    {"timeout", FIELD_INTEGER, false, 0, JSON_INTEGER_MAX,
		offsetof(__typeof__(parts), timeout_ms)},
	    {"lists", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), lists)},
	    {"room_subscriptions", FIELD_OBJECT, false, 0, 0,
		offsetof(__typeof__(parts), subscriptions)},
	    {"extensions", FIELD_OBJECT, false, 0, 0, offsetof(__typeof__(parts), extensions)},
	};
	struct patterns patterns = {0};
	struct sliding_body body = {0};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &parts));
	body.pos = parts.pos;
	body.set_presence = parts.set_presence;
	body.timeout_ms = parts.timeout_ms;
	body.request.conn_id = parts.conn_id;
	TRY(lists_read(rq, parts.lists, &patterns, &body.request));
	TRY(subscriptions_read(rq, parts.subscriptions, &patterns, &body.request));
	TRY(extensions_read(rq, parts.extensions, &body.request));
	*ret_body = body;
	return RC_OK;
}
