/* Whose signatures an event needs, and whether a key was good for it when it was made. */
#include "matrix/event.h"

#define KEY_TRUST_MS (INT64_C(7) * 24 * 60 * 60 * 1000) /* Room Versions, v5, "Signing key validity period" */

/* A server stands once. What is no ID becomes the empty name, by which nobody signs. */
static size_t add_server(str *servers, size_t count, str server)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(servers[i], server))
			return count;
	servers[count] = server;
	return count + 1;
}

static str server_of_user(str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) ? parts.domain : STR_EMPTY;
}

static str server_of_event_id(str event_id)
{
	struct id_parts parts;
	return event_id_parse(event_id, &parts) ? parts.domain : STR_EMPTY;
}

static bool is_member_event(const struct event *event, str membership)
{
	return event->is_state && str_eq(event->type, STR("m.room.member")) &&
	       str_eq(json_get_text(event->content, STR("membership")), membership);
}

size_t event_signers(const struct event *event, str ret_servers[EVENT_SIGNERS_MAX])
{
	const struct room_version *version = event->version;
	size_t count = 0;
	bool is_third_party_invite = is_member_event(event, STR("invite")) &&
	                             json_get(event->content, STR("third_party_invite"));
	json authoriser = json_get(event->content, STR("join_authorised_via_users_server"));
	if (!is_third_party_invite)
		count = add_server(ret_servers, count, server_of_user(event->sender));
	if (version->event_id_format == EVENT_ID_RANDOM)
		count = add_server(ret_servers, count, server_of_event_id(event->event_id));
	if (version->restricted_join && authoriser && is_member_event(event, STR("join")))
		count = add_server(ret_servers, count, server_of_user(json_text_or(authoriser, STR_EMPTY)));
	return count;
}

bool event_key_is_valid(const struct room_version *version, int64_t origin_server_ts_ms, int64_t valid_until_ts_ms,
                        int64_t expired_ts_ms, int64_t fetched_ms)
{
	int64_t trusted_until;
	if (expired_ts_ms)
		return origin_server_ts_ms <= expired_ts_ms;
	if (!version->enforce_key_validity)
		return true;
	if (__builtin_add_overflow(fetched_ms, KEY_TRUST_MS, &trusted_until))
		trusted_until = INT64_MAX;
	return origin_server_ts_ms <= valid_until_ts_ms && origin_server_ts_ms <= trusted_until;
}
