/* What the specification asks of an event's content beyond the auth rules. */
#include "codec/canonical.h"
#include "core/room/room_int.h"

static bool alias_stands_in(json content, str alias)
{
	if (str_eq(json_get_text(content, STR("alias")), alias))
		return true;
	struct json_iter iter = json_iter(json_get(content, STR("alt_aliases")));
	json value;
	str text;
	while (json_next(&iter, NULL, &value))
		if (json_text(value, &text) && str_eq(text, alias))
			return true;
	return false;
}

/* An alias that is new in the event must point to this room. */
static enum rc alias_check(struct build *build, json before, json value)
{
	str alias;
	if (!json_text(value, &alias) || !room_alias_parse(alias, NULL))
		return fail_set(build->fail, RC_INVALID_PARAM, "alias and alt_aliases must hold room aliases");
	if (before && alias_stands_in(before, alias))
		return RC_OK;
	struct txn_ro *txn;
	int64_t room, creator;
	TRY(build_txn(build, &txn));
	enum rc rc = alias_find(txn, alias, &room, &creator);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && room != build->head->room))
		return fail_set(build->fail, RC_BAD_ALIAS, "%.*s does not point to this room", STR_ARG(alias));
	return rc;
}

/* Client-Server API, PUT …/state/{eventType}/{stateKey}: M_BAD_ALIAS, M_INVALID_PARAM. */
enum rc check_canonical_alias(struct build *build, json content)
{
	const struct event *now = build_state(build, STR("m.room.canonical_alias"), STR_EMPTY);
	TRY(build->rc);
	json before = now ? now->content : NULL;
	json alias = json_get(content, STR("alias")), others = json_get(content, STR("alt_aliases"));
	bool cleared = json_is_null(alias) || (json_is_text(alias) && json_text_or(alias, STR_EMPTY).n == 0);
	if (alias && !cleared)
		TRY(alias_check(build, before, alias));
	if (others && !json_is_array(others))
		return fail_set(build->fail, RC_INVALID_PARAM, "alt_aliases must be an array");
	struct json_iter iter = json_iter(others);
	json value;
	while (json_next(&iter, NULL, &value))
		TRY(alias_check(build, before, value));
	return RC_OK;
}

static enum rc levels_map_check(struct build *build, json content, const char *name, bool users)
{
	json map = json_get(content, str_of(name)), value;
	struct json_iter iter = json_iter(map);
	str key;
	if (map && !json_is_object(map))
		return fail_set(build->fail, RC_BAD_JSON, "%s must be an object", name);
	while (json_next(&iter, &key, &value)) {
		if (!json_is_integer(value))
			return fail_set(build->fail, RC_BAD_JSON, "Every value of %s must be an integer", name);
		if (users && !user_id_parse(key, NULL))
			return fail_set(build->fail, RC_BAD_JSON, "Every key of users must be a user ID");
	}
	return RC_OK;
}

/* The auth rules would refuse these as well; to a client they are malformed content, not a lack of power. */
enum rc check_power_levels(struct build *build, json content)
{
	static const char *const levels[] = {"ban", "events_default", "invite", "kick", "redact", "state_default",
	                                     "users_default"};
	if (!build->head->version->integer_power_levels)
		return RC_OK;
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		json level = json_get(content, str_of(levels[i]));
		if (level && !json_is_integer(level))
			return fail_set(build->fail, RC_BAD_JSON, "%s must be an integer", levels[i]);
	}
	TRY(levels_map_check(build, content, "users", true));
	TRY(levels_map_check(build, content, "events", false));
	return levels_map_check(build, content, "notifications", false);
}

/* The event to redact: in this room, and the actor's own unless its power suffices. */
static enum rc redaction_target(struct build *build, const struct event_request *request, struct event_row *ret_row)
{
	struct txn_ro *txn;
	TRY(build_txn(build, &txn));
	enum rc rc = event_find(txn, build->arena, request->redacts, ret_row);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && ret_row->room != build->head->room))
		return fail_set(build->fail, RC_NOT_FOUND, "There is no such event in this room");
	if (rc != RC_OK)
		return rc;
	if (str_eq(ret_row->type, STR("m.room.create")))
		return fail_set(build->fail, RC_FORBIDDEN, "The create event of a room cannot be redacted");
	if (ret_row->sender == request->actor.user)
		return RC_OK;
	if (request->actor.is_suspended)
		return fail_set(build->fail, RC_USER_SUSPENDED,
		    "An account that is suspended redacts its own events only");
	struct power_levels levels = build_power_levels(build);
	TRY(build->rc);
	if (power_of_user(&levels, request->actor.user_id) < power_for_action(&levels, STR("redact")))
		return fail_set(build->fail, RC_FORBIDDEN,
		                "Redacting somebody else's event needs more power than you have");
	return RC_OK;
}

/* event_build() writes `redacts` where the version wants it: the client's own copy goes. */
static enum rc content_without_redacts(struct build *build, struct event_request *request, json content)
{
	if (!json_get(content, STR("redacts")))
		return RC_OK;
	str left_out = STR("redacts");
	struct buf buf;
	buf_init(&buf, build->arena, EVENT_MAX_BYTES);
	TRY(canonical_put_without(&buf, content, &left_out, 1, build->fail));
	request->parsed = NULL;
	return buf_finish(&buf, &request->content);
}

enum rc check_redaction(struct build *build, struct event_request *request, json content,
                        str *ret_redacted_canonical)
{
	if (!request->redacts.n)
		request->redacts = json_get_text(content, STR("redacts"));
	if (!request->redacts.n)
		return fail_set(build->fail, RC_INVALID_PARAM, "redacts must be the ID of the event to redact");
	struct event_row row;
	struct event target;
	TRY(redaction_target(build, request, &row));
	TRY(content_without_redacts(build, request, content));
	TRY(event_parse_stored(build->arena, build->head->version, row.canonical, row.event_id, &target));
	return event_redact(build->arena, build->head->version, target.root, ret_redacted_canonical);
}
