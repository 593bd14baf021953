#include "matrix/event_int.h"

/* One key of content that survives redaction, in the versions from `since` to `until`. */
struct kept_key {
	str type, key;
	enum redaction_rules since, until;
};

#define KEEP(type, key, since, until) {STR_INIT("m.room." type), STR_INIT(key), REDACTION_##since, REDACTION_##until}

/* Room Versions, "Redactions" of each version. Sorted by type, then key: the canonical order. */
static const struct kept_key kept_keys[] = {
	KEEP("aliases", "aliases", V1, V1),
	KEEP("create", "creator", V1, V9), /* V11 keeps everything */
	KEEP("history_visibility", "history_visibility", V1, V11),
	KEEP("join_rules", "allow", V8, V11),
	KEEP("join_rules", "join_rule", V1, V11),
	KEEP("member", "join_authorised_via_users_server", V9, V11),
	KEEP("member", "membership", V1, V11),
	KEEP("member", "third_party_invite", V11, V11), /* only its `signed` */
	KEEP("power_levels", "ban", V1, V11),
	KEEP("power_levels", "events", V1, V11),
	KEEP("power_levels", "events_default", V1, V11),
	KEEP("power_levels", "invite", V11, V11),
	KEEP("power_levels", "kick", V1, V11),
	KEEP("power_levels", "redact", V1, V11),
	KEEP("power_levels", "state_default", V1, V11),
	KEEP("power_levels", "users", V1, V11),
	KEEP("power_levels", "users_default", V1, V11),
	KEEP("redaction", "redacts", V11, V11),
};

/* Top-level members that survive, in canonical order. */
static const struct top_level_key {
	str key;
	enum redaction_rules until;
} top_level_keys[] = {
	{STR_INIT("auth_events"), REDACTION_V11},
	{STR_INIT("content"), REDACTION_V11},
	{STR_INIT("depth"), REDACTION_V11},
	{STR_INIT("event_id"), REDACTION_V11},
	{STR_INIT("hashes"), REDACTION_V11},
	{STR_INIT("membership"), REDACTION_V9},
	{STR_INIT("origin"), REDACTION_V9},
	{STR_INIT("origin_server_ts"), REDACTION_V11},
	{STR_INIT("prev_events"), REDACTION_V11},
	{STR_INIT("prev_state"), REDACTION_V9},
	{STR_INIT("room_id"), REDACTION_V11},
	{STR_INIT("sender"), REDACTION_V11},
	{STR_INIT("signatures"), REDACTION_V11},
	{STR_INIT("state_key"), REDACTION_V11},
	{STR_INIT("type"), REDACTION_V11},
};

/* Of `third_party_invite` only the member `signed` survives; what is no object goes altogether. */
static enum rc put_third_party_invite(struct buf *buf, const struct room_version *version, json invite)
{
	if (!json_is_object(invite))
		return RC_OK;
	json_put_key(buf, STR("third_party_invite"));
	json signed_part = json_get(invite, STR("signed"));
	buf_putc(buf, '{');
	if (signed_part) {
		json_put_key(buf, STR("signed"));
		TRY(event_put_json(buf, version, signed_part, NULL));
	}
	buf_putc(buf, '}');
	return RC_OK;
}

static enum rc put_kept(struct buf *buf, const struct room_version *version, str type, str key, json value)
{
	if (!value)
		return RC_OK;
	if (str_eq(key, STR("third_party_invite")) && str_eq(type, STR("m.room.member")))
		return put_third_party_invite(buf, version, value);
	json_put_key(buf, key);
	return event_put_json(buf, version, value, NULL);
}

enum rc redact_put_content(struct buf *buf, const struct room_version *version, str type, json content)
{
	if (version->redaction >= REDACTION_V11 && str_eq(type, STR("m.room.create")))
		return event_put_json(buf, version, content, NULL);
	buf_putc(buf, '{');
	for (size_t i = 0; i < COUNT_OF(kept_keys); i++) {
		const struct kept_key *kept = &kept_keys[i];
		if (str_eq(type, kept->type) && version->redaction >= kept->since &&
		    version->redaction <= kept->until)
			TRY(put_kept(buf, version, type, kept->key, json_get(content, kept->key)));
	}
	buf_putc(buf, '}');
	return buf_status(buf);
}

enum rc redact_put_event(struct buf *buf, const struct room_version *version, json root, bool with_signatures)
{
	str type = json_get_text(root, STR("type"));
	buf_putc(buf, '{');
	for (size_t i = 0; i < COUNT_OF(top_level_keys); i++) {
		str key = top_level_keys[i].key;
		json value = json_get(root, key);
		if (!value || version->redaction > top_level_keys[i].until)
			continue;
		if (!with_signatures && str_eq(key, STR("signatures")))
			continue;
		json_put_key(buf, key);
		if (str_eq(key, STR("content")))
			TRY(redact_put_content(buf, version, type, value));
		else
			TRY(event_put_json(buf, version, value, NULL));
	}
	buf_putc(buf, '}');
	return buf_status(buf);
}

enum rc event_redact(struct arena *arena, const struct room_version *version, json root, str *ret_canonical)
{
	struct buf buf;
	buf_init(&buf, arena, EVENT_MAX_BYTES);
	TRY(redact_put_event(&buf, version, root, true));
	return buf_finish(&buf, ret_canonical);
}
