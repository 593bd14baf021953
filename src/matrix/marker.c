#include "matrix/marker.h"

#define MEMBER_TYPE STR("m.room.member")

str marker_leave_content(enum marker_keys keys)
{
	switch (keys) {
	case MARKER_STABLE:
		return STR("{\"m.deactivated\":true,\"membership\":\"leave\"}");
	case MARKER_BOTH:
		return STR("{\"m.deactivated\":true,\"membership\":\"leave\","
		           "\"org.matrix.msc3759.deactivated\":true}");
	case MARKER_UNSTABLE:
		break;
	}
	return STR("{\"membership\":\"leave\",\"org.matrix.msc3759.deactivated\":true}");
}

enum marker_verdict marker_verdict(str type, bool is_state, str state_key, str sender, json content)
{
	if (!is_state || !str_eq(type, MEMBER_TYPE) || !str_eq(state_key, sender) ||
	    !str_eq(json_get_text(content, STR("membership")), STR("leave")))
		return MARKER_NONE;
	json unstable = json_get(content, MARKER_KEY_UNSTABLE);
	json stable = json_get(content, MARKER_KEY_STABLE);
	if (!json_is_true(unstable) && !json_is_true(stable))
		return MARKER_NONE;
	bool conflict = unstable && stable && json_is_true(unstable) != json_is_true(stable);
	return conflict ? MARKER_CONFLICT : MARKER_VALID;
}

bool marker_forged(str type, json content)
{
	return str_eq(type, MEMBER_TYPE) &&
	       (json_get(content, MARKER_KEY_UNSTABLE) || json_get(content, MARKER_KEY_STABLE));
}
