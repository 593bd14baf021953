#include "core/account/identifier.h"

static enum rc text_member(
    json object, const char *name, const char *shown, str *ret_text, struct fail *fail)
{
	json value = json_get(object, str_of(name));
	if (!value)
		return fail_set(fail, RC_MISSING_PARAM, "%s is missing", shown);
	if (!json_text(value, ret_text))
		return fail_set(fail, RC_BAD_JSON, "%s must be a string", shown);
	return RC_OK;
}

enum rc identifier_read(json object, str *ret_user, struct fail *fail)
{
	json identifier = json_get(object, STR("identifier"));
	str type = STR_EMPTY;
	if (!identifier && json_get(object, STR("user")))
		return text_member(object, "user", "user", ret_user, fail);
	if (!identifier)
		return fail_set(fail, RC_MISSING_PARAM, "identifier is missing");
	if (!json_is_object(identifier))
		return fail_set(fail, RC_BAD_JSON, "identifier must be an object");
	TRY(text_member(identifier, "type", "identifier.type", &type, fail));
	if (!str_eq(type, STR("m.id.user")))
		return fail_set(fail, RC_UNKNOWN_400,
		    "identifier.type must be m.id.user: this server knows no other");
	return text_member(identifier, "user", "identifier.user", ret_user, fail);
}
