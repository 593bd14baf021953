#include "matrix/room_version.h"

static const struct room_version versions[] = {
#define ROOM_VERSION(n, ids, resolution, redacted, rules, alias, redact, canonical, validity, notifications, knocks, \
                     joins, both, integers, creator, redacts, infinite, derived, create)                      \
	{                                                                                                     \
		.name = STR_INIT(n),                                                                          \
		.stable = true,                                                                               \
		.event_id_format = EVENT_ID_##ids,                                                            \
		.state_resolution = STATE_RESOLUTION_##resolution,                                            \
		.redaction = REDACTION_##redacted,                                                            \
		.auth_numbering = AUTH_NUMBERING_##rules,                                                     \
		.special_alias_auth = alias,                                                                  \
		.redaction_auth = redact,                                                                     \
		.strict_canonical_json = canonical,                                                           \
		.enforce_key_validity = validity,                                                             \
		.limit_notifications_power = notifications,                                                   \
		.knock = knocks,                                                                              \
		.restricted_join = joins,                                                                     \
		.knock_restricted_join = both,                                                                \
		.integer_power_levels = integers,                                                             \
		.implicit_room_creator = creator,                                                             \
		.redacts_in_content = redacts,                                                                \
		.privileged_creators = infinite,                                                              \
		.room_id_from_create = derived,                                                               \
		.create_in_auth_events = create,                                                              \
	},
#include "matrix/room_versions.def"
#undef ROOM_VERSION
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
