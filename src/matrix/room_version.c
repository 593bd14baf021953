#include "matrix/room_version.h"

/* Room Versions, "Feature matrix" and each version's own page. Versions 1 to 9 go before these rows. */
static const struct room_version versions[] = {
	{
		.name = STR_INIT("10"),
		.stable = true,
		.event_id_format = EVENT_ID_HASH_URL,
		.state_resolution = STATE_RESOLUTION_V2,
		.redaction = REDACTION_V9,
		.auth_numbering = AUTH_NUMBERING_V10,
		.strict_canonical_json = true,
		.enforce_key_validity = true,
		.limit_notifications_power = true,
		.knock = true,
		.restricted_join = true,
		.knock_restricted_join = true,
		.integer_power_levels = true,
		.create_in_auth_events = true,
	},
	{
		.name = STR_INIT("11"),
		.stable = true,
		.event_id_format = EVENT_ID_HASH_URL,
		.state_resolution = STATE_RESOLUTION_V2,
		.redaction = REDACTION_V11,
		.auth_numbering = AUTH_NUMBERING_V11,
		.strict_canonical_json = true,
		.enforce_key_validity = true,
		.limit_notifications_power = true,
		.knock = true,
		.restricted_join = true,
		.knock_restricted_join = true,
		.integer_power_levels = true,
		.implicit_room_creator = true,
		.redacts_in_content = true,
		.create_in_auth_events = true,
	},
	{
		.name = STR_INIT("12"),
		.stable = true,
		.event_id_format = EVENT_ID_HASH_URL,
		.state_resolution = STATE_RESOLUTION_V2_1,
		.redaction = REDACTION_V11,
		.auth_numbering = AUTH_NUMBERING_V12,
		.strict_canonical_json = true,
		.enforce_key_validity = true,
		.limit_notifications_power = true,
		.knock = true,
		.restricted_join = true,
		.knock_restricted_join = true,
		.integer_power_levels = true,
		.implicit_room_creator = true,
		.redacts_in_content = true,
		.privileged_creators = true,
		.room_id_from_create = true,
	},
};

const struct room_version *room_version_find(str name)
{
	for (size_t i = 0; i < COUNT_OF(versions); i++)
		if (str_eq(versions[i].name, name))
			return &versions[i];
	return NULL;
}

const struct room_version *room_version_default(void)
{
	return &versions[COUNT_OF(versions) - 1];
}

const struct room_version *room_version_all(size_t *ret_count)
{
	*ret_count = COUNT_OF(versions);
	return versions;
}
