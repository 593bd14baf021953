#include "matrix/event_int.h"

/* Server-Server API, "PDUs": the fields that every event has. Each reader takes one of them. */
struct reader {
	struct arena *arena;
	struct fail *fail;
	struct event *event;
};

static enum rc bad(const struct reader *r, const char *field, const char *must)
{
	return fail_set(r->fail, RC_BAD_JSON, "The event's %s must be %s", field, must);
}

static enum rc read_bounded(const struct reader *r, const char *field, size_t max_bytes, str *ret_text)
{
	if (!json_text(json_get(r->event->root, str_of(field)), ret_text))
		return bad(r, field, "a string");
	if (ret_text->n > max_bytes)
		return fail_set(r->fail, RC_TOO_LARGE, "The event's %s is longer than %zu bytes", field, max_bytes);
	return RC_OK;
}

static enum rc read_type_and_key(const struct reader *r)
{
	TRY(read_bounded(r, "type", EVENT_TYPE_MAX_BYTES, &r->event->type));
	r->event->is_state = json_get(r->event->root, STR("state_key")) != NULL;
	if (r->event->is_state)
		TRY(read_bounded(r, "state_key", STATE_KEY_MAX_BYTES, &r->event->state_key));
	return RC_OK;
}

/* An event bears its id in v1 and v2; a later version's event may have such a member, which means nothing. */
static enum rc read_event_id(const struct reader *r)
{
	struct event *event = r->event;
	struct id_parts parts;
	if (event->version->event_id_format != EVENT_ID_RANDOM)
		return RC_OK;
	str known = event->event_id; /* of a stored event */
	TRY(read_bounded(r, "event_id", ID_MAX_BYTES, &event->event_id));
	if (!event_id_parse(event->event_id, &parts) || parts.domain.n == 0)
		return bad(r, "event_id", "an event ID with a domain");
	return known.n && !str_eq(known, event->event_id) ? bad(r, "event_id", "the one it is stored by") : RC_OK;
}

/*
 * In v12 the create event has no room_id (it makes it), and the others' has no domain. A create event that has one
 * all the same is an event, of that room: rule 1.2 rejects it.
 */
static enum rc read_room_id(const struct reader *r)
{
	struct event *event = r->event;
	struct id_parts parts;
	if (event_makes_room(event->version, event->type) && !json_get(event->root, STR("room_id")))
		return RC_OK;
	TRY(read_bounded(r, "room_id", ID_MAX_BYTES, &event->room_id));
	if (!room_id_parse(event->room_id, &parts))
		return bad(r, "room_id", "a room ID");
	if (event->version->room_id_from_create != (parts.domain.n == 0))
		return bad(r, "room_id", parts.domain.n ? "a room ID without a domain" : "a room ID with a domain");
	return RC_OK;
}

static enum rc read_sender(const struct reader *r)
{
	TRY(read_bounded(r, "sender", ID_MAX_BYTES, &r->event->sender));
	return user_id_parse(r->event->sender, NULL) ? RC_OK : bad(r, "sender", "a user ID");
}

static enum rc read_numbers(const struct reader *r)
{
	json root = r->event->root;
	bool strict = r->event->version->strict_canonical_json; /* then larger ones are not canonical, and gone */
	if (!json_int64(json_get(root, STR("depth")), &r->event->depth) || r->event->depth < 0)
		return bad(r, "depth", strict ? "an integer from 0 to 2^53-1" : "an integer from 0 to 2^63-1");
	if (!json_int64(json_get(root, STR("origin_server_ts")), &r->event->origin_server_ts))
		return bad(r, "origin_server_ts", "an integer");
	return RC_OK;
}

/* Shape only: an object with the given kind of members. */
static enum rc check_hashes_and_signatures(const struct reader *r)
{
	json hashes = json_get(r->event->root, STR("hashes"));
	json signatures = json_get(r->event->root, STR("signatures"));
	json of_server, signature;
	if (!json_is_text(json_get(hashes, STR("sha256"))))
		return bad(r, "hashes", "an object with a string sha256");
	if (!json_is_object(signatures))
		return bad(r, "signatures", "an object");
	struct json_iter servers = json_iter(signatures);
	while (json_next(&servers, NULL, &of_server)) {
		struct json_iter keys = json_iter(of_server);
		if (!json_is_object(of_server))
			return bad(r, "signatures", "an object of objects");
		while (json_next(&keys, NULL, &signature))
			if (!json_is_text(signature))
				return bad(r, "signatures", "an object of objects of strings");
	}
	return RC_OK;
}

/* What stands in prev_events and auth_events: an event id, in v1 and v2 [event id, hashes]. */
static bool read_link(const struct event *event, json entry, str *ret_id)
{
	if (event->version->event_id_format == EVENT_ID_RANDOM) {
		if (json_count(entry) != 2 || !json_is_object(json_at(entry, 1))) /* no array has no elements */
			return false;
		entry = json_at(entry, 0);
	}
	return json_text(entry, ret_id) && event_id_parse(*ret_id, NULL);
}

static enum rc read_event_ids(const struct reader *r, const char *field, size_t max, const str **ret_ids,
                              size_t *ret_count)
{
	json list = json_get(r->event->root, str_of(field));
	size_t count = json_count(list);
	const char *must = r->event->version->event_id_format == EVENT_ID_RANDOM
	                           ? "an array of pairs of event ID and hashes"
	                           : "an array of event IDs";
	if (!json_is_array(list))
		return bad(r, field, must);
	if (count > max)
		return fail_set(r->fail, RC_BAD_JSON, "The event's %s has more than %zu entries", field, max);
	str *ids = arena_array(r->arena, str, count ? count : 1);
	if (!ids)
		return arena_status(r->arena);
	struct json_iter iter = json_iter(list);
	json entry;
	for (size_t i = 0; json_next(&iter, NULL, &entry); i++)
		if (!read_link(r->event, entry, &ids[i]))
			return bad(r, field, must);
	*ret_ids = ids;
	*ret_count = count;
	return RC_OK;
}

static enum rc read_links(const struct reader *r)
{
	struct event *event = r->event;
	TRY(read_event_ids(r, "prev_events", EVENT_PREV_MAX, &event->prev_events, &event->prev_count));
	return read_event_ids(r, "auth_events", EVENT_AUTH_MAX, &event->auth_events, &event->auth_count);
}

/* Which event a redaction is about; what is no string is no redaction of anything. */
static void read_redacts(struct event *event)
{
	bool in_content = event->version->redacts_in_content;
	if (str_eq(event->type, STR("m.room.redaction")))
		event->redacts = json_get_text(in_content ? event->content : event->root, STR("redacts"));
}

static enum rc read_fields(const struct reader *r)
{
	if (!json_is_object(r->event->root))
		return fail_set(r->fail, RC_BAD_JSON, "The event must be an object");
	TRY(read_event_id(r));
	TRY(read_type_and_key(r));
	TRY(read_room_id(r));
	TRY(read_sender(r));
	r->event->content = json_get(r->event->root, STR("content"));
	if (!json_is_object(r->event->content))
		return bad(r, "content", "an object");
	TRY(read_numbers(r));
	TRY(check_hashes_and_signatures(r));
	TRY(read_links(r));
	read_redacts(r->event);
	return RC_OK;
}

static enum rc put_canonical(struct arena *arena, const struct room_version *version, json root, size_t hint_bytes,
                             str *ret_text, struct fail *fail)
{
	struct buf buf;
	buf_init(&buf, arena, EVENT_MAX_BYTES);
	(void)buf_reserve(&buf, hint_bytes < EVENT_MAX_BYTES ? hint_bytes : EVENT_MAX_BYTES);
	enum rc rc = event_put_json(&buf, version, root, fail);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "The event is larger than %d bytes", EVENT_MAX_BYTES);
	TRY(rc);
	return buf_finish(&buf, ret_text);
}

static enum rc compute_event_id(struct arena *arena, struct event *event)
{
	struct sha256 hash;
	if (event->version->event_id_format == EVENT_ID_RANDOM)
		return RC_OK;
	TRY(event_reference_hash(arena, event->version, event->root, &hash));
	event->event_id = event_id_of_hash(arena, event->version, &hash);
	return RC_OK;
}

static void name_room(struct arena *arena, struct event *event)
{
	if (event->room_id.n == 0)
		event->room_id = room_id_of_create(arena, event->event_id);
}

enum rc event_parse(struct arena *arena, const struct room_version *version, str text, struct event *ret_event,
                    struct fail *fail)
{
	struct event event = {.version = version};
	struct reader r = {arena, fail, &event};
	TRY(json_parse(arena, text, &event.root, fail));
	TRY(put_canonical(arena, version, event.root, text.n, &event.canonical, fail));
	if (!str_eq(text, event.canonical)) /* the tree, too, is to be in canonical order */
		TRY(json_parse(arena, event.canonical, &event.root, fail));
	TRY(read_fields(&r));
	TRY(compute_event_id(arena, &event));
	name_room(arena, &event);
	TRY(arena_status(arena));
	*ret_event = event;
	return RC_OK;
}

enum rc event_parse_stored(struct arena *arena, const struct room_version *version, str canonical,
                           str event_id, struct event *ret_event)
{
	struct event event = {.version = version, .canonical = canonical, .event_id = event_id};
	struct reader r = {arena, NULL, &event};
	enum rc rc = json_parse(arena, canonical, &event.root, NULL);
	if (rc == RC_OK)
		rc = read_fields(&r);
	TRY(arena_status(arena));
	if (rc != RC_OK || event_id.n == 0)
		return RC_CORRUPT;
	name_room(arena, &event);
	TRY(arena_status(arena));
	*ret_event = event;
	return RC_OK;
}
